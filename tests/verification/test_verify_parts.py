"""How a verification reads what AWS answers: policies, errors, and the ways to judge."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from private_inference.verification import Verdict
from private_inference.verification.checks import (
    AbsentError,
    Assertion,
    Result,
    UnreadableError,
    empty,
    equal,
    equal_sets,
    evaluate,
    includes,
    number,
    result,
)
from private_inference.verification.policies import statements
from private_inference.verification.reader import explain

names = st.sets(st.sampled_from("abcdef"))


@given(names, names)
def test_exactly_the_same_and_at_least_all(found: set[str], wanted: set[str]) -> None:
    assert equal_sets(iter(found), iter(wanted)).ok == (found == wanted)
    assert includes(iter(found), iter(wanted)).ok == (wanted <= found)
    assert empty(iter(found)).ok == (not found)
    for name in found ^ wanted:
        assert name in equal_sets(found, wanted).seen


def test_a_difference_is_told_with_what_was_asked() -> None:
    assert equal({"A": 1, "B": True}, {"A": 2, "B": True}) == Result("A 1 (asked: 2), B on", False)
    assert equal({}, {"A": None}) == Result("A none", True)
    assert result("fine", []) == Result("fine", True)
    assert result("fine", ["this", "that"]) == Result("this; that", False)


def test_numbers_are_not_rounded() -> None:
    assert (number(1_000_001.0), number(0.1), number(60.0)) == ("1000001", "0.1", "60")


# Policy documents


def test_a_string_is_a_list_of_one() -> None:
    loose = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "a"}
    strict = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": ["a"]}
    assert statements({"Statement": loose}) == statements({"Statement": [strict]})


def test_principals_are_named_with_their_kind_and_everyone_without() -> None:
    principals = {"Service": "sns.amazonaws.com", "AWS": ["arn:aws:iam::1:root", "*"]}
    (found,) = statements({"Statement": [{"Effect": "Allow", "Principal": principals}]})
    assert found.principals == {"Service:sns.amazonaws.com", "AWS:arn:aws:iam::1:root", "*"}


def test_an_empty_document_has_no_statements() -> None:
    assert statements("{}") == ()


def test_what_a_statement_only_excludes_is_everything_else() -> None:
    (found,) = statements({"Statement": [{"Effect": "Allow", "NotAction": "iam:*", "NotResource": "a"}]})
    assert (found.actions, found.resources) == (frozenset("*"), frozenset("*"))


@pytest.mark.parametrize(
    ("condition", "bounded"),
    [
        ({"StringEquals": {"aws:SourceAccount": "1"}}, True),
        ({"StringEquals": {"aws:SourceAccount": ["1"]}}, True),
        ({"StringEquals": {"aws:SourceAccount": ["1", "2"]}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": "1"}}, False),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "1"}}, False),
        ({}, False),
    ],
)
def test_a_condition_bounds_by_its_very_values(condition: dict[str, Any], bounded: bool) -> None:
    (found,) = statements({"Statement": [{"Effect": "Allow", "Condition": condition}]})
    assert found.requires("StringEquals", "aws:SourceAccount", "1") is bounded


# Errors


def _error(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeIt")


@pytest.mark.parametrize(
    "error",
    [
        _error("InvalidVpcID.NotFound"),
        _error("NoSuchBucketPolicy"),
        _error("NoSuchEntity"),
        _error("RepositoryNotFoundException"),
        _error("ServerSideEncryptionConfigurationNotFoundError"),
        _error("404"),
        _error("ValidationException", 'Could not find endpoint "x".'),
        _error("ValidationError", "Endpoint x of account 1 not found."),
        _error("ModelError", "Received server error (500) from primary"),
    ],
)
def test_what_is_not_there_is_a_miss(error: ClientError) -> None:
    assert isinstance(explain(error), AbsentError)


@pytest.mark.parametrize(
    "error",
    [
        _error("AccessDenied"),
        _error("UnauthorizedOperation"),
        _error("ThrottlingException"),
        _error("ExpiredToken"),
        _error("InternalFailure"),
        _error("ValidationException", "1 validation error detected"),
        EndpointConnectionError(endpoint_url="https://ec2.eu-west-1.amazonaws.com"),
    ],
)
def test_what_can_not_be_read_is_unchecked(error: ClientError | EndpointConnectionError) -> None:
    reason = explain(error)
    assert isinstance(reason, UnreadableError)

    def look() -> Result:
        raise reason

    assert evaluate(Assertion("VPC", "no gateway", look)).verdict is Verdict.UNCHECKED


def test_account_ids_are_masked_in_what_is_asked_and_seen() -> None:
    check = evaluate(Assertion("Keys", "of 123456789012", lambda: Result("arn:aws:iam::123456789012:root", True)))
    assert (check.asked, check.seen) == ("of <account>", "arn:aws:iam::<account>:root")
