"""Whether a role may do something: its own policies, and those of what it touches.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (within one account)
and, for keys, https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html. Grants, session policies and
what an organization forbids are left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from private_inference.graph.iam_documents import as_list, principals
from private_inference.rehearsal.iam_conditions import Statement, applies

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Role:
    """A role and the documents that say what it may do. Raises UnknownOperatorError where one can't be evaluated."""

    arn: str
    trust: Document
    policies: tuple[Document, ...] = ()
    """Inline and attached ones."""
    boundary: Document | None = None
    """The permissions boundary, if it has one."""

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def root(self) -> str:
        """The role's account as a principal."""
        return ":".join([*self.arn.split(":")[:5], "root"])


@dataclass(frozen=True)
class Request:
    """One action on one resource, and the condition keys that come with it, in lower case."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def by(self, role: Role) -> "Request":
        """The request with the condition keys that say who makes it."""
        who = {
            "aws:principalarn": role.arn,
            "aws:principalaccount": role.account,
            "aws:principaltype": "AssumedRole",
            "aws:principalisawsservice": "false",
            "aws:viaawsservice": "false",
        }
        return replace(self, context=who | dict(self.context))


@dataclass(frozen=True)
class Way:
    """The VPC endpoint that a request comes through."""

    endpoint: str
    """Its id."""
    vpc_arn: str
    policy: Document
    gateway: bool
    """Whether it is a gateway endpoint, not an interface one."""

    @property
    def context(self) -> dict[str, str]:
        """The condition keys of requests that come this way."""
        vpc = self.vpc_arn.rpartition("/")[2]
        return {"aws:sourcevpce": self.endpoint, "aws:sourcevpc": vpc, "aws:sourcevpcarn": self.vpc_arn}


def service_may(policy: Document, service: str, request: Request) -> bool:
    """Whether an AWS service may, by the policy of what it touches: a role's trust, a key, a topic."""
    return _named_may(policy, {("Service", service), ("AWS", "*"), (None, "*")}, request)


def anybody_may(policy: Document, request: Request) -> bool:
    """Whether whoever signs no request may, by the policy of what is asked for, or of the VPC endpoint on the way."""
    return _named_may(policy, {(None, "*"), ("AWS", "*")}, request)


def trusts(role: Role, service: str) -> bool:
    """Whether an AWS service may assume the role, for a resource of the role's own account."""
    return service_may(role.trust, service, Request("sts:AssumeRole", role.arn, {"aws:sourceaccount": role.account}))


