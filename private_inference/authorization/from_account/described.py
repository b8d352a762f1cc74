"""What AWS said of an account: identities as IAM describes them, and the stack's resources with their documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Guarded:
    """A resource of the stack.

    name, kind: as the stack's intent and `actions.ACTIONS` have them; `bucket` stands for its objects, too, and `role`
    for its trust. policies: the documents that guard it, as JSON text or structures. grants: a key's, as KMS lists
    them. access_points: a bucket's, as S3 lists them, each with its policy. components: names of an
    endpoint's inference components. gap: why its documents could not be read.
    """

    name: str
    kind: str
    arn: str
    policies: Sequence[Any] = ()
    grants: Sequence[Item] = ()
    gap: str = ""
    access_points: Sequence[tuple[Item, str | None]] = ()
    components: Sequence[str] = ()


@dataclass(frozen=True)
class Endpoint:
    """A VPC endpoint of the stack by its name, as EC2 describes it."""

    name: str
    arn: str
    described: Item


@dataclass(frozen=True)
class Described:
    """An account: `users`, `groups`, `roles` and `policies` are the lists of IAM's GetAccountAuthorizationDetails.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html

    handed_out: the ARNs of policies that the stack hands out, by name. gaps: what else has a say and isn't read.
    """

    account: str
    partition: str
    users: Sequence[Item]
    groups: Sequence[Item]
    roles: Sequence[Item]
    policies: Sequence[Item]
    resources: Sequence[Guarded]
    endpoints: Sequence[Endpoint]
    handed_out: Mapping[str, str]
    gaps: tuple[str, ...] = ()
