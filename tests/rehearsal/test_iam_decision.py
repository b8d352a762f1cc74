"""A role's own policies, its boundary, and the policies of what it touches, together."""

from typing import Any

import pytest

from private_inference.rehearsal.iam_conditions import UnknownOperatorError
from private_inference.rehearsal.iam_decision import (
    Request,
    Role,
    Way,
    identity_allows,
    may,
    may_with_key,
    passes,
    refusal,
    takes,
    trusts,
    trusts_administrator,
)

ARN = "arn:aws:iam::123456789012:role/serving"
ROOT = "arn:aws:iam::123456789012:root"
READ = Request("s3:GetObject", "arn:aws:s3:::models/a/model.tar.gz", {"aws:sourcevpce": "vpce-1"})


def document(effect: str = "Allow", **more: Any) -> dict[str, Any]:
    statement = {"Effect": effect, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/a/*"}
    return {"Statement": [statement | more]}


def role(*policies: dict[str, Any], boundary: dict[str, Any] | None = None) -> Role:
    return Role(ARN, {}, policies, boundary)


def principal(name: Any) -> dict[str, Any]:
    return {"Principal": name}


@pytest.mark.parametrize(
    ("policies", "boundary", "allowed"),
    [
        ([], None, False),
        ([document()], None, True),
        ([document(Resource="arn:aws:s3:::models/b/*")], None, False),
        ([document(), document("Deny")], None, False),
        ([document(Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})], None, True),
        ([document(Condition={"StringEquals": {"aws:SourceVpce": "vpce-2"}})], None, False),
        ([document(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/serving"}})], None, True),
        ([document()], document(), True),
        ([document()], document(Action="s3:PutObject"), False),
    ],
)
def test_what_a_roles_own_policies_allow(policies: list[Any], boundary: Any, allowed: bool) -> None:
    assert identity_allows(role(*policies, boundary=boundary), READ) is allowed


@pytest.mark.parametrize(
    ("statement", "by_itself", "with_the_role", "with_a_key"),
    [
        (None, False, True, False),
        (document(**principal({"AWS": ARN})), True, True, True),
        (document(**principal("*")), True, True, True),
        (document(**principal({"AWS": ROOT})), False, True, True),
        (document(**principal({"AWS": "123456789012"})), False, True, True),
        (document(**principal({"AWS": "arn:aws:iam::123456789012:role/other"})), False, True, False),
        (document(**principal({"Service": "s3.amazonaws.com"})), False, True, False),
        (document("Deny", **principal("*")), False, False, False),
        (document("Deny", **principal({"AWS": ROOT})), False, False, False),
        (document("Deny", NotPrincipal={"AWS": ARN}), False, True, False),
        (document("Deny", NotPrincipal={"AWS": "arn:aws:iam::123456789012:role/other"}), False, False, False),
    ],
)
def test_a_resources_policy_counts_too(statement: Any, by_itself: bool, with_the_role: bool, with_a_key: bool) -> None:
    assert may(role(), READ, statement) is by_itself
    assert may(role(document()), READ, statement) is with_the_role
    assert may_with_key(role(document()), READ, statement or {"Statement": []}) is with_a_key


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (document(**principal("*")), True),
        (document(**principal({"AWS": "*"})), True),
        (document(**principal({"AWS": ROOT})), False),  # the root user alone
        (document(**principal("*"), Condition={"StringEquals": {"aws:PrincipalAccount": "123456789012"}}), True),
        (document(**principal("*"), Condition={"StringEquals": {"aws:PrincipalAccount": "210987654321"}}), False),
    ],
)
def test_a_gateway_is_for_everyone_its_conditions_admit(policy: Any, allowed: bool) -> None:
    assert passes(role(), READ, through(policy, gateway=True)) is allowed


def through(policy: Any, *, gateway: bool = False) -> Way:
    return Way("vpce-1", "arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1", policy, gateway)


@pytest.mark.parametrize(
    ("named", "allowed"),
    [
        (principal("*"), True),
        (principal({"AWS": ROOT}), True),  # everyone of the account
        (principal({"AWS": "123456789012"}), True),
        (principal({"AWS": ARN}), True),
        (principal({"AWS": "arn:aws:iam::123456789012:role/other"}), False),
        (principal({"AWS": "arn:aws:iam::210987654321:root"}), False),
    ],
)
def test_an_interface_endpoint_is_for_those_it_names(named: Any, allowed: bool) -> None:
    assert passes(role(), READ, through(document(**named))) is allowed


ANYONE = document(**principal("*"))
SILENT: dict[str, Any] = {"Statement": []}


@pytest.mark.parametrize(
    ("policies", "boundary", "resource", "endpoint", "told"),
    [
        ([document()], None, None, ANYONE, ""),
        ([], None, ANYONE, ANYONE, ""),
        ([], None, None, ANYONE, "because no identity-based policy allows the s3:GetObject action"),
        ([document()], SILENT, None, ANYONE, "because no permissions boundary allows the s3:GetObject action"),
        ([document()], None, None, SILENT, "because no VPC endpoint policy allows the s3:GetObject action"),
        ([document(), document("Deny")], None, None, ANYONE, "with an explicit deny in an identity-based policy"),
        ([document()], document("Deny"), None, ANYONE, "with an explicit deny in a permissions boundary"),
        (
            [document()],
            None,
            document("Deny", **principal("*")),
            ANYONE,
            "with an explicit deny in a resource-based policy",
        ),
        (
            [document()],
            None,
            None,
            document("Deny", **principal("*")),
            "with an explicit deny in a VPC endpoint policy",
        ),
    ],
)
def test_a_refusal_says_which_policy_refuses(
    policies: list[Any], boundary: Any, resource: Any, endpoint: Any, told: str
) -> None:
    assert refusal(role(*policies, boundary=boundary), READ, resource, through(endpoint)) == told


ADMINISTRATOR = "arn:aws:iam::123456789012:user/admin"


@pytest.mark.parametrize(
    ("named", "trusted"),
    [
        ({"AWS": ADMINISTRATOR}, True),
        ({"AWS": ROOT}, True),
        ({"AWS": "123456789012"}, True),
        ({"AWS": "arn:aws:iam::123456789012:user/other"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_which_identities_a_role_trusts(named: Any, trusted: bool) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": named}
    assert trusts_administrator(Role(ARN, {"Statement": [statement]}), ADMINISTRATOR) is trusted


OTHERS = "arn:aws:iam::210987654321"


@pytest.mark.parametrize(
    ("named", "sent", "trusted"),
    [
        (f"{OTHERS}:root", {"sts:externalid": "x"}, True),
        (f"{OTHERS}:user/admin", {"sts:externalid": "x"}, True),
        (f"{OTHERS}:user/admin", {"sts:externalid": "y"}, False),
        (f"{OTHERS}:user/admin", {}, False),
        (f"{OTHERS}:role/scoring", {"sts:externalid": "x"}, False),
        (ROOT, {"sts:externalid": "x"}, False),
    ],
)
def test_which_identities_of_another_account_a_role_trusts(named: str, sent: Any, trusted: bool) -> None:
    condition = {"StringEquals": {"sts:ExternalId": "x"}}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": named}, "Condition": condition}
    assert trusts_administrator(Role(ARN, {"Statement": [statement]}), f"{OTHERS}:user/admin", sent) is trusted


TAKE = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ARN}


@pytest.mark.parametrize(
    ("taker", "trusted", "own", "takes_it"),
    [
        (f"{OTHERS}:role/scoring", f"{OTHERS}:role/scoring", [TAKE], True),
        (f"{OTHERS}:role/scoring", f"{OTHERS}:root", [TAKE], True),
        (f"{OTHERS}:role/scoring", f"{OTHERS}:role/scoring", [], False),
        (f"{OTHERS}:role/scoring", f"{OTHERS}:role/other", [TAKE], False),
        (f"{OTHERS}:role/scoring", f"{OTHERS}:role/scoring", [TAKE, {**TAKE, "Effect": "Deny"}], False),
        ("arn:aws:iam::123456789012:role/near", "arn:aws:iam::123456789012:role/near", [], True),
        ("arn:aws:iam::123456789012:role/near", ROOT, [], False),
        ("arn:aws:iam::123456789012:role/near", ROOT, [TAKE], True),
    ],
)
def test_whose_role_takes_another(taker: str, trusted: str, own: list[Any], takes_it: bool) -> None:
    """Of another account, both sides have to allow it (reference_policies_evaluation-logic-cross-account.html)."""
    trust = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": trusted}}]}
    asking = Role(taker, {}, ({"Statement": own},))
    assert takes(asking, Role(ARN, trust), Request("sts:AssumeRole", ARN), None) is takes_it


@pytest.mark.parametrize(
    ("service", "condition", "trusted"),
    [
        ("sagemaker.amazonaws.com", {}, True),
        ("lambda.amazonaws.com", {}, False),
        ("sagemaker.amazonaws.com", {"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ("sagemaker.amazonaws.com", {"StringEquals": {"aws:SourceAccount": "210987654321"}}, False),
    ],
)
def test_whom_a_role_trusts(service: str, condition: Any, trusted: bool) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    taken = Role(ARN, {"Statement": [statement | {"Condition": condition}]})
    assert trusts(taken, "sagemaker.amazonaws.com") is trusted


def test_what_can_not_be_evaluated_is_said() -> None:
    late = document(Condition={"DateLongAfter": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}})
    with pytest.raises(UnknownOperatorError, match="DateLongAfter"):
        identity_allows(role(late), READ)
