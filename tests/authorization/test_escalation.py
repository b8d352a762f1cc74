"""Each way to become somebody is found, alone; none is left if one of its calls is denied."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from private_inference.authorization.escalation import Becoming, becoming
from private_inference.authorization.escalation_ways import WAYS, On, Way, Yields
from private_inference.authorization.from_account.described import Described
from private_inference.authorization.from_account.load import load
from private_inference.authorization.intent import Judged
from private_inference.authorization.model import Organization, Policy, Principal, read_policy
from tests.authorization.concrete import allowed
from tests.authorization.declared import ACCOUNT, allow, text
from tests.authorization.replay import replayed

HOLDER = f"arn:aws:iam::{ACCOUNT}:policy/own"
BY_NAME = {way.name: way for way in WAYS}
EVERYTHING = allow("*")


def account(
    way: Way, *statements: Any, kind: str = "user", bound: Any = None, trusted: bool = True, scp: Any = None
) -> tuple[Any, Principal]:
    """An account with somebody who has the statements, somebody else, and a role that the way's service takes."""
    role = kind == "role"
    policies = [{"Arn": HOLDER, "DefaultVersionId": "v1", "PolicyVersionList": [_version(text(*statements))]}]
    boundary = {}
    if bound:
        arn = f"arn:aws:iam::{ACCOUNT}:policy/bound"
        policies.append({"Arn": arn, "DefaultVersionId": "v1", "PolicyVersionList": [_version(text(*bound))]})
        boundary = {"PermissionsBoundary": {"PermissionsBoundaryArn": arn}}
    group = {"GroupName": "g", "Arn": f"arn:aws:iam::{ACCOUNT}:group/g"}
    asking = {
        **(_role("asking", {"Service": "nobody.amazonaws.com"}) if role else _user("asking")),
        "AttachedManagedPolicies": [{"PolicyArn": HOLDER}],
        **({} if role else {"GroupList": ["g"]}),
        **boundary,
    }
    takes = {"Service": way.service} if way.service and trusted else {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    target = _role("target", takes if trusted else {"Service": "nobody.amazonaws.com"})
    users = [_user("other"), *([] if role else [asking])]
    described = Described(ACCOUNT, "aws", users, [group], [target, *([asking] if role else [])], policies, (), (), {})
    found = load(described)
    if scp:
        levels = ((read_policy("scp", text(EVERYTHING, *scp)),),)
        found = replace(found, organization=Organization(scps=levels))
    return found, next(each for each in found.principals if each.name == f"{kind}/asking")


def _version(document: str) -> dict[str, Any]:
    return {"VersionId": "v1", "Document": json.loads(document)}


def _user(name: str) -> dict[str, Any]:
    return {"UserName": name, "UserId": f"AIDA{name}", "Arn": f"arn:aws:iam::{ACCOUNT}:user/{name}"}


def _role(name: str, principal: Any) -> dict[str, Any]:
    trust = text({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})
    return {
        "RoleName": name,
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
        "AssumeRolePolicyDocument": json.loads(trust),
    }


def kind_for(way: Way) -> str:
    return "role" if any(on == On.OWN_ROLE for _, on in way.calls) else "user"


def needed(way: Way) -> list[str]:
    return [action for action, _ in way.calls]


def found(way: Way, *statements: Any, **more: Any) -> Sequence[Becoming]:
    described, asking = account(way, *statements, **{"kind": kind_for(way), **more})
    return becoming(described, [asking])[0]


def names(ways: Sequence[Becoming]) -> set[str]:
    return {each.way.name for each in ways}


def test_there_are_37_and_no_two_are_called_the_same() -> None:
    assert len(BY_NAME) == len(WAYS) == 37


@pytest.mark.parametrize("name", BY_NAME)
def test_each_is_found_by_the_actions_that_it_takes_and_no_other_is(name: str) -> None:
    way = BY_NAME[name]
    described, asking = account(way, allow(needed(way)), kind=kind_for(way))
    ways, _ = becoming(described, [asking])
    for each in ways:
        assert [one.question.action for one in each.answers] == needed(each.way)
        assert all(allowed(replayed(described, Judged(one, None))) for one in each.answers)
    target = {Yields.ROLE: "role/target", Yields.USER: "user/other"}.get(way.yields, str(way.yields))
    assert [each.target for each in ways if each.way.name == name] == [target]
    assert {frozenset(needed(each.way)) <= frozenset(needed(way)) for each in ways} == {True}


@pytest.mark.parametrize("name", BY_NAME)
def test_none_is_left_where_an_action_is_missing_or_denied_in_whatever_way(name: str) -> None:
    way = BY_NAME[name]
    for action in needed(way):
        deny = {**allow(action.replace("iam:", "IAM:")), "Effect": "Deny"}
        rest = [each for each in needed(way) if each != action]
        but_one = {"Effect": "Allow", "NotAction": action, "Resource": "*"}
        assert name not in names(found(way, but_one))
        assert name not in names(found(way, allow([*rest, "sqs:*"])))
        assert name not in names(found(way, EVERYTHING, deny))
        assert name not in names(found(way, EVERYTHING, bound=[EVERYTHING, deny]))
        assert name not in names(found(way, EVERYTHING, scp=[deny]))


@pytest.mark.parametrize("name", [way.name for way in WAYS if way.service])
def test_a_role_is_reached_only_if_the_service_takes_it_and_it_may_be_passed_there(name: str) -> None:
    way = BY_NAME[name]
    assert name not in names(found(way, EVERYTHING, trusted=False))
    if "iam:PassRole" in needed(way):
        passing = {"StringEquals": {"iam:PassedToService": "other.amazonaws.com"}}
        others = allow([each for each in needed(way) if each != "iam:PassRole"])
        assert name not in names(found(way, others, allow("iam:PassRole", Condition=passing)))
        passing = {"StringEquals": {"iam:PassedToService": way.service}}
        assert name in names(found(way, others, allow("iam:PassRole", Condition=passing)))
        elsewhere = f"arn:aws:iam::{ACCOUNT}:role/other"
        assert name not in names(found(way, others, allow("iam:PassRole", elsewhere)))


def test_what_concerns_oneself_alone_leads_to_nobody() -> None:
    mine = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    way = BY_NAME["IAM-CreateAccessKey"]
    assert not found(way, allow(["iam:CreateAccessKey", "iam:UpdateLoginProfile"], mine))
    assert names(found(way, allow(["iam:PutUserPolicy"], mine))) == {"IAM-PutUserPolicy"}


def test_attaching_harmless_policies_only_leads_nowhere() -> None:
    way = BY_NAME["IAM-AttachUserPolicy"]
    harmless = {"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/ReadOnlyAccess"}}
    assert not found(way, allow("iam:AttachUserPolicy", Condition=harmless))


def test_what_a_policy_that_isnt_described_may_allow_is_undecided() -> None:
    way = BY_NAME["IAM-PutUserPolicy"]
    whole, asking = account(way, allow("sqs:*"))
    assert not becoming(whole, [asking])[1]
    unread = replace(asking, identity=(*(asking.identity or ()), Policy("p", gap="policy p is not described")))
    assert becoming(whole, [unread]) == ([], ["whom user/asking may become depends on policy p is not described"])


def test_a_role_that_doesnt_trust_cant_be_taken() -> None:
    way = BY_NAME["STS-AssumeRole"]
    assert names(found(way, allow("sts:AssumeRole"))) == {way.name}
    assert not found(way, allow("sts:AssumeRole"), trusted=False)
