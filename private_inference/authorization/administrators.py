"""The administrators whom a stack's settings declare, and who else may become one of them.

Whom a service takes the role for is not asked here: whoever passes a role is, among the account's principals. Nor is
whom a provider signs for, where a trust says who that is: it is how one becomes what was declared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from private_inference.authorization.answer import Answer, answer
from private_inference.authorization.escalation import Becoming, becoming, of_stack, trust_of
from private_inference.authorization.escalation_ways import TAKING, WAYS
from private_inference.authorization.model import Account, Administrators, Kind, Principal
from private_inference.authorization.patterns import glob
from private_inference.authorization.questions import questions
from private_inference.authorization.statements import is_about_action
from private_inference.authorization.strangers import strangers
from private_inference.graph.iam_documents import Statement
from private_inference.graph.values import UnverifiableError

_CALLS = tuple(dict.fromkeys(action for way in WAYS for action, _ in way.calls))
_ROOT = ":root"


def declared(account: Account, administrators: Sequence[Administrators]) -> Account:
    """The account, with those of its principals marked that are among some administrators."""
    principals = [replace(each, declared=_reason(each, administrators)) for each in account.principals]
    return replace(account, principals=tuple(principals), administrators=tuple(administrators))


def nobody(account: Account) -> Iterator[str]:
    """Administrators that are declared, and whom the account hasn't."""
    for each in account.administrators:
        theirs = each.principal.endswith(_ROOT) and f":{account.id}:" not in each.principal
        if not theirs and not any(_is(one, each) for one in account.principals):
            yield f"perimeter.administrators declares {each.principal}, and nobody of the account is called so"


def becoming_administrators(account: Account) -> tuple[Sequence[Becoming], Sequence[str]]:
    """Who else may become one of those declared, or give itself everything, and what of it can't be read.

    The stack's own principals aren't asked: nobody is whom those are meant to become.
    """
    if not any(each.declared for each in account.principals):
        return [], []
    stack = {each.name for each in of_stack(account)}
    others = [each for each in account.principals if each.identity is not None and not each.declared]
    others = [each for each in others if each.name not in stack]
    changes, unread = becoming(account, filter(_may_change, others), lambda each: bool(each.declared))
    signed, unsigned = strangers(account, (each for each in account.principals if each.declared))
    return [*changes, *_by_trust(account), *signed], [*unread, *unsigned]


def _by_trust(account: Account) -> Iterator[Becoming]:
    """Those who take a role with no word from a policy of this account: others' principals, and those it names."""
    trusts = tuple(trust_of(account, each) for each in account.principals if each.declared and each.kind is Kind.ROLE)
    silent = [each for each in account.principals if each.identity is not None and not _may_change(each)]
    around = replace(account, principals=tuple(silent), resources=trusts, complete=True)
    found: dict[tuple[str, str], Answer] = {}

    def asking(principal: Principal) -> bool:
        return principal.kind not in (Kind.SERVICE, Kind.FEDERATED) and not _reason(principal, account.administrators)

    for question in questions(around, principals=asking):
        key = (question.principal.name, question.resource.name)
        if key not in found and (answered := answer(around, question)).passes:
            found[key] = answered
    yield from (Becoming(one.question.principal, one.question.resource.name, TAKING, [one]) for one in found.values())


def _may_change(principal: Principal) -> bool:
    """Whether one of its policies says something about a call by which somebody becomes somebody else."""
    return any(policy.gap or any(map(_allows_a_call, policy.statements)) for policy in principal.identity or ())


def _allows_a_call(statement: Statement) -> bool:
    try:
        return statement.allows and any(is_about_action(statement, action) for action in _CALLS)
    except UnverifiableError:
        return True


def _reason(principal: Principal, administrators: Sequence[Administrators]) -> str:
    return next((each.reason for each in administrators if _is(principal, each)), "")


def _is(principal: Principal, administrators: Administrators) -> bool:
    """Whether a principal is among some: by its ARN, or, with all of another account, by that account."""
    if administrators.principal.endswith(_ROOT):
        others = principal.identity is None and not glob(principal.arn).constant
        return others and administrators.principal.split(":")[4] == principal.account
    return glob(principal.arn).constant and glob(administrators.principal).matches(principal.arn)
