"""Who asks, for what, over which path, and the documents that decide.

Nothing here knows where documents come from: loaders do, in folders of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from private_inference.authorization.patterns import Pattern
from private_inference.graph.iam_documents import DocumentError, Statement, has_variables, statements
from private_inference.graph.values import UnverifiableError


class Kind(StrEnum):
    """What a principal is."""

    ROLE = "role"
    """A session of a role; its identity policies are bounded by its permissions boundary."""
    USER = "user"
    SERVICE = "service"
    """An AWS service, for somebody."""
    ANONYMOUS = "anonymous"
    FEDERATED = "federated"
    """Whom an identity provider signs for: `arn` is the provider, as trusts name it."""


@dataclass(frozen=True)
class Policy:
    """A policy document; `gap` names what of it can't be read, and then it has no statements."""

    name: str
    statements: tuple[Statement, ...] = ()
    variables: bool = False
    gap: str = ""


def read_policy(name: str, document: Any) -> Policy:
    """A policy from JSON text or the structure itself; what can't be read becomes its gap."""
    try:
        return Policy(name, tuple(statements(document)), has_variables(document))
    except UnverifiableError:
        return Policy(name, gap=f"{name} is known after deployment only")
    except DocumentError as error:
        return Policy(name, gap=f"{name}: {error}")


@dataclass(frozen=True)
class Barrier:
    """What keeps requests of a principal from a path: the network, whatever documents say.

    everywhere: no packet of its gets there; else calls fail from some of where it runs. services: prefixes of the
    actions that this is about; all of them if there are none.
    """

    why: str
    everywhere: bool = True
    services: tuple[str, ...] = ()


@dataclass(frozen=True)
class Principal:
    """Who may ask.

    arn: with wildcards, every principal whose ARN fits. identity: None means that others decide about it, and that it
    may allow everything. context: values of keys that come with this principal, by their names in lower case.
    """

    name: str
    kind: Kind
    arn: str = ""
    account: str = ""
    identity: tuple[Policy, ...] | None = ()
    boundary: Policy | None = None
    context: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    bounds: Mapping[str, Pattern] = field(default_factory=dict)
    """Patterns for the values of further such keys."""
    holds: tuple[str, ...] = ()
    """Names of the policies attached to it that the stack hands out."""
    trust: Policy | None = None
    """A role's: who may take it."""
    groups: tuple[str, ...] = ()
    """ARNs of the groups that a user is in."""
    policies: tuple[str, ...] = ()
    """ARNs of the account's managed policies that are attached to it or to its groups."""
    members: tuple[str, ...] = ()
    """Names of all whom it stands for, where it stands for several."""
    besides: frozenset[str] = frozenset()
    """ARNs that fit its own and are others': those are principals by themselves."""
    barriers: Mapping[str, Barrier] = field(default_factory=dict)
    """By the name of a path: none where it may be anywhere."""
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the name of a path: the blocks of addresses that its requests come from, where those are known."""
    declared: str = ""
    """Why it is known to have more than others, where the settings say so."""

    def barrier(self, path: Path, action: str) -> Barrier | None:
        """What keeps a request for an action from a path."""
        found = self.barriers.get(path.name)
        about = found and (not found.services or action.partition(":")[0] in found.services)
        return found if about else None

    @property
    def service_linked(self) -> bool:
        """Whether it is a role that an AWS service made for itself."""
        return ":role/aws-service-role/" in self.arn


class Guard(StrEnum):
    """What a resource's own policy has to say."""

    EITHER = "either"
    """It may allow, as the principal's policies may; a resource without a policy is one of these."""
    NEEDED = "needed"
    """Nothing is allowed without it: keys, and the trust of roles."""


@dataclass(frozen=True)
class AccessPoint:
    """A way to a bucket's objects that has a policy of its own, beside which the bucket's has to allow a request.

    arn: with wildcards, every access point whose ARN fits, of another account, whose policy is up to others. vpc: the
    one that requests have to come from.
    """

    name: str
    arn: str
    account: str
    policy: Policy | None = None
    vpc: str | None = None


