"""Who takes a role by an identity provider: whom it signs for, and strangers where a trust doesn't say for whom."""

from typing import Any

import pytest

from private_inference.authorization.answer import Verdict, answer
from private_inference.authorization.everyone import label
from private_inference.authorization.from_account.described import Guarded
from private_inference.authorization.from_account.load import load
from private_inference.authorization.intent import Intent, Judged, check
from private_inference.authorization.model import Account
from private_inference.authorization.questions import questions
from private_inference.authorization.strangers import strangers
from tests.authorization.accounts import described, role
from tests.authorization.concrete import allowed
from tests.authorization.declared import ACCOUNT, text
from tests.authorization.replay import replayed

HUB, LAB, COGNITO = "token.actions.githubusercontent.com", "gitlab.com", "cognito-identity.amazonaws.com"
CLUSTER = "oidc.eks.us-east-1.amazonaws.com/id/0A1B"
WEB, SAML = "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"
IDP = f"arn:aws:iam::{ACCOUNT}:saml-provider/idp"
POOL = {f"{COGNITO}:aud": "us-east-1:0a1b"}


def provider(name: str) -> str:
    return name if name == COGNITO or name.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:oidc-provider/{name}"


def trusting(name: str, *tests: dict[str, Any], action: str = WEB, principal: Any = None) -> str:
    conditions = {"Condition": {k: v for test in tests for k, v in test.items()}} if tests else {}
    trusted = principal or {"Federated": provider(name)}
    return text({"Effect": "Allow", "Action": action, "Principal": trusted, **conditions})


def equals(**values: Any) -> dict[str, Any]:
    return {"StringEquals": {f"{HUB}:{key}": value for key, value in values.items()}}


def like(**values: Any) -> dict[str, Any]:
    return {"StringLike": {f"{HUB}:{key}": value for key, value in values.items()}}


def taken_by(trust: str) -> list[str]:
    """The strangers who take a role; the referee lets them."""
    account = load(described(roles=[role("serving", trusted=trust)]))
    found, unread = strangers(account, account.principals)
    assert not unread
    for each in found:
        assert each.target == "role/serving"
        assert all(allowed(replayed(account, Judged(one, None))) for one in each.answers)
    return [each.principal.name for each in found]


AUDIENCE = equals(aud="sts.amazonaws.com")
OPEN = [
    trusting(HUB),
    trusting(HUB, AUDIENCE),
    trusting(HUB, AUDIENCE, like(sub="repo:*")),
    trusting(HUB, like(sub="*:ref:refs/heads/main")),
    trusting(HUB, equals(ref="refs/heads/main")),
    trusting(HUB, {"StringNotEquals": {f"{HUB}:sub": "repo:them/app:ref:refs/heads/main"}}),
    trusting(LAB, {"StringLike": {f"{LAB}:sub": "project_path:*"}}),
    trusting(CLUSTER),
    trusting(IDP, action=SAML),
    trusting(COGNITO),
    trusting(COGNITO, {"StringEquals": POOL}),  # its guests
]
BOUND = [
    trusting(HUB, AUDIENCE, like(sub="repo:team/*")),
    trusting(HUB, equals(sub="repo:team/app:ref:refs/heads/main")),
    trusting(HUB, AUDIENCE, equals(repository="team/app")),
    trusting(LAB, {"StringLike": {f"{LAB}:sub": "project_path:team/*"}}),
    trusting(CLUSTER, {"StringEquals": {f"{CLUSTER}:aud": "sts.amazonaws.com"}}),
    trusting(IDP, {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}, action=SAML),
    trusting(COGNITO, {"StringEquals": POOL}, {"ForAnyValue:StringLike": {f"{COGNITO}:amr": "authenticated"}}),
    trusting(HUB, action=SAML),  # it gives no assertions
    trusting(HUB, action="sts:TagSession"),
    trusting("", principal={"Service": "ec2.amazonaws.com"}),
]


@pytest.mark.parametrize("trust", OPEN)
def test_a_trust_that_does_not_say_whom_is_a_strangers(trust: str) -> None:
    assert len(taken_by(trust)) >= 1


@pytest.mark.parametrize("trust", BOUND)
def test_a_trust_that_says_whom_is_not(trust: str) -> None:
    assert taken_by(trust) == []


def test_a_trust_that_is_not_read_is_told() -> None:
    account = load(described(roles=[role("serving", trusted="{")]))
    assert strangers(account, account.principals) == (
        [],
        [f"who may become role/serving depends on trust of arn:aws:iam::{ACCOUNT}:role/serving: it is not JSON"],
    )


def guarded(trust: str) -> Account:
    """An account with a role of the stack's."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/serving"
    return load(described(roles=[role("serving", trusted=trust)], resources=[Guarded("role serving", "role", arn)]))


@pytest.mark.parametrize(
    "trust", [*OPEN, *BOUND[:7], trusting("", principal="*"), trusting("", principal="*", action=SAML)]
)
def test_whoever_takes_a_role_of_the_stack_by_a_provider_is_surplus_however_it_is_bound(trust: str) -> None:
    account = guarded(trust)
    failures = check(account, Intent(("role serving",), ())).failures
    taking = [each for each in failures if "AssumeRoleWith" in each.answer.question.action]
    assert taking
    assert all(allowed(replayed(account, each)) for each in taking)
    assert all(label(each.answer.question.principal).startswith("anybody whom ") for each in taking)


def test_nobody_else_takes_it_so() -> None:
    account = guarded(trusting(HUB))
    asked = [each for each in questions(account) if each.action.startswith("sts:")]
    may = {label(each.principal) for each in asked if answer(account, each).verdict is not Verdict.DENIED}
    assert may == {f"anybody whom {HUB} signs for"}


def test_a_provider_says_nothing_in_anothers_words() -> None:
    both = {"Federated": [provider(HUB), provider(CLUSTER)]}
    account = guarded(trusting("", equals(sub="repo:team/app:ref:refs/heads/main"), principal=both))
    found = {label(each.answer.question.principal) for each in check(account, Intent(("role serving",), ())).failures}
    assert f"anybody whom {HUB} signs for" in found
    assert f"anybody whom {CLUSTER} signs for" not in found


def test_every_token_says_of_whom_it_is() -> None:
    account = guarded(trusting(HUB, {"Null": {f"{HUB}:sub": "true"}}))
    asked = [each for each in questions(account) if each.action == WEB]
    assert {answer(account, each).verdict for each in asked} == {Verdict.DENIED}
