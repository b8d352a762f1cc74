"""When a request is allowed: AWS's evaluation logic as one formula.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
(the order of policies, and which limit what a resource's policy allows), there
reference_policies_evaluation-logic-cross-account.html, for service-linked roles
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html, and for keys https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from private_inference.authorization.access_points import OBJECT, keys_of
from private_inference.authorization.actions import CALLS
from private_inference.authorization.domains import Bound
from private_inference.authorization.formula import Formula, Value, all_of, negated, some_of
from private_inference.authorization.model import (
    AccessPoint,
    Account,
    Guard,
    Kind,
    Organization,
    Path,
    Policy,
    Principal,
    Resource,
)
from private_inference.authorization.patterns import glob
from private_inference.authorization.statements import (
    PRINCIPAL_ARN,
    RESOURCE,
    Applying,
    Asked,
    Effect,
    Meaning,
    applying,
)

UNDER_RCPS = frozenset({"kms", "s3", "secretsmanager", "sqs", "sts"})
"""Services whose requests resource control policies reach; SageMaker is not among those that AWS names.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html
"""


@dataclass(frozen=True)
class Question:
    """Whether a principal may do something to a resource over a path."""

    principal: Principal
    action: str
    resource: Resource
    path: Path


@dataclass(frozen=True)
class Decision:
    """When it may (`allowed`), the statements that have a say, and what bounds the values of keys."""

    allowed: Formula
    statements: tuple[Applying, ...]
    within: Mapping[str, Bound]
    fixed: Mapping[str, Value]
    before: str = ""
    """What the resource's ARN begins with, where `allowed` has what follows it."""


def decide(account: Account, question: Question) -> Decision:
    """When a request is allowed."""
    fixed, within = _keys(question)
    if question.resource.through is not None:
        return _through(account, question, question.resource.through, fixed, within)
    documents = _Documents(account, question, Asked(question.action, question.principal, fixed))
    if question.resource.on is None or question.action not in CALLS:
        return Decision(documents.allowed(), documents.every, within, fixed)
    called = decide(account, replace(question, resource=question.resource.on))
    allowed = all_of(documents.allowed(), called.allowed)
    return Decision(allowed, (*documents.every, *called.statements), within, fixed)


def _through(
    account: Account, question: Question, point: AccessPoint, fixed: dict[str, Value], within: dict[str, Bound]
) -> Decision:
    """When a request through an access point is allowed: if it is of the access point, and of the bucket behind it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html
    """
    objects, asked = question.resource, Asked(question.action, question.principal, fixed)
    bucket = f"{objects.arn.partition('/')[0]}/"
    levels = [_Documents(account, question, replace(asked, before=bucket))]
    if point.account == objects.account:
        own = Resource(point.name, f"{point.arn}{OBJECT}*", point.account, point.policy, kind=objects.kind)
        levels.append(
            _Documents(account, replace(question, resource=own), replace(asked, before=f"{point.arn}{OBJECT}"))
        )
    reached = point.vpc is None or point.vpc == question.path.vpc
    allowed = all_of(reached, *(each.allowed() for each in levels))
    return Decision(allowed, tuple(one for each in levels for one in each.every), within, fixed, bucket)


def _keys(question: Question) -> tuple[dict[str, Value], dict[str, Bound]]:
    """The values that are known of a request's keys, and bounds for others."""
    principal, path = question.principal, question.path
    fixed: dict[str, Value] = {
        "aws:sourcevpce": None if path.endpoint is None else (path.endpoint,),
        "aws:sourcevpc": None if path.vpc is None else (path.vpc,),
        "aws:principalisawsservice": ("true" if principal.kind is Kind.SERVICE else "false",),
    }
    within: dict[str, Bound] = {}
    if principal.kind is not Kind.SERVICE:
        # Each of the two is there only where the other isn't (reference_policies_condition-keys.html).
        fixed["aws:vpcsourceip" if path.endpoint is None else "aws:sourceip"] = None
    if path.name in principal.blocks:
        within["aws:vpcsourceip"] = tuple(map(ipaddress.ip_network, principal.blocks[path.name]))
    if principal.kind in (Kind.ROLE, Kind.USER):
        fixed |= dict.fromkeys(("aws:principalaccount", "kms:calleraccount"), (principal.account,))
        if glob(principal.arn).constant:
            fixed[PRINCIPAL_ARN] = (principal.arn,)
        else:
            within[PRINCIPAL_ARN] = glob(principal.arn)
    else:
        fixed |= dict.fromkeys((PRINCIPAL_ARN, "aws:principalaccount"))
    if principal.kind is Kind.SERVICE:
        fixed["aws:principalservicename"] = (principal.name,)
    within |= principal.bounds
    point_fixed, point_within = keys_of(question.resource)
    fixed, within = fixed | point_fixed, within | point_within
    asked_for = question.resource.arn.partition("/")[2] if question.resource.through else question.resource.arn
    resource = glob(asked_for)
    if resource.constant:
        fixed[RESOURCE] = (asked_for,)
    else:
        within[RESOURCE] = resource
    return fixed | dict(principal.context), within


