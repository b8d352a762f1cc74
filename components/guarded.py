"""A stack as the documents see it that refuse what its account can't: the perimeter's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components import front_door_policies
from components.caller_policies import ways_of_roles
from components.iam import Account
from components.settings import AccountGuardsSettings, CallerSettings, Settings


@dataclass(frozen=True, kw_only=True)
class GuardedFrontDoor:
    """What leads to the models by a name of the stack's."""

    role: str
    """ARN of the role that API Gateway calls with for the front door's callers."""
    api: str
    """Id of the REST API."""
    domain_name: str


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A stack as the documents see it. All is plain: who has outputs waits for them."""

    account: Account
    tags: Mapping[str, str]
    """Tags that all its resources have, and no other's have."""
    iam_path: str
    endpoints: Sequence[str]
    """Names of its SageMaker endpoints."""
    runtime_endpoint: str
    """Id of the VPC endpoint that calls come through."""
    bucket: str
    """Its ARN."""
    keys: Sequence[str]
    """Their ARNs; the first encrypts artifacts."""
    call_log: str | None
    """ARN of the bucket with the log of calls, if there is one."""
    deployers: Sequence[str]
    """ARNs, or patterns of them, of the principals that may change the stack."""
    vpc: str
    data_through_vpc: bool
    """Whether artifacts are read through the VPC only."""
    account_guards: AccountGuardsSettings
    """The guards of the account that are the stack's."""
    front_door: GuardedFrontDoor | None = None
    balanced_name: str | None = None
    """The name that leads to the load balancer, if that stands in the front door's place."""
    web_acl: bool = False
    """Whether a web ACL of AWS WAF is in front of that API, or of the balancer."""
    callers: Sequence[CallerSettings] = ()
    """Those that live elsewhere."""

    @property
    def buckets(self) -> Sequence[str]:
        """ARNs of the buckets of artifacts and of the log of calls."""
        return [self.bucket, *filter(None, [self.call_log])]

    @property
    def watch(self) -> Sequence[str]:
        """ARNs of the trail that logs calls, the rules that tell of those from outside, and the log's objects."""
        name = f"{self.name}-calls"
        rule, trail = self.account.arn("events", f"rule/{name}"), self.account.arn("cloudtrail", f"trail/{name}")
        by_others = [f"{rule}-by-others"] if ways_of_roles(self.callers) else []
        return [trail, rule, *by_others, f"{self.call_log}/*"]

    @property
    def name(self) -> str:
        """PROJECT-STACK, with which the names of its resources begin."""
        return self.iam_path.strip("/").replace("/", "-")

    @property
    def boundary(self) -> str:
        """ARN of the managed policy that the boundary is: its name is unique in the account, whatever its path."""
        name = f"{self.name}-boundary"
        return f"arn:{self.account.partition}:iam::{self.account.id}:policy{self.iam_path}{name}"


def guarded_by(settings: Settings, account: Account, project: str, stack: str) -> Callable[..., Guarded]:
    """A stack as its settings say it is, but for what AWS chooses, which the function that is returned takes.

    That is `api`, the id of the front door's, or None, and by their names in Guarded runtime_endpoint, vpc, bucket,
    call_log and keys.
    """
    path, door = f"/{project}/{stack}/", settings.private_api

    def known(*, api: str | None, **values: Any) -> Guarded:
        role = front_door_policies.role_arn(account, path, f"{project}-{stack}")
        return Guarded(
            account=account,
            tags={"Project": project, "Stack": stack},
            iam_path=path,
            endpoints=[endpoint.name for endpoint in settings.endpoints],
            deployers=settings.perimeter.deployers,
            data_through_vpc=settings.perimeter.data_through_vpc,
            account_guards=settings.account_guards,
            callers=settings.callers,
            balanced_name=settings.balanced_name,
            web_acl=settings.front_door is not None and settings.front_door.web_acl_arn is not None,
            front_door=GuardedFrontDoor(role=role, api=api, domain_name=door.domain_name) if door and api else None,
            **values,
        )

    return known


def unless_deployer(guarded: Guarded) -> dict[str, Any]:
    """The condition that whoever asks is no deployer."""
    return {"ArnNotLike": {"aws:PrincipalArn": list(guarded.deployers)}} if guarded.deployers else {}
