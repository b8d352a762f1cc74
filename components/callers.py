"""Callers that live elsewhere: in another VPC of the account by a policy, in another account by a role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components import caller_policies as policies
from components import iam
from components.caller_contract import CalledEndpoint, CallerContract, CallerRole, parameter_name
from components.component_arns import component_arns
from components.contract import CONTRACT_VERSION, LEFT_OUT, as_json
from components.iam import Account
from components.inference import InferenceEndpoint
from components.names import stack_name, stack_path
from components.safeguards import Safeguards
from components.settings import CallerSettings, SettingsError


@dataclass(frozen=True, kw_only=True)
class CallersArgs:
    """Who calls what."""

    settings: Sequence[CallerSettings]
    account: Account
    endpoints: Mapping[str, InferenceEndpoint]
    """By the SageMaker endpoint's name."""
    contract: pulumi.Resource
    """The stack's contract. Those of callers are deleted before it: nothing goes while somebody holds their policy."""
    safeguards: Safeguards


class Callers(pulumi.ComponentResource):
    """For each caller a policy or a role, bounded to its VPC endpoints, and an SSM parameter with its contract.

    Raises SettingsError for an account that is this one, and for a role whose name is too long.
    """

    contracts: Mapping[str, Any]
    """By the caller's name: a `CallerContract` as JSON."""

    def __init__(self, name: str, args: CallersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        _check(args)
        super().__init__("private-inference:access:Callers", name, None, opts)
        self._args = args
        self.contracts = {caller.name: self._contract(caller) for caller in args.settings}
        self.register_outputs({})

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _arns(self, caller: CallerSettings, endpoint: InferenceEndpoint) -> list[iam.Arn]:
        """What a caller's call of an endpoint is about: the endpoint, and the component that it names, if any."""
        components = component_arns(self._args.account, _components(caller, endpoint).values())
        return [endpoint.endpoint.arn, *components]

    def _contract(self, caller: CallerSettings) -> Mapping[str, Any]:
        called = {name: self._args.endpoints[name] for name in caller.endpoints or self._args.endpoints}
        arns = policies.Called(
            [arn for each in called.values() if not each.target_models for arn in self._arns(caller, each)],
            [arn for each in called.values() if each.streaming for arn in self._arns(caller, each)],
            [(each.endpoint.arn, each.target_models) for each in called.values() if each.target_models],
        )
        document = iam.json_document(policies.calls(arns, caller))
        account, granted = self._args.account, list(called.values())
        by: dict[str, iam.Arn] = {"aws:PrincipalAccount": account.id}
        given: dict[str, Any] = {"invoke_policy_arn": LEFT_OUT, "role": LEFT_OUT}
        if caller.account:
            role = self._role(caller, document, granted)
            by = {"aws:PrincipalArn": role.arn}
            given["role"] = _role_contract(caller, role)
        else:
            given["invoke_policy_arn"] = self._policy(caller, document, granted).arn
        contract = as_json(
            CallerContract,
            contract_version=CONTRACT_VERSION,
            region=account.region,
            endpoints={name: _called(caller, each) for name, each in called.items()},
            vpc_endpoint_ids=list(caller.vpc_endpoints),
            runtime_endpoint_policy=policies.runtime_endpoint_policy(arns, by),
            **given,
        )
        aws.ssm.Parameter(
            policies.label(caller),
            name=parameter_name(pulumi.get_project(), pulumi.get_stack(), caller.name),
            type=aws.ssm.ParameterType.STRING,
            description=f"How {caller.name} calls its models",
            # `value` would count as a secret.
            insecure_value=pulumi.Output.json_dumps(contract),
            opts=self._child(depends_on=[self._args.contract], hooks=self._args.safeguards.caller_contract),
        )
        return contract

    def _policy(
        self, caller: CallerSettings, document: pulumi.Output[str], granted: Sequence[pulumi.Resource]
    ) -> aws.iam.Policy:
        return aws.iam.Policy(
            policies.label(caller),
            path=stack_path(),
            description=f"Calls for {caller.name}, through its own VPC endpoints",
            policy=document,
            # Deleted first: as long as somebody holds the policy, the endpoints stay as they are.
            opts=self._child(depends_on=list(granted), hooks=self._args.safeguards.invoke_policy),
        )

    def _role(
        self, caller: CallerSettings, document: pulumi.Output[str], granted: Sequence[pulumi.Resource]
    ) -> aws.iam.Role:
        role = aws.iam.Role(
            policies.label(caller),
            name=policies.role_name(stack_name(), caller),
            path=stack_path(),
            description=f"Calls for {caller.name}, from another account",
            assume_role_policy=iam.json_document(policies.trust(caller)),
            max_session_duration=policies.SESSION_SECONDS,
            opts=self._child(),
        )
        aws.iam.RolePolicy(
            policies.label(caller), role=role.id, policy=document, opts=self._child(depends_on=list(granted))
        )
        return role


def _check(args: CallersArgs) -> None:
    """What of the callers can't be, and only the running stack knows."""
    for position, caller in enumerate(args.settings):
        if caller.account == args.account.id:
            raise SettingsError(
                f"callers[{position}].account: it is the stack's own. Leave it out, and what is for callers of another "
                "account."
            )
        name = policies.role_name(stack_name(), caller)
        if caller.account and len(name) > policies.LONGEST_ROLE_NAME:
            raise SettingsError(
                f"callers[{position}].name: its role would be called {name!r}, with {len(name)} characters; a role's "
                f"name has {policies.LONGEST_ROLE_NAME} at most. Choose a shorter name."
            )


def _components(caller: CallerSettings, endpoint: InferenceEndpoint) -> dict[str, str]:
    """The names of an endpoint's components that a caller may call, by their names in the settings."""
    named = endpoint.components.items()
    return {short: name for short, name in named if not caller.components or name in caller.components}


def _called(caller: CallerSettings, endpoint: InferenceEndpoint) -> dict[str, Any]:
    return as_json(
        CalledEndpoint,
        name=endpoint.endpoint.name,
        arn=endpoint.endpoint.arn,
        variants=list(endpoint.variants),
        mode="real-time",
        streaming=True if endpoint.streaming else LEFT_OUT,
        target_models=list(endpoint.target_models) or LEFT_OUT,
        target_containers=list(endpoint.target_containers) or LEFT_OUT,
        components=_components(caller, endpoint) or LEFT_OUT,
    )


def _role_contract(caller: CallerSettings, role: aws.iam.Role) -> dict[str, Any]:
    return as_json(
        CallerRole,
        arn=role.arn,
        external_id=caller.external_id,
        session_seconds=policies.SESSION_SECONDS,
        sts_vpc_endpoint_ids=list(caller.sts_vpc_endpoints),
        identity_policy=policies.identity_policy(role.arn),
        sts_endpoint_policy=policies.sts_endpoint_policy(role.arn),
    )
