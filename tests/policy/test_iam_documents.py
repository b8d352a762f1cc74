"""Policy documents in every form that IAM takes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.iam_documents import matches, readable, statements
from private_inference.graph.iam_documents import DocumentError
from private_inference.graph.values import Unknown, UnverifiableError

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/x"}


def one(**changes: Any) -> Any:
    return statements({"Statement": {**ALLOW, **changes}})[0]


@pytest.mark.parametrize(
    "document",
    [
        {"Statement": ALLOW},
        {"Statement": [ALLOW]},
        json.dumps({"Statement": [{**ALLOW, "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::models/x"]}]}),
    ],
)
def test_every_form_reads_the_same(document: Any) -> None:
    [statement] = statements(document)
    assert (list(statement.actions), list(statement.resources)) == (["s3:GetObject"], ["arn:aws:s3:::models/x"])
    assert statement.allows
    assert statement.grants("s3:getobject")


@pytest.mark.parametrize(
    "document", ["", "{", "[]", '"text"', "{}", '{"Statement": []}', '{"Statement": [{"Effect": "Maybe"}]}', 7, []]
)
def test_what_is_no_document_says_so_and_has_no_statements(document: Any) -> None:
    with pytest.raises(DocumentError):
        statements(document)
    assert readable(document) == []


def test_a_statement_is_called_by_its_sid_or_its_place() -> None:
    labels = [each.label for each in statements({"Statement": [{**ALLOW, "Sid": "Read"}, ALLOW, {**ALLOW, "Sid": ""}]})]
    assert labels == ["statement Read", "statement 1", "statement 2"]


def test_an_unknown_document_is_neither() -> None:
    with pytest.raises(UnverifiableError):
        readable(Unknown("urn", "policy"))


def test_an_unknown_resource_is_not_taken_for_a_narrow_one() -> None:
    with pytest.raises(UnverifiableError):
        _ = one(Resource=Unknown("urn", "policy.Statement.Resource")).any_resource


def test_not_action_grants_everything_else() -> None:
    statement = one(Action=None, NotAction=["iam:*"])
    assert statement.grants("s3:DeleteBucket")
    assert not statement.grants("iam:CreateUser")


@pytest.mark.parametrize(
    "resource", ["*", "arn:aws:s3:::*", ["arn:aws:s3:::models/x", "*"], "arn:aws:sqs:us-east-1:1:*"]
)
def test_wildcards_are_any_resource(resource: Any) -> None:
    assert one(Resource=resource).any_resource


@pytest.mark.parametrize("resource", ["arn:aws:s3:::models/*", "arn:aws:kms:us-east-1:1:key/*"])
def test_a_named_kind_of_resource_is_not_any(resource: str) -> None:
    assert not one(Resource=resource).any_resource


def test_not_resource_is_any_resource() -> None:
    assert one(Resource=None, NotResource="arn:aws:s3:::secret/*").any_resource


@pytest.mark.parametrize(
    "principal", ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:root", "*"]}, {"AWS": "arn:aws:iam::*:role/x"}]
)
def test_wildcards_are_anyone(principal: Any) -> None:
    assert one(Principal=principal).anyone


def test_not_principal_is_anyone() -> None:
    assert one(NotPrincipal={"AWS": "arn:aws:iam::1:root"}).anyone


@pytest.mark.parametrize(
    ("condition", "bounds"),
    [
        ({"StringEquals": {"aws:PrincipalAccount": "1"}}, True),
        ({"StringEquals": {"AWS:principalaccount": ["1", "2"]}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-east-1:1:topic"}}, True),
        ({"ForAnyValue:StringLike": {"aws:PrincipalArn": "arn:aws:iam::1:role/x"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
        ({"StringLike": {"aws:PrincipalAccount": "*"}}, False),
        ({"StringEqualsIfExists": {"aws:PrincipalAccount": "1"}}, False),
        ({"StringNotEquals": {"aws:PrincipalAccount": "1"}}, False),
        ({"Null": {"aws:PrincipalAccount": "false"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
    ],
)
def test_only_a_condition_that_must_hold_bounds_a_wildcard(condition: dict[str, Any], bounds: bool) -> None:
    assert one(Principal="*", Condition=condition).anyone is not bounds


ACTION = st.from_regex(r"[a-z0-9]{1,8}:[A-Za-z]{1,12}", fullmatch=True)


@given(ACTION, st.integers(0, 30))
def test_a_pattern_matches_what_it_was_cut_from(action: str, cut: int) -> None:
    assert matches(action[:cut] + "*", action)
    assert matches(action.upper(), action)


@given(ACTION, ACTION)
def test_without_wildcards_only_the_action_itself_matches(pattern: str, action: str) -> None:
    assert matches(pattern, action) == (pattern.lower() == action.lower())


def test_brackets_are_no_wildcards() -> None:
    assert not matches("s3:[Gg]etObject", "s3:GetObject")
