"""Principals that no question about an account's resources tells apart, taken together.

Of each principal's statements only those count that are about some action and resource in question. Two principals
are alike if these are the same, within the same bounds, and if the values that come with each of them (its ARN, its
name, its tags) pass the same tests. So what is true of one is true of all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from private_inference.authorization.access_points import OBJECT
from private_inference.authorization.actions import ACTIONS
from private_inference.authorization.conditions import Comparison, UnreadableError, comparison
from private_inference.authorization.model import Account, Policy, Principal
from private_inference.authorization.patterns import before_wildcards, glob
from private_inference.authorization.principal_keys import inserted, tested
from private_inference.authorization.statements import PRINCIPAL_ARN, is_about_action
from private_inference.graph.iam_documents import Statement, as_list
from private_inference.graph.values import UnverifiableError


def grouped(account: Account) -> Account:
    """The account with one principal for all that are alike, which keeps what counts of its documents."""
    alike = _Alike(account)
    found: dict[Any, list[Principal]] = {}
    for each in account.principals:
        shown = alike.reduced(each)
        found.setdefault(alike.key(shown), []).append(shown)
    return replace(account, principals=tuple(map(_together, found.values())))


def _together(principals: Sequence[Principal]) -> Principal:
    if len(principals) == 1:
        return principals[0]
    return replace(principals[0], members=tuple(each.name for each in principals))


class _Alike:
    def __init__(self, account: Account) -> None:
        self._asked: dict[str, list[str]] = {}
        """By action, the ARNs of the resources that it is asked about."""
        for resource in account.resources:
            for action in ACTIONS[resource.kind]:
                self._asked.setdefault(action, []).append(resource.arn)
                if resource.through:
                    self._asked[action].append(f"{resource.through.arn}{OBJECT}*")
        self._relevant: dict[str, bool] = {}
        self._reduced: dict[int, tuple[Policy, Policy]] = {}
        self._texts: dict[int, tuple[Policy, str]] = {}
        guarding = [policy for each in account.resources for policy in each.policies]
        guarding += [each.policy for each in account.paths if each.policy]
        levels = (*account.organization.scps, *account.organization.rcps)
        self._shared = _Shared([*guarding, *(policy for level in levels for policy in level)])

    def reduced(self, principal: Principal) -> Principal:
        """The principal with those statements alone that are about something in question."""
        if principal.identity is None:
            return principal
        identity = tuple(self._of(policy) for policy in principal.identity)
        boundary = principal.boundary and self._of(principal.boundary)
        return replace(principal, identity=tuple(p for p in identity if p.statements or p.gap), boundary=boundary)

    def _of(self, policy: Policy) -> Policy:
        # Managed policies are the same object for all their holders; it is kept beside, so that its id stays its own.
        if id(policy) not in self._reduced:
            statements = tuple(each for each in policy.statements if self._counts(each))
            self._reduced[id(policy)] = (policy, replace(policy, statements=statements))
        return self._reduced[id(policy)][1]

    def _counts(self, statement: Statement) -> bool:
        text = _text(statement)
        if text not in self._relevant:
            self._relevant[text] = any(_may_be_about(statement, action, arns) for action, arns in self._asked.items())
        return self._relevant[text]

    def key(self, principal: Principal) -> Any:
        """The same for principals that are alike. `principal` is `reduced`."""
        asked_about = any(principal.arn in arns for arns in self._asked.values())
        if principal.identity is None or principal.barriers or asked_about or not glob(principal.arn).constant:
            return principal.name
        policies = [*principal.identity, *([principal.boundary] if principal.boundary else [])]
        read = {key for policy in policies for each in policy.statements for key in (*tested(each), *inserted(each))}
        return (
            principal.kind,
            principal.service_linked,
            principal.holds,
            principal.declared,
            frozenset(map(self._said, principal.identity)),
            principal.boundary and self._said(principal.boundary),
            tuple((key, _value(principal, key)) for key in sorted(read)),
            self._shared.treats(principal),
        )

    def _said(self, policy: Policy) -> tuple[frozenset[str], bool, str]:
        if id(policy) not in self._texts:
            self._texts[id(policy)] = (policy, "\n".join(sorted(map(_text, policy.statements))))
        return frozenset([self._texts[id(policy)][1]]), policy.variables, policy.gap


def _value(principal: Principal, key: str) -> Any:
    """The value that a principal has for a key, or that any session of it may have another."""
    return (principal.arn,) if key == PRINCIPAL_ARN else principal.context.get(key, "any")


def _text(statement: Statement) -> str:
    """What a statement says but for its label."""
    elements = (
        statement.effect,
        statement.actions,
        statement.not_actions,
        statement.resources,
        statement.not_resources,
        statement.condition,
    )
    return json.dumps(elements, default=str, sort_keys=True)


def _may_be_about(statement: Statement, action: str, arns: Iterable[str]) -> bool:
    """Whether a statement is about an action on one of some resources, as far as that can be seen at once."""
    try:
        return is_about_action(statement, action) and any(_may_cover(statement, arn) for arn in arns)
    except UnverifiableError:
        return True


def _may_cover(statement: Statement, arn: str) -> bool:
    if not statement.resources:
        excluded = [glob(str(each)) for each in statement.not_resources if "${" not in str(each)]
        return not (glob(arn).constant and any(each.matches(arn) for each in excluded))
    return any(_may_meet(str(each), arn) for each in statement.resources)


def _may_meet(resource: str, arn: str) -> bool:
    if "${" in resource:
        return True
    pattern = glob(arn)
    if pattern.constant:
        return glob(resource).matches(arn)
    one, other = before_wildcards(resource), before_wildcards(arn)
    return one.startswith(other) or other.startswith(one)


class _Shared:
    """How documents that are nobody's own tell principals apart: by names, and by tests of what comes with them."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._named: set[str] = set()
        self._values: set[str] = set()
        self._tests: dict[tuple[str, Comparison], None] = {}
        for policy in policies:
            for statement in policy.statements:
                named = (*statement.principals, *statement.not_principals)
                self._named |= {each for each in named if isinstance(each, str)}
                self._values |= inserted(statement)
                self._read_tests(statement)

    def _read_tests(self, statement: Statement) -> None:
        for operator, key, values in statement.tests:
            if (name := key.lower()) in tested(statement):
                try:
                    self._tests[name, comparison(operator, as_list(values), None)] = None
                except (UnreadableError, UnverifiableError):
                    self._values.add(name)

    def treats(self, principal: Principal) -> tuple[Any, ...]:
        """What of a principal decides, beside its own documents."""
        named = principal.arn if principal.arn in self._named else ""
        passed: list[Any] = []
        for key, test in self._tests:
            value = _value(principal, key)
            passed.append(value if value == "any" else test.holds(value))
        return named, tuple(passed), tuple(_value(principal, key) for key in sorted(self._values))
