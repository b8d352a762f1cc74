"""Which statements are about a request, and about whom: as formulas over the keys of the request.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html and
reference_policies_elements_notprincipal.html, reference_policies_elements_resource.html there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from private_inference.authorization.conditions import Comparison, UnreadableError, formula_of
from private_inference.authorization.formula import All, Atom, Formula, Unread, Value, all_of, negated
from private_inference.authorization.model import Kind, Policy, Principal
from private_inference.authorization.patterns import after, before_wildcards, glob, literal
from private_inference.authorization.variables import UnresolvedError, resolved
from private_inference.graph.iam_documents import Statement
from private_inference.graph.values import UnverifiableError, known

RESOURCE = "(resource)"
"""The key under which formulas have the ARN of the resource."""
PRINCIPAL_ARN = "aws:principalarn"

Effect = Literal["Allow", "Deny"]


class Meaning(StrEnum):
    """How a statement means a principal."""

    ANYONE = "anyone"
    NAMED = "named"
    ACCOUNT = "account"
    """Only as one of its account, whose own policies then decide."""


@dataclass(frozen=True)
class Asked:
    """One action, by one principal; `fixed` are the keys whose values are known, the resource's ARN among them.

    before: what the resource's ARN begins with, where formulas have what follows it alone.
    """

    action: str
    principal: Principal
    fixed: Mapping[str, Value]
    before: str = ""


@dataclass(frozen=True)
class Applying:
    """A statement, when it applies to what is asked, and how it means who asks."""

    label: str
    effect: Effect
    when: Formula
    meaning: Meaning = Meaning.NAMED


def applying(policy: Policy, asked: Asked, *, gateway: bool = False, named: bool = False) -> Iterator[Applying]:
    """The statements of a policy that may apply.

    named: whether the policy names principals, as those of resources do. gateway: whether it is that of a gateway
    endpoint. What can't be read may apply or not.
    """
    if policy.gap:
        yield Applying(policy.name, "Allow", Unread(policy.gap))
        yield Applying(policy.name, "Deny", Unread(policy.gap))
        return
    for statement in policy.statements:
        label = f"{policy.name}, {statement.label}"
        effect: Effect = "Allow" if statement.allows else "Deny"
        try:
            about = _about(statement, asked, policy.variables)
            if about is False:
                continue
            for meaning, meant in _meant(statement, asked, gateway) if named else [(Meaning.NAMED, True)]:
                yield Applying(label, effect, _described(all_of(about, meant), label), meaning)
        except UnverifiableError as error:
            yield Applying(label, effect, Unread(f"{label}: {error.property} is known after deployment only"))
        except UnreadableError as error:
            yield Applying(label, effect, Unread(f"{label}: {error}"))


def _described(formula: Formula, label: str) -> Formula:
    """The formula, where what can't be read says of which statement it is."""
    if isinstance(formula, Unread):
        return Unread(f"{label}: {formula.why}")
    if isinstance(formula, All):
        return all_of(*(_described(part, label) for part in formula.parts))
    return formula


def _about(statement: Statement, asked: Asked, variables: bool) -> Formula:
    """Whether a statement is about the action, the resource and the keys of a request."""
    if not is_about_action(statement, asked.action):
        return False
    resource = _about_resource(statement, asked, variables)
    return resource and all_of(resource, formula_of(list(statement.tests), asked.fixed, variables))


def is_about_action(statement: Statement, action: str) -> bool:
    """Whether a statement is about an action, such as `s3:GetObject`. Raises UnverifiableError."""
    if statement.not_actions:
        return not any(_fits_action(str(known(each)), action) for each in statement.not_actions)
    return any(_fits_action(str(known(each)), action) for each in statement.actions)


@lru_cache(maxsize=1 << 18)
def _fits_action(pattern: str, action: str) -> bool:
    # Most patterns are of another service, which is seen without compiling them.
    begins = before_wildcards(pattern).lower()
    return action.lower().startswith(begins) and glob(pattern, ignore_case=True).matches(action)


