"""The perimeter's policies, attached to the stack's own account: by a delegated administrator of the organization.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs-policy-delegate.html. Their documents name this stack's
resources alone, so nothing would be won by attaching them to a unit above the account.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.guarded import Guarded
from components.iam import Arn
from components.names import name_tag, stack_name
from components.perimeter import documents, text
from components.settings.perimeter import POLICY_TYPES


@dataclass(frozen=True, kw_only=True)
class AttachedPerimeterArgs:
    """What is attached, and what is known once the stack's resources are."""

    kinds: Sequence[str]
    account_id: str
    guarded: Callable[..., Guarded]
    """Takes the six below when they are known."""
    runtime_endpoint: pulumi.Input[str]
    vpc: pulumi.Input[str]
    bucket: Arn
    call_log: Arn | None
    """The bucket with the log of calls, if there is one."""
    keys: Sequence[Arn]
    """The data key is the first."""
    api: pulumi.Input[str] | None
    """Id of the front door's, if there is one."""


class AttachedPerimeter(pulumi.ComponentResource):
    """A policy of the organization for each kind, attached to the account."""

    def __init__(self, name: str, args: AttachedPerimeterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:perimeter:AttachedPerimeter", name, None, opts)
        known = pulumi.Output.all(
            runtime_endpoint=args.runtime_endpoint,
            vpc=args.vpc,
            bucket=args.bucket,
            call_log=args.call_log,
            keys=pulumi.Output.all(*args.keys),
            api=args.api,
        )

        def content(kind: str) -> pulumi.Output[str]:
            def written(values: dict[str, Any]) -> str:
                return text(kind, documents(args.guarded(**values))[kind])

            return known.apply(written)

        for kind in args.kinds:
            policy = aws.organizations.Policy(
                kind,
                name=stack_name(kind),
                description=f"Perimeter of {pulumi.get_project()}/{pulumi.get_stack()}",
                type=POLICY_TYPES[kind],
                content=content(kind),
                tags=name_tag(kind),
                opts=pulumi.ResourceOptions(parent=self),
            )
            aws.organizations.PolicyAttachment(
                kind, policy_id=policy.id, target_id=args.account_id, opts=pulumi.ResourceOptions(parent=self)
            )
        self.register_outputs({})
