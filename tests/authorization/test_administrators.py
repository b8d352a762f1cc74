"""Administrators that the settings declare are told as such, and so is whoever else becomes one of them."""

from collections.abc import Sequence
from typing import Any

import pytest

from private_inference.authorization.administrators import becoming_administrators, declared, nobody
from private_inference.authorization.alike import grouped
from private_inference.authorization.everyone import label
from private_inference.authorization.from_account.load import load
from private_inference.authorization.intent import Intent, Judged, Report, check
from private_inference.authorization.model import Account, Administrators
from tests.authorization.accounts import described, role, trust, user
from tests.authorization.concrete import allowed
from tests.authorization.declared import ACCOUNT, allow, text
from tests.authorization.replay import replayed

EVERYTHING = allow("*")
OTHER = "210987654321"


def iam(rest: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:{rest}"


def account(administrators: Sequence[str], users: Sequence[Any] = (), roles: Sequence[Any] = ()) -> Account:
    known = [Administrators(each, f"declared as {each}") for each in administrators]
    return declared(load(described(users, roles=roles)), known)


def report(account: Account) -> Report:
    return check(grouped(account), Intent(("objects of models", "bucket models"), ()))


def changes(account: Account) -> set[tuple[str, str]]:
    """Who becomes whom; the referee allows each call."""
    found, unread = becoming_administrators(account)
    assert not unread
    for each in found:
        assert all(allowed(replayed(account, Judged(one, None))) for one in each.answers)
    return {(label(each.principal), each.target) for each in found}


def test_who_is_declared_is_not_surplus_and_who_is_alike_and_not_declared_is() -> None:
    found = report(account([iam("user/ad*")], [user("admin", EVERYTHING), user("anna", EVERYTHING)]))
    assert {label(each.answer.question.principal) for each in found.judged if each.declared} == {"user/admin"}
    assert {label(each.answer.question.principal) for each in found.failures} == {
        "user/anna",
        "root user of the account",  # no expectation is about it here
    }


def test_a_declaration_is_of_that_account_and_that_name() -> None:
    users = [user("admin", EVERYTHING)]
    for pattern in (iam("user/admin", OTHER), iam("user/admi"), iam("role/admin"), iam("root")):
        found = account([pattern], users)
        assert not any(each.declared for each in report(found).judged)
        assert pattern in " ".join(nobody(found))
    assert not list(nobody(account([iam("user/admin")], users)))
    assert not list(nobody(account([iam("root", OTHER)], users)))


@pytest.mark.parametrize(
    ("allowed_to", "target"),
    [
        (allow("iam:CreateAccessKey", iam("user/admin")), "user/admin"),
        (allow("iam:UpdateAssumeRolePolicy", iam("role/admin")), "role/admin"),
        (allow("iam:PutUserPolicy", iam("user/anna")), "itself with any permission"),
        (allow("iam:CreateAccessKey", iam("user/bert")), None),
        (allow("iam:UpdateAssumeRolePolicy", iam("role/other")), None),
        (allow("s3:*"), None),
    ],
)
def test_who_becomes_an_administrator_is_found_and_who_becomes_another_is_not(allowed_to: Any, target: str) -> None:
    users = [user("admin", EVERYTHING), user("anna", allowed_to), user("bert")]
    found = account([iam("user/admin"), iam("role/admin")], users, [role("admin", EVERYTHING), role("other")])
    assert changes(found) == ({("user/anna", target)} if target else set())


def test_whom_a_role_trusts_by_name_needs_no_policy_of_its_own() -> None:
    trusted = trust({"AWS": iam("user/anna")})
    roles = [role("admin", EVERYTHING, trusted=trusted)]
    found = account([iam("role/admin")], [user("anna"), user("bert")], roles)
    assert changes(found) == {("user/anna", "role/admin")}


def test_another_account_that_takes_an_administrators_role_is_found_unless_it_is_declared() -> None:
    roles = [role("admin", EVERYTHING, trusted=trust({"AWS": iam("root", OTHER)}))]
    assert changes(account([iam("role/admin")], roles=roles)) == {(f"account {OTHER}", "role/admin")}
    assert not changes(account([iam("role/admin"), iam("root", OTHER)], roles=roles))


def test_administrators_become_one_another_and_nobody_asks() -> None:
    users = [user("admin", EVERYTHING), user("ops", EVERYTHING)]
    assert changes(account([iam("user/admin")], users)) == {("user/ops", "user/admin")} | {
        ("user/ops", "itself with any permission"),
        ("user/ops", "a member of any group that it may choose"),
    }
    assert not changes(account([iam("user/admin"), iam("user/ops")], users))


def test_a_provider_that_says_who_comes_is_how_one_becomes_an_administrator_and_a_stranger_is_not() -> None:
    provider = iam("saml-provider/AWSSSO_0a1b_DO_NOT_DELETE")
    signed = {"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML", "Principal": {"Federated": provider}}
    audience = {"Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}}
    bound = account([iam("role/admin")], roles=[role("admin", EVERYTHING, trusted=text({**signed, **audience}))])
    assert not changes(bound)
    loose = account([iam("role/admin")], roles=[role("admin", EVERYTHING, trusted=text(signed))])
    assert changes(loose) == {("anybody whom saml-provider/AWSSSO_0a1b_DO_NOT_DELETE signs for", "role/admin")}
