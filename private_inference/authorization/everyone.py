"""Who there is besides the principals that a stack declares: everybody whom its documents can tell apart.

What documents don't tell apart has one member here: one other account, one other service. So every request of anybody
is one of somebody here, up to names that no document mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from private_inference.authorization.conditions import arn_pattern
from private_inference.authorization.federation import federated
from private_inference.authorization.model import Account, Kind, Policy, Principal
from private_inference.authorization.patterns import glob
from private_inference.graph.iam_documents import as_list

ADMINISTRATOR = "any principal of the account"
"""Anybody whom an administrator of the account gives the right to."""
ROOT_USER = "root user of the account"
ANONYMOUS = "anybody, without credentials"
ANOTHER_ACCOUNT = "999999999999"
ANOTHER_SERVICE = "another.amazonaws.com"

_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
FOR_WHOM = ("aws:sourcearn", "kms:encryptioncontext:aws:logs:arn")
"""Keys in which a service names the ARN of what it works for."""


def everyone(account: Account) -> Iterator[Principal]:
    """The declared principals, and all others."""
    yield from account.principals
    if not account.complete:
        declared = frozenset(each.arn for each in account.principals if glob(each.arn).constant)
        anybody = f"arn:{account.partition}:iam::{account.id}:?*"
        yield Principal(ADMINISTRATOR, Kind.ROLE, anybody, account.id, None, besides=declared)
    texts = [text for policy in account.documents for text in _texts(policy)]
    mentioned = {number for text in texts for number in _ACCOUNT.findall(text)} - {account.id}
    named = _named(account.documents) - {each.arn for each in account.principals}
    for number in [*sorted(mentioned), ANOTHER_ACCOUNT]:
        theirs = sorted(each for each in named if each.split(":")[4] == number)
        yield from (Principal(each, Kind.ROLE, each, number, None) for each in theirs)
        name = f"account {number}" if number in mentioned else "any other account"
        anybody = f"arn:{account.partition}:iam::{number}:?*"
        yield Principal(name, Kind.ROLE, anybody, number, None, besides=frozenset(theirs))
    yield Principal(ANONYMOUS, Kind.ANONYMOUS)
    yield from federated(account.documents)
    for_others = arn_pattern(glob(f"arn:*:*:*:{ANOTHER_ACCOUNT}:*"))
    for service in [*sorted(_services(account.documents)), ANOTHER_SERVICE]:
        yield Principal(service, Kind.SERVICE, context={"aws:sourceaccount": (account.id,)})
        yield Principal(
            service,
            Kind.SERVICE,
            context={"aws:sourceaccount": (ANOTHER_ACCOUNT,)},
            bounds=dict.fromkeys(FOR_WHOM, for_others),
        )


def label(principal: Principal) -> str:
    """A principal's name; that of a service says for whom it works, and one of several how many there are."""
    if principal.members:
        return f"{principal.name} and {len(principal.members) - 1} like it"
    if principal.kind is not Kind.SERVICE:
        return principal.name
    name = "any other AWS service" if principal.name == ANOTHER_SERVICE else principal.name
    return f"{name}, for {'another account' if principal.bounds else 'this account'}"


_CALLER = re.compile(r"arn:[^:]+:iam::[0-9]{12}:(role|user)/[^*?]+")


def _named(policies: Iterable[Policy]) -> set[str]:
    """ARNs of the roles and users that statements name as principals."""
    named = (each for policy in policies for statement in policy.statements for each in statement.principals)
    return {each for each in named if isinstance(each, str) and _CALLER.fullmatch(each)}


def _services(policies: Iterable[Policy]) -> set[str]:
    return {
        value
        for policy in policies
        for statement in policy.statements
        for kind, value in zip(statement.kinds, statement.principals, strict=True)
        if kind == "Service" and isinstance(value, str)
    }


def _texts(policy: Policy) -> Iterator[str]:
    for statement in policy.statements:
        for each in (*statement.principals, *statement.not_principals, *statement.resources, *statement.not_resources):
            if isinstance(each, str):
                yield each
        for _, _, values in statement.tests:
            for each in as_list(values):
                if isinstance(each, str):
                    yield each