def trusts_administrator(role: Role, arn: str, given: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Whether an identity to which the policies of its own account allow everything may assume the role.

    `given` are the condition keys of what it sends along.
    """
    partition, account = arn.split(":")[1], arn.split(":")[4]
    root = f"arn:{partition}:iam::{account}:root"
    named: set[tuple[str | None, str]] = {(None, "*"), *(("AWS", name) for name in (arn, root, account, "*"))}
    context = {"aws:principalarn": arn, "aws:principalaccount": account, **given}
    return _named_may(role.trust, named, Request("sts:AssumeRole", role.arn, context))


def takes(taker: Role, role: Role, request: Request, way: Way | None) -> bool:
    """Whether a role may assume another, for which `request` asks.

    Of another account, its own policies have to allow it, too.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
    """
    theirs, own = _resource_effects(taker, request, role.trust), identity_allows(taker, request)
    if "Deny" in _effects(taker.policies, request.by(taker)) | {effect for _, effect in theirs}:
        return False
    named, to_account = ((meant, "Allow") in theirs for meant in (True, False))
    trusted = (named or to_account) and own if taker.account != role.account else named or (to_account and own)
    return trusted and (way is None or passes(taker, request, way))


def _named_may(policy: Document, named: set[tuple[str | None, str]], request: Request) -> bool:
    """Whether the statements of a policy for any of these principals allow the request."""
    effects = {
        statement["Effect"]
        for statement in as_list(policy.get("Statement"))
        if named & set(principals(statement.get("Principal")))
        if applies(statement, request.action, request.resource, request.context)
    }
    return effects == {"Allow"}


def identity_allows(role: Role, request: Request) -> bool:
    """Whether the role's own policies, within its boundary, allow the request."""
    within = role.boundary is None or _effects([role.boundary], request.by(role)) == {"Allow"}
    return within and _effects(role.policies, request.by(role)) == {"Allow"}


def may(role: Role, request: Request, resource_policy: Document | None = None) -> bool:
    """Whether the role may, where the resource is its account's and has this policy (a bucket, a repository).

    Either side may allow it; a statement for the account alone leaves it to the role's own policies.
    """
    own, theirs = _effects(role.policies, request.by(role)), _resource_effects(role, request, resource_policy)
    if "Deny" in own | {effect for _, effect in theirs}:
        return False
    return identity_allows(role, request) or (True, "Allow") in theirs


def may_with_key(role: Role, request: Request, key_policy: Document) -> bool:
    """Whether the role may use a key, which takes the key's policy: by itself, or by leaving it to the account's."""
    theirs = _resource_effects(role, request, key_policy)
    if "Deny" in _effects(role.policies, request.by(role)) | {effect for _, effect in theirs}:
        return False
    return (True, "Allow") in theirs or ((False, "Allow") in theirs and identity_allows(role, request))


def passes(role: Role, request: Request, way: Way) -> bool:
    """Whether the VPC endpoint lets the request through.

    A gateway endpoint's statements are for everyone, and bound by conditions: one that names an account means its root
    user alone. https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
    """
    return _passage(role, request.by(role), way) == {"Allow"}


def _passage(role: Role, asked: Request, way: Way) -> set[str]:
    """The effects of the statements of an endpoint's policy that are about the request."""
    statements = [
        statement
        for statement in as_list(way.policy.get("Statement"))
        if (
            any(name == "*" for _, name in principals(statement.get("Principal")))
            if way.gateway
            else _meant(statement, role) is not None
        )
    ]
    return _effects([{"Statement": statements}], asked)


def refusal(role: Role, request: Request, resource_policy: Document | None = None, way: Way | None = None) -> str:
    """Why the role may not, in AWS's words; empty if it may. Without a `way`, it comes from outside of any VPC.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
    """
    asked = request.by(role)
    allowed = {"Allow"}
    effects = {
        "an identity-based policy": _effects(role.policies, asked),
        "a permissions boundary": allowed if role.boundary is None else _effects([role.boundary], asked),
        "a VPC endpoint policy": allowed if way is None else _passage(role, asked, way),
        "a resource-based policy": {effect for _, effect in _resource_effects(role, request, resource_policy)},
    }
    for policy, said in effects.items():
        if "Deny" in said:
            return f"with an explicit deny in {policy}"
    if not effects["a VPC endpoint policy"]:
        return f"because no VPC endpoint policy allows the {request.action} action"
    if may(role, request, resource_policy):
        return ""
    silent = "identity-based policy" if effects["a permissions boundary"] else "permissions boundary"
    return f"because no {silent} allows the {request.action} action"


def _effects(documents: Iterable[Document], request: Request) -> set[str]:
    return {
        statement["Effect"]
        for document in documents
        for statement in as_list(document.get("Statement"))
        if applies(statement, request.action, request.resource, request.context)
    }


def _resource_effects(role: Role, request: Request, policy: Document | None) -> set[tuple[bool, str]]:
    """What the statements of a resource's policy say of the role: whether each means it itself, and its effect."""
    asked, said = request.by(role), set()
    for statement in as_list((policy or {}).get("Statement")):
        meant = _meant(statement, role)
        if meant is not None and applies(statement, asked.action, asked.resource, asked.context):
            said.add((meant, str(statement["Effect"])))
    return said


def _meant(statement: Statement, role: Role) -> bool | None:
    """Whether a statement means the role itself (or everyone), its account (False), or neither (None)."""
    if "NotPrincipal" in statement:
        excluded = {name for _, name in principals(statement["NotPrincipal"])}
        return None if excluded & {role.arn, role.root, role.account, "*"} else True
    named = {name for kind, name in principals(statement.get("Principal")) if kind in (None, "AWS")}
    if named & {role.arn, "*"}:
        return True
    return False if named & {role.root, role.account} else None