def _about_resource(statement: Statement, asked: Asked, variables: bool) -> Formula:
    listed = statement.not_resources or statement.resources
    if not listed:  # the trust of a role names no resource
        return True
    fixed = asked.fixed if variables else None
    try:
        wanted = [one for each in listed for one in resolved(str(known(each)), fixed, wild=True)]
    except UnresolvedError as error:
        return Unread(f"the policy variable {error} in a resource")
    wanted = [one for each in wanted for one in after(each, asked.before)] if asked.before else wanted
    test = Comparison("text", tuple(wanted))
    fits: Formula = test.holds(asked.fixed[RESOURCE]) if RESOURCE in asked.fixed else Atom(RESOURCE, test)
    return negated(fits) if statement.not_resources else fits


def _meant(statement: Statement, asked: Asked, gateway: bool) -> Iterator[tuple[Meaning, Formula]]:
    """How a statement means a principal, and when."""
    if statement.not_principals:
        yield Meaning.ANYONE, _not_excluded(statement, asked.principal)
        return
    for kind, value in zip(statement.kinds, statement.principals, strict=True):
        yield from _named(kind, str(known(value)), asked, gateway)


def _named(kind: str | None, name: str, asked: Asked, gateway: bool) -> Iterator[tuple[Meaning, Formula]]:
    principal = asked.principal
    if name == "*" and kind in (None, "AWS"):
        yield Meaning.ANYONE, True
    elif principal.kind is Kind.SERVICE:
        if kind == "Service" and name in ("*", principal.name):
            yield Meaning.NAMED, True
    elif kind == "Federated" or principal.kind is Kind.FEDERATED:
        yield from _signed_for(kind, name, asked)
    elif kind == "CanonicalUser":
        yield Meaning.NAMED, Unread(f"the canonical principal {name}")
    elif kind in (None, "AWS") and principal.kind is not Kind.ANONYMOUS:
        if name in (principal.account, _root(principal, name)):
            if not gateway:  # there it would mean the root user alone
                yield Meaning.ACCOUNT, True
        elif ":assumed-role/" in name and principal.kind is Kind.ROLE and f":{principal.account}:" in name:
            yield Meaning.ANYONE, Unread(f"the session {name}")
        else:
            yield Meaning.NAMED, _is(principal, name)


def _signed_for(kind: str | None, name: str, asked: Asked) -> Iterator[tuple[Meaning, Formula]]:
    """A trust names whom a provider signs for; elsewhere that names sessions of roles, which isn't read."""
    if asked.principal.kind is Kind.FEDERATED:
        if kind == "Federated" and name in ("*", asked.principal.arn):
            yield Meaning.NAMED, True
    elif not asked.action.startswith("sts:AssumeRole"):
        yield Meaning.NAMED, Unread(f"the federated principal {name}")


def _root(principal: Principal, name: str) -> str:
    """The name as the account's own principal, if it is that of the principal's account, in whatever partition."""
    parts = name.split(":")
    is_root = len(parts) == 6 and parts[2] == "iam" and parts[4] == principal.account and parts[5] == "root"
    return name if is_root else ""


def _is(principal: Principal, arn: str) -> Formula:
    pattern = glob(principal.arn)
    if pattern.constant:
        return principal.arn == arn
    return Atom(PRINCIPAL_ARN, Comparison("text", (literal(arn),))) if pattern.matches(arn) else False


def _not_excluded(statement: Statement, principal: Principal) -> Formula:
    """Whether NotPrincipal leaves a principal in.

    Who is to be left out must be named together with its account, and a role with its session: a role or a user that
    is named in part may be meant or not. With a permissions boundary nobody is left out of a Deny.
    """
    if principal.boundary and not statement.allows:
        return True
    names = [str(known(each)) for each in statement.not_principals]
    if "*" in names:
        return False
    if principal.kind in (Kind.SERVICE, Kind.FEDERATED):
        return (principal.arn or principal.name) not in names
    if principal.kind is Kind.ANONYMOUS:
        return True
    in_part = [
        name
        for name in names
        if name in (principal.account, _root(principal, name))
        or glob(principal.arn).matches(name)
        or ":assumed-role/" in name
    ]
    return Unread(f"NotPrincipal with {', '.join(in_part)}") if in_part else True
