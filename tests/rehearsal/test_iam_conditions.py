"""Conditions of policies, as IAM's reference describes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_inference.rehearsal.iam_conditions import UnknownOperatorError, applies

KEY = "s3:x-amz-server-side-encryption"
CONTEXT = {KEY: "aws:kms", "aws:securetransport": "true", "s3:tlsversion": "1.3"}


def holds(operator: str, key: str, value: object) -> bool:
    statement = {"Action": "s3:*", "Resource": "*", "Condition": {operator: {key: value}}}
    return applies(statement, "s3:PutObject", "arn:aws:s3:::bucket/key", CONTEXT)


@pytest.mark.parametrize(
    ("operator", "key", "value", "expected"),
    [
        ("StringEquals", KEY, "aws:kms", True),
        ("StringEquals", KEY, ["AES256", "aws:kms"], True),
        ("StringEquals", KEY, "AES256", False),
        ("StringNotEquals", KEY, "AES256", True),
        ("StringNotEquals", KEY, ["AES256", "aws:kms"], False),
        ("StringLike", KEY, "aws:*", True),
        ("StringNotLike", KEY, "aws:*", False),
        ("Bool", "aws:SecureTransport", "false", False),
        ("Bool", "aws:SecureTransport", "true", True),
        ("NumericLessThan", "s3:TlsVersion", "1.2", False),
        ("NumericLessThan", "s3:TlsVersion", 1.4, True),
        ("Null", KEY, "true", False),
        ("Null", "aws:SourceVpce", "true", True),
        # A key that the request lacks: not equal to anything, and waved through by …IfExists.
        ("StringEquals", "aws:SourceVpce", "vpce-1", False),
        ("StringNotEquals", "aws:SourceVpce", "vpce-1", True),
        ("StringEqualsIfExists", "aws:SourceVpce", "vpce-1", True),
        ("StringNotEqualsIfExists", KEY, "AES256", True),
    ],
)
def test_operators(operator: str, key: str, value: object, expected: bool) -> None:
    assert holds(operator, key, value) is expected


def test_an_operator_that_is_not_known_is_an_error() -> None:
    with pytest.raises(UnknownOperatorError, match="DateLongAfter"):
        holds("DateLongAfter", "aws:CurrentTime", "2030-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Action": "s3:putobject", "Resource": "arn:aws:s3:::bucket/*"}, True),
        ({"Action": "s3:Get*", "Resource": "*"}, False),
        ({"NotAction": "s3:Get*", "Resource": "*"}, True),
        ({"Action": "*", "Resource": "arn:aws:s3:::bucket"}, False),
        ({"Action": "*", "NotResource": ["arn:aws:s3:::bucket/*"]}, False),
        ({"Action": "*", "Resource": "arn:aws:s3:::bucket/ke?"}, True),
    ],
)
def test_actions_and_resources(statement: dict[str, object], expected: bool) -> None:
    assert applies(statement, "s3:PutObject", "arn:aws:s3:::bucket/key", {}) is expected


@given(st.text(), st.text())
def test_a_negated_operator_is_the_opposite_where_the_key_is_there(value: str, wanted: str) -> None:
    for operator in ("Equals", "Like", "EqualsIgnoreCase"):
        positive, negative = (
            applies({"Condition": {f"String{form}{operator}": {"k": wanted}}}, "a", "r", {"k": value})
            for form in ("", "Not")
        )
        assert positive != negative
