"""Objects through access points: the bucket and the access point each have to allow it."""

from collections.abc import Mapping
from typing import Any

import pytest

from private_inference.authorization.alike import grouped
from private_inference.authorization.answer import Verdict, answer
from private_inference.authorization.from_account.described import Guarded
from private_inference.authorization.from_account.load import load as load_account
from private_inference.authorization.from_graph.load import load
from private_inference.authorization.intent import Intent, Judged, check
from private_inference.authorization.model import Account
from private_inference.authorization.questions import questions
from private_inference.graph.resources import Resource
from tests.authorization.accounts import described, user
from tests.authorization.concrete import allowed
from tests.authorization.declared import ACCOUNT, allow, resource, text
from tests.authorization.replay import replayed

OTHER = "210987654321"
POINT = f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/models"
OBJECTS, THROUGH = "arn:aws:s3:::models/*", f"{POINT}/object/*"
TEAM = {"AWS": f"arn:aws:iam::{OTHER}:root"}
DELEGATED = allow("s3:*", OBJECTS, Principal="*", Condition={"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}})


def bucket(*statements: Mapping[str, Any]) -> list[Resource]:
    found = [resource("aws:s3/bucket:Bucket", "models", id="models", bucket="models", arn="arn:aws:s3:::models")]
    if statements:
        found.append(resource("aws:s3/bucketPolicy:BucketPolicy", "models", bucket="models", policy=text(*statements)))
    return found


def point(*statements: Mapping[str, Any], own: bool = True, **more: Any) -> list[Resource]:
    """An access point with its policy: its own property, or a resource of its own."""
    policy = {"policy": text(*statements)} if statements and own else {}
    found = [resource("aws:s3/accessPoint:AccessPoint", "ap", **{"bucket": "models", "arn": POINT, **policy, **more})]
    if statements and not own:
        type_ = "aws:s3control/accessPointPolicy:AccessPointPolicy"
        found.append(resource(type_, "ap", accessPointArn=POINT, policy=text(*statements)))
    return found


def verdict(
    account: Account, who: str, way: str, path: str = "no VPC endpoint", action: str = "s3:GetObject"
) -> Verdict:
    """The answer of the reasoner; the referee allows each witness."""
    (question,) = [
        each
        for each in questions(account)
        if (each.principal.name, each.action, each.path.name) == (who, action, path)
        and each.resource.name == "objects of models"
        and (each.resource.through.name if each.resource.through else "") == way
    ]
    answered = answer(account, question)
    if answered.witness is not None:
        assert allowed(replayed(account, Judged(answered, None)))
    return answered.verdict


READ = allow("s3:GetObject", THROUGH, Principal=TEAM)
WHO, WAY = f"account {OTHER}", "access point ap"


@pytest.mark.parametrize("own", [True, False])
def test_both_policies_have_to_allow_it(own: bool) -> None:
    account = load([*bucket(DELEGATED), *point(READ, own=own)], ACCOUNT, "aws")
    assert verdict(account, WHO, WAY) is Verdict.ALLOWED
    assert verdict(account, WHO, WAY, action="s3:PutObject") is Verdict.DENIED
    assert verdict(account, WHO, "") is Verdict.DENIED  # the bucket takes nothing of theirs directly
    assert verdict(load([*bucket(), *point(READ)], ACCOUNT, "aws"), WHO, WAY) is Verdict.DENIED
    bare = load(
        [*bucket(DELEGATED), *point(allow("s3:GetObject", THROUGH, Principal={"AWS": ACCOUNT}))], ACCOUNT, "aws"
    )
    assert verdict(bare, "any other account", WAY) is Verdict.DENIED


def test_each_policy_calls_the_object_in_its_own_way() -> None:
    """Which keys pass is what both say of the same key."""
    one = {**DELEGATED, "Resource": "arn:aws:s3:::models/a/*"}
    same = {**READ, "Resource": f"{POINT}/object/a/b*"}
    other = {**READ, "Resource": f"{POINT}/object/b/*"}
    assert verdict(load([*bucket(one), *point(same)], ACCOUNT, "aws"), WHO, WAY) is Verdict.ALLOWED
    assert verdict(load([*bucket(one), *point(other)], ACCOUNT, "aws"), WHO, WAY) is Verdict.DENIED


def test_what_either_denies_is_denied() -> None:
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}
    there = load([*bucket(DELEGATED), *point(READ, {**deny, "Resource": THROUGH})], ACCOUNT, "aws")
    here = load([*bucket(DELEGATED, {**deny, "Resource": OBJECTS}), *point(READ)], ACCOUNT, "aws")
    assert verdict(there, WHO, WAY) is Verdict.DENIED
    assert verdict(here, WHO, WAY) is Verdict.DENIED


def test_one_of_a_vpc_is_for_requests_from_there_alone() -> None:
    gateway = resource(
        "aws:ec2/vpcEndpoint:VpcEndpoint", "s3", id="vpce-1", vpcId="vpc-1", serviceName="com.amazonaws.us-east-1.s3"
    )
    found = [*bucket(DELEGATED), *point(READ, vpcConfiguration={"vpcId": "vpc-1"}), gateway]
    account = load(found, ACCOUNT, "aws")
    assert verdict(account, WHO, WAY, "endpoint s3") is Verdict.ALLOWED
    assert verdict(account, WHO, WAY) is Verdict.DENIED
    assert verdict(account, WHO, WAY, "any other VPC endpoint") is Verdict.DENIED


@pytest.mark.parametrize(
    ("key", "value", "theirs", "others"),
    [
        ("s3:DataAccessPointAccount", ACCOUNT, Verdict.DENIED, Verdict.DENIED),
        ("s3:DataAccessPointAccount", OTHER, Verdict.ALLOWED, Verdict.DENIED),
        ("s3:DataAccessPointArn", f"arn:aws:s3:us-east-1:{OTHER}:accesspoint/*", Verdict.ALLOWED, Verdict.DENIED),
        ("s3:DataAccessPointArn", "arn:aws:s3:*:*:accesspoint/*", None, Verdict.ALLOWED),
    ],
)
def test_a_bucket_that_delegates_to_other_accounts_access_points_is_open_to_whom_they_let_in(
    key: str, value: str, theirs: Verdict | None, others: Verdict
) -> None:
    test = {"ArnLike" if "Arn" in key else "StringEquals": {key: value}}
    opened = allow("s3:GetObject", OBJECTS, Principal="*", Condition=test)
    account = load([*bucket(opened), *point()], ACCOUNT, "aws")
    anybody = ("any other account", "access points of any other account")
    assert verdict(account, *anybody) is others
    if theirs is Verdict.ALLOWED:
        assert verdict(account, anybody[0], f"access points of account {OTHER}") is theirs
    assert verdict(account, anybody[0], "") is Verdict.DENIED


def test_the_accounts_own_need_it_of_both() -> None:
    read = [allow("s3:GetObject", THROUGH), allow("s3:GetObject", OBJECTS)]
    users = [user("both", *read), user("there", read[0]), user("here", read[1])]

    def account(*points: tuple[Mapping[str, Any], str | None]) -> Account:
        guarded = Guarded("bucket models", "bucket", "arn:aws:s3:::models", access_points=points)
        return load_account(described(users, resources=[guarded]))

    found = account(({"Name": "ap", "AccessPointArn": POINT}, None))
    states = {name: verdict(found, f"user/{name}", WAY) for name in ("both", "there", "here")}
    assert states == {"both": Verdict.ALLOWED, "there": Verdict.DENIED, "here": Verdict.DENIED}
    failures = check(grouped(found), Intent(("objects of models",), ())).failures
    through = [each for each in failures if each.answer.question.resource.through]
    assert {each.answer.question.principal.name for each in through} == {"root user of the account", "user/both"}
    assert "on objects of models, through access point ap" in str(through[0])


def test_one_that_is_not_known_yet_is_told() -> None:
    for found in (point(arn=...), point(vpcConfiguration=...)):
        gaps = load([*bucket(), *found], ACCOUNT, "aws").gaps
        assert "AccessPoint ap is known after deployment only" in gaps
    elsewhere = load([*bucket(), *point(bucket="others")], ACCOUNT, "aws").gaps
    assert any("AccessPoint ap" in gap for gap in elsewhere)
