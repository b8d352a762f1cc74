"""What a principal may be granted at all: the rest is denied, and needs no question.

Nothing is allowed that neither the principal's own policies nor the resource's grant. So who is one of a stack's many
principals is asked about the few resources that some statement may be about, and a proof grows with what is granted,
not with the pairs of a principal and a resource. What can't be told at a glance counts as granted: it is asked about.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from sys import maxunicode

from private_inference.authorization.model import Kind, Policy, Principal, Resource
from private_inference.authorization.patterns import after_wildcards, before_wildcards
from private_inference.authorization.statements import is_about_action
from private_inference.graph.iam_documents import Statement
from private_inference.graph.values import UnverifiableError, known

_ACCOUNT = re.compile(r"[0-9]{12}|arn:[^:]+:iam::[0-9]{12}:root")


class Granting:
    """Some resources, by their places in the order in which they are given."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = resources
        self._every = range(len(resources))
        self._starts = sorted((before_wildcards(each.arn), place) for place, each in enumerate(resources))
        self._exact: dict[str, list[int]] = {}
        for start, place in self._starts:
            self._exact.setdefault(start, []).append(place)
        self._by_themselves = [place for place, each in enumerate(resources) if _may_grant(each)]

    def to(self, principal: Principal, action: str) -> Sequence[int]:
        """The places of all resources that something may grant a principal an action on."""
        if principal.kind not in (Kind.ROLE, Kind.USER) or principal.identity is None:
            return self._every
        found = set(self._by_themselves)
        for policy in principal.identity:
            covered = self._covered(policy, action)
            if covered is None:
                return self._every
            found |= covered
        return sorted(found)

    def _covered(self, policy: Policy, action: str) -> set[int] | None:
        """The places of what a policy's Allow statements may be about; None for everything."""
        if policy.gap:
            return None
        found: set[int] = set()
        for statement in policy.statements:
            try:
                if not (statement.allows and is_about_action(statement, action)):
                    continue
                listed = [str(known(each)).partition("${")[0::2] for each in statement.resources]
            except UnverifiableError:
                return None
            if not listed:
                return None
            for text, variable in listed:
                found |= self._meeting(f"{text}*" if variable else text)
        return found

    def _meeting(self, pattern: str) -> set[int]:
        """The places of the ARNs that may have a string in common with a pattern, by how both begin and end."""
        start, end = before_wildcards(pattern), after_wildcards(pattern)
        first, behind = (
            bisect_left(self._starts, (start, -1)),
            bisect_left(self._starts, (f"{start}{chr(maxunicode)}", -1)),
        )
        found = [place for _, place in self._starts[first:behind]]
        found += [place for length in range(len(start)) for place in self._exact.get(start[:length], ())]
        ends = ((place, after_wildcards(self._resources[place].arn)) for place in found)
        return {place for place, other in ends if other.endswith(end) or end.endswith(other)}


def _may_grant(resource: Resource) -> bool:
    """Whether a resource's own policy may grant something to a role or a user, or the way to it does."""
    if resource.through is not None or (resource.policy and resource.policy.gap):
        return True
    return any(map(_may_mean_a_caller, resource.policy.statements)) if resource.policy else False


def _may_mean_a_caller(statement: Statement) -> bool:
    """Whether an Allow of a resource's may mean a role or a user by itself: an account's own policies still decide."""
    if not statement.allows:
        return False
    named = zip(statement.kinds, statement.principals, strict=True)
    callers = [name for kind, name in named if kind != "Service" and not _ACCOUNT.fullmatch(str(name))]
    return bool(callers or statement.not_principals)