class _Documents:
    """The documents that have a say about a question, each read once."""

    def __init__(self, account: Account, question: Question, asked: Asked) -> None:
        principal, path, resource = question.principal, question.path, question.resource
        own = principal.kind in (Kind.ROLE, Kind.USER)
        self._question = question
        self._same_account = own and principal.account == resource.account
        self._identity = self._read(asked, principal.identity or ())
        self._boundary = self._read(asked, [principal.boundary]) if principal.boundary else None
        self._resource = self._read(asked, [resource.policy] if resource.policy else [], named=True)
        self._endpoint = self._read(asked, [path.policy], named=True, gateway=path.gateway) if path.policy else None
        # Neither binds a service-linked role.
        bound = account.organization if not principal.service_linked else Organization()
        scps = bound.scps if own and principal.account == account.id else ()
        reached = question.action.partition(":")[0] in UNDER_RCPS and resource.account == account.id
        self._scps = [self._read(asked, level) for level in scps]
        self._rcps = [self._read(asked, level, named=True) for level in (bound.rcps if reached else ())]

    @staticmethod
    def _read(
        asked: Asked, policies: Iterable[Policy], *, named: bool = False, gateway: bool = False
    ) -> tuple[Applying, ...]:
        return tuple(each for one in policies for each in applying(one, asked, named=named, gateway=gateway))

    @property
    def every(self) -> tuple[Applying, ...]:
        """All statements that may apply."""
        levels = [*self._scps, *self._rcps, self._endpoint or (), self._boundary or ()]
        return (*self._identity, *self._resource, *(each for level in levels for each in level))

    def allowed(self) -> Formula:
        ceilings = [*self._scps, *self._rcps, *([] if self._endpoint is None else [self._endpoint])]
        return all_of(
            negated(_said(self.every, "Deny")), *(_said(level, "Allow") for level in ceilings), self._granted()
        )

    def _granted(self) -> Formula:
        """Whether something allows it, ceilings and denials aside."""
        principal, resource = self._question.principal, self._question.resource
        anyone = _said(self._resource, "Allow", Meaning.ANYONE)
        named = _said(self._resource, "Allow", Meaning.NAMED)
        to_account = _said(self._resource, "Allow", Meaning.ACCOUNT)
        if principal.kind in (Kind.SERVICE, Kind.ANONYMOUS, Kind.FEDERATED):
            return some_of(anyone, named)
        bounded = True if self._boundary is None else _said(self._boundary, "Allow")
        identity = all_of(True if principal.identity is None else _said(self._identity, "Allow"), bounded)
        if not self._same_account:
            return all_of(identity, some_of(anyone, named, to_account))
        # What a resource grants to a role by its ARN is limited by the role's boundary; to a user, or to everyone,
        # it is not.
        direct = some_of(anyone, all_of(named, bounded) if principal.kind is Kind.ROLE else named)
        if resource.guard is Guard.NEEDED:
            return some_of(direct, all_of(to_account, identity))
        return some_of(direct, identity)


def _said(statements: Sequence[Applying], effect: Effect, *meanings: Meaning) -> Formula:
    """Whether some statement with an effect (and meaning) applies."""
    return some_of(
        *(each.when for each in statements if each.effect == effect and (not meanings or each.meaning in meanings))
    )
