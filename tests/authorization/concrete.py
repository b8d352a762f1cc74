"""Whether one request is allowed: AWS's evaluation logic once more, request by request, as the reasoner's referee.

It shares nothing with the reasoner: documents are plain JSON, conditions are evaluated by the embedded AWS's module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from private_inference.rehearsal.iam_conditions import Context, applies

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """An access point: its ARN, the account that it is of, its policy, and the VPC that requests have to come from."""

    arn: str
    account: str
    policy: Document | None = None
    vpc: str | None = None


@dataclass(frozen=True)
class Case:
    """A request and the documents that decide about it.

    kind: `role`, `user`, `service`, `anonymous` or `federated`. who: an ARN, the service, or the identity provider.
    identity: None where it allows all. scps, rcps: by level. part_excluded: what a Deny with NotPrincipal does to a
    principal that it names in part.
    """

    kind: str
    who: str
    account: str
    action: str
    resource: str
    context: Context
    identity: Sequence[Document] | None = ()
    boundary: Document | None = None
    policy: Document | None = None
    needed: bool = False
    endpoint: Document | None = None
    gateway: bool = False
    scps: Sequence[Sequence[Document]] = ()
    rcps: Sequence[Sequence[Document]] = ()
    owner: str = "123456789012"
    point: Point | None = None
    part_excluded: bool = field(default=True)


def allowed(case: Case) -> bool:
    """Whether the request is allowed."""
    if case.point is not None:
        return _through(case, case.point)
    ceilings = [list(_effects(case, level)) for level in case.scps if case.account == case.owner]
    if case.action.split(":")[0] in ("s3", "kms", "sts"):
        ceilings += [[e for _, e in _on_resource(case, level)] for level in case.rcps]
    if case.endpoint is not None:
        ceilings.append([e for _, e in _on_resource(case, [case.endpoint], case.gateway)])
    own = list(_effects(case, case.identity or ()))
    bound = None if case.boundary is None else list(_effects(case, [case.boundary]))
    theirs = list(_on_resource(case, [case.policy] if case.policy else []))
    everything = [*own, *(bound or []), *(e for _, e in theirs), *(e for ceiling in ceilings for e in ceiling)]
    if "Deny" in everything or any("Allow" not in ceiling for ceiling in ceilings):
        return False
    means = {how for how, effect in theirs if effect == "Allow"}
    if case.kind in ("service", "anonymous", "federated"):
        return bool(means)
    within_bounds = bound is None or "Allow" in bound
    by_identity = within_bounds and (case.identity is None or "Allow" in own)
    if case.account != case.owner:
        return by_identity and bool(means)
    if "anyone" in means or ("self" in means and (case.kind == "user" or within_bounds)):
        return True
    return by_identity and (not case.needed or "account" in means)


def _through(case: Case, point: Point) -> bool:
    """Through an access point: the bucket has to allow it, and the access point, whose owner is up to himself."""
    if point.vpc and case.context.get("aws:sourcevpc") != point.vpc:
        return False
    came = {"s3:dataaccesspointarn": point.arn, "s3:dataaccesspointaccount": point.account}
    came["s3:accesspointnetworkorigin"] = "VPC" if point.vpc else "Internet"
    direct = replace(case, point=None, context={**case.context, **came})
    key = case.resource.partition("/")[2]
    own = replace(direct, resource=f"{point.arn}/object/{key}", policy=point.policy)
    return allowed(direct) and (point.account != case.owner or allowed(own))


def _effects(case: Case, documents: Sequence[Document]) -> Iterator[str]:
    for document in documents:
        for statement in document["Statement"]:
            if applies(statement, case.action, case.resource, case.context):
                yield statement["Effect"]


def _on_resource(case: Case, documents: Sequence[Document], gateway: bool = False) -> Iterator[tuple[str, str]]:
    for document in documents:
        for statement in document["Statement"]:
            if applies(statement, case.action, case.resource, case.context):
                for how in _how(case, statement, gateway):
                    yield how, statement["Effect"]


def _how(case: Case, statement: Document, gateway: bool) -> Iterator[str]:
    mine = {case.who, case.account, f"arn:aws:iam::{case.account}:root"} if case.account else {case.who}
    if "NotPrincipal" in statement:
        named = set(_flat(statement["NotPrincipal"]))
        bound = case.boundary is not None and statement["Effect"] == "Deny"
        left_out = "*" in named or (named & mine and (case.part_excluded or case.kind in ("service", "federated")))
        if bound or not left_out:
            yield "anyone"
        return
    principal = {"AWS": "*"} if statement["Principal"] == "*" else statement["Principal"]
    for kind, names in principal.items():
        for name in _flat(names):
            if kind == "AWS" and name == "*":
                yield "anyone"
            elif name == case.who and kind == {"service": "Service", "federated": "Federated"}.get(case.kind, "AWS"):
                yield "self"
            elif case.account and name in mine and not gateway:
                yield "account"


def _flat(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    groups = value.values() if isinstance(value, Mapping) else value
    return [each for group in groups for each in _flat(group)]