@dataclass(frozen=True)
class Resource:
    """What is asked for: an ARN, or with wildcards every ARN that fits, of one account, under one policy."""

    name: str
    arn: str
    account: str
    policy: Policy | None = None
    guard: Guard = Guard.EITHER
    kind: str = ""
    """What actions it takes: one of `actions.ACTIONS`."""
    through: AccessPoint | None = None
    """The access point that requests for a bucket's objects come through."""
    on: Resource | None = None
    """What calls of it are about, too: an inference component's endpoint."""

    @property
    def called(self) -> str:
        """Its name, with how it is asked for."""
        return f"{self.name}, through {self.through.name}" if self.through else self.name

    @property
    def policies(self) -> Iterator[Policy]:
        """Every policy that guards it."""
        yield from filter(None, (self.policy, self.through and self.through.policy))


def component_on(endpoint: Resource, name: str) -> Resource:
    """An inference component: a call that names one is about it, and about its endpoint.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html (InvokeEndpoint)
    """
    place, found, _ = endpoint.arn.partition(":endpoint/")
    arn = f"{place}:inference-component/{name}" if found else endpoint.arn
    return Resource(f"component {name}", arn, endpoint.account, kind="component", on=endpoint)


@dataclass(frozen=True)
class Path:
    """How a request comes: through a VPC endpoint, or around them all (`endpoint` is None).

    policy: the endpoint's; without one everything passes.
    """

    name: str
    endpoint: str | None = None
    vpc: str | None = None
    service: str = ""
    """Such as `sagemaker.runtime`; none for an endpoint of others, which may be of any service."""
    gateway: bool = False
    policy: Policy | None = None


PUBLIC = Path("no VPC endpoint")
"""Over a service's public addresses, or from inside AWS."""
OTHER_ENDPOINT = Path("any other VPC endpoint", "vpce-of-others", "vpc-of-others")
HOLDERS = "holders of "
"""What the name of those begins with who hold a policy that the stack hands out."""


@dataclass(frozen=True)
class Organization:
    """What holds for a whole account: for each level from the root down, the policies attached there."""

    scps: tuple[tuple[Policy, ...], ...] = ()
    """Service control policies: for the account's own principals."""
    rcps: tuple[tuple[Policy, ...], ...] = ()
    """Resource control policies: for whoever asks for the account's resources."""


def level(policies: Sequence[Policy]) -> tuple[tuple[Policy, ...], ...]:
    """A level of an organization with these policies beside AWS's own, which allows everything; none without any."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}
    own = read_policy("FullAWSAccess", {"Version": "2012-10-17", "Statement": [everything]})
    return ((own, *policies),) if policies else ()


@dataclass(frozen=True)
class Administrators:
    """Those whom the settings declare: a pattern of ARNs, or the root of another account; the reason is for readers."""

    principal: str
    reason: str


@dataclass(frozen=True)
class Account:
    """An account of a stack, and what its documents decide about."""

    id: str
    partition: str
    principals: tuple[Principal, ...]
    resources: tuple[Resource, ...]
    paths: tuple[Path, ...]
    organization: Organization = Organization()
    gaps: tuple[str, ...] = ()
    """What of the account's documents can't be told apart, by name."""
    complete: bool = False
    """Whether its principals are all that the account has."""
    administrators: tuple[Administrators, ...] = ()
    """Those declared; principals that are among them say so."""

    @property
    def documents(self) -> Iterable[Policy]:
        """Every document."""
        for principal in self.principals:
            yield from principal.identity or ()
            if principal.boundary:
                yield principal.boundary
        yield from (policy for each in self.resources for policy in each.policies)
        yield from filter(None, (each.policy for each in self.paths))
        for levels in (self.organization.scps, self.organization.rcps):
            yield from (policy for level in levels for policy in level)
