"""The values that are tried for a key: enough to make true whatever can be."""

import pytest

from private_inference.authorization.answer import Verdict, answer
from private_inference.authorization.decision import Question
from private_inference.authorization.model import PUBLIC, Account, Kind, Principal, Resource, read_policy
from tests.authorization.declared import ACCOUNT, allow, text

ARN = f"arn:aws:iam::{ACCOUNT}:role/app"


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ({"StringLike": {"k": "a*"}, "StringNotLike": {"k": "ab*"}}, Verdict.ALLOWED),
        ({"StringLike": {"k": "a*"}, "StringNotLike": {"k": "*"}}, Verdict.DENIED),
        ({"StringEquals": {"k": "Ab"}, "StringEqualsIgnoreCase": {"k": "aB"}}, Verdict.ALLOWED),
        ({"StringEquals": {"k": "a"}, "Null": {"k": "true"}}, Verdict.DENIED),
        ({"NumericGreaterThan": {"k": "1"}, "NumericLessThan": {"k": "2"}}, Verdict.ALLOWED),
        ({"NumericGreaterThan": {"k": "2"}, "NumericLessThan": {"k": "1"}}, Verdict.DENIED),
        ({"DateGreaterThan": {"k": "2026-01-01T00:00:00Z"}, "DateLessThan": {"k": "2026-01-02"}}, Verdict.ALLOWED),
        ({"IpAddress": {"k": "10.0.0.0/8"}, "NotIpAddress": {"k": ["10.0.0.0/9", "10.128.0.0/10"]}}, Verdict.ALLOWED),
        ({"IpAddress": {"k": "10.0.0.0/9"}, "NotIpAddress": {"k": "10.0.0.0/8"}}, Verdict.DENIED),
        (
            {"ForAnyValue:StringEquals": {"k": "a"}, "ForAnyValue:StringLike": {"k": "b*"}},
            Verdict.ALLOWED,  # by a request with both
        ),
        ({"ForAnyValue:StringEquals": {"k": "a"}, "ForAllValues:StringLike": {"k": "b*"}}, Verdict.DENIED),
        ({"StringEquals": {"k": "1"}, "NumericEquals": {"k": "1"}}, Verdict.UNVERIFIED),
        ({"ForAnyValue:StringEquals": {"k": "a"}, "StringEquals": {"k": "b"}}, Verdict.UNVERIFIED),
        ({"StringLike": {"k": "${aws:userid}*"}}, Verdict.UNVERIFIED),
        ({"Bool": {"aws:SecureTransport": "false"}, "Null": {"aws:SecureTransport": "true"}}, Verdict.DENIED),
    ],
)
def test_a_condition_holds_for_some_request_or_for_none(condition: dict[str, object], verdict: Verdict) -> None:
    policy = read_policy("policy", text(allow("s3:GetObject", Condition=condition)))
    principal = Principal("app", Kind.ROLE, ARN, ACCOUNT, (policy,))
    thing = Resource("objects", "arn:aws:s3:::models/*", ACCOUNT)
    account = Account(ACCOUNT, "aws", (principal,), (thing,), (PUBLIC,))
    assert answer(account, Question(principal, "s3:GetObject", thing, PUBLIC)).verdict is verdict
