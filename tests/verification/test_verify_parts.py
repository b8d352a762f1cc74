"""How a verification reads what AWS answers: policies, network ACLs, errors, and the ways to judge."""

from collections.abc import Iterable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from private_inference.verification import Verdict
from private_inference.verification.checks import (
    AbsentError,
    Finding,
    Question,
    UnreadableError,
    answer,
    at_least,
    exactly,
    nothing,
    number,
    sound,
    values,
)
from private_inference.verification.firewall import passing
from private_inference.verification.policies import statements
from private_inference.verification.reader import explain

names = st.sets(st.sampled_from("abcdef"))


@given(names, names)
def test_exactly_the_same_and_at_least_all(found: set[str], wanted: set[str]) -> None:
    assert exactly(iter(found), iter(wanted)).good == (found == wanted)
    assert at_least(iter(found), iter(wanted)).good == (wanted <= found)
    assert nothing(iter(found)).good == (not found)
    for name in found ^ wanted:
        assert name in exactly(found, wanted).seen


def test_a_difference_is_told_with_what_was_asked() -> None:
    assert values({"A": 1, "B": True}, {"A": 2, "B": True}) == Finding("A 1 (asked: 2), B on", False)
    assert values({}, {"A": None}) == Finding("A none", True)
    assert sound("fine", []) == Finding("fine", True)
    assert sound("fine", ["this", "that"]) == Finding("this; that", False)


def test_numbers_are_not_rounded() -> None:
    assert (number(1_000_001.0), number(0.1), number(60.0)) == ("1000001", "0.1", "60")


# Policy documents


def test_a_string_is_a_list_of_one() -> None:
    loose = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "a"}
    strict = {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": ["a"]}
    assert statements({"Statement": loose}) == statements({"Statement": [strict]})


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


# Network ACLs: the first rule that matches decides.

BLOCKS = ("10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31", "10.0.0.1/32", "0.0.0.0/0")
PROBED = tuple(f"10.0.0.{last}" for last in range(5))
entries = st.lists(
    st.fixed_dictionaries(
        {
            "RuleAction": st.sampled_from(["allow", "deny"]),
            "Protocol": st.sampled_from(["6", "17", "-1"]),
            "CidrBlock": st.sampled_from(BLOCKS),
            "PortRange": st.sampled_from([{"From": 443, "To": 443}, {"From": 1, "To": 443}, {"From": 400, "To": 500}]),
        }
    ),
    max_size=6,
)


def _decided(rules: Iterable[dict[str, Any]], address: str, port: int) -> bool:
    """The plain reading: one address, one port, one rule after the other."""
    from ipaddress import ip_address, ip_network

    for rule in rules:
        every = rule["Protocol"] == "-1"
        on_port = every or (rule["Protocol"] == "6" and rule["PortRange"]["From"] <= port <= rule["PortRange"]["To"])
        if on_port and ip_address(address) in ip_network(rule["CidrBlock"]):
            return bool(rule["RuleAction"] == "allow")
    return False


def _as_answered(rule: dict[str, Any]) -> dict[str, Any]:
    """AWS gives no ports for all traffic."""
    return {key: value for key, value in rule.items() if key != "PortRange" or rule["Protocol"] != "-1"}


@given(entries, st.sampled_from([(443, 443), (400, 443), (443, 600)]))
def test_what_passes_an_acl_passes_it_on_every_port(rules: list[dict[str, Any]], ports: tuple[int, int]) -> None:
    open_to = passing([_as_answered(rule) for rule in rules], ports)
    for address in PROBED:
        plain = all(_decided(rules, address, port) for port in range(ports[0], ports[1] + 1))
        if address in open_to:
            assert plain
        elif ports == (443, 443):
            assert not plain  # on one port the two are the same; of several, rules may share the work


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

    def look() -> Finding:
        raise reason

    assert answer(Question("VPC", "no gateway", look)).verdict is Verdict.UNCHECKED


def test_account_ids_are_masked_in_what_is_asked_and_seen() -> None:
    check = answer(Question("Keys", "of 123456789012", lambda: Finding("arn:aws:iam::123456789012:root", True)))
    assert (check.asked, check.seen) == ("of <account>", "arn:aws:iam::<account>:root")
