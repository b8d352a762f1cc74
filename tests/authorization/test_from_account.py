"""What AWS describes of an account, as principals, resources and paths; every witness is replayed by the referee."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from private_inference.authorization.alike import grouped
from private_inference.authorization.answer import Verdict, answer
from private_inference.authorization.everyone import label
from private_inference.authorization.from_account.described import Described, Guarded
from private_inference.authorization.from_account.load import load
from private_inference.authorization.intent import Intent, Report, check
from private_inference.authorization.model import Account, Principal
from private_inference.authorization.questions import questions
from private_inference.cli.deployed import deployed_permissions
from private_inference.verification.deployed import Deployed
from private_inference.verification.permissions import describe
from private_inference.verification.reader import Reader
from tests.authorization.accounts import described, managed, role, trust, user
from tests.authorization.concrete import allowed
from tests.authorization.declared import ACCOUNT, allow, text
from tests.authorization.replay import replayed
from tests.support.recording import ROOT, stack_config
from tests.support.stacks import minimal
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("account")

OTHER = "arn:aws:iam::210987654321:root"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
INVOKE = allow("sagemaker:InvokeEndpoint")


@pytest.fixture(scope="module")
def deployment(archive: Path) -> Iterator[Deployment]:
    """A stack, in an account that has others."""
    with deployed(stack_config(minimal(archive, operators={"callsFromOutside": True}))) as found:
        iam = found.client("iam")
        iam.create_user(UserName="admin")
        iam.put_user_policy(UserName="admin", PolicyName="everything", PolicyDocument=text(allow("*")))
        iam.create_group(GroupName="readers")
        objects = f"arn:aws:s3:::{found.bucket}/*"
        iam.put_group_policy(GroupName="readers", PolicyName="read", PolicyDocument=text(allow("s3:Get*", objects)))
        for name in ("anna", "bert"):
            iam.create_user(UserName=name)
            iam.add_user_to_group(UserName=name, GroupName="readers")
        bound = iam.create_policy(PolicyName="bound", PolicyDocument=text(allow("s3:*")))["Policy"]["Arn"]
        _role(iam, "bounded", allow(["sagemaker:*", "s3:PutObject"]), PermissionsBoundary=bound)
        for name in ("ci-1", "ci-2", "ci-3"):
            _role(iam, name, INVOKE)
        _role(iam, "auditor")
        iam.attach_role_policy(RoleName="auditor", PolicyArn=READ_ONLY)
        _role(iam, "team")
        policy = found.desired.contract.endpoints["triage"].invoke_policy_arn
        iam.attach_role_policy(RoleName="team", PolicyArn=policy)
        _role(iam, "granted")
        grantee = f"arn:aws:iam::{ACCOUNT}:role/granted"
        found.client("kms").create_grant(KeyId=found.key, GranteePrincipal=grantee, Operations=["Decrypt"])
        control, point = found.client("s3control"), {"AccountId": ACCOUNT, "Name": "theirs"}
        control.create_access_point(**point, Bucket=found.bucket)
        arn = control.get_access_point(**point)["AccessPointArn"]
        theirs = allow("s3:GetObject", f"{arn}/object/*", Principal={"AWS": OTHER})
        control.put_access_point_policy(**point, Policy=text(theirs))
        yield found


def _role(iam: Any, name: str, statement: Mapping[str, Any] | None = None, **more: Any) -> None:
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}), **more)
    if statement:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=text(statement))


def permissions(deployment: Deployment) -> tuple[Account, Intent]:
    return deployed_permissions(Deployed(deployment.desired, Reader(deployment.client)))


@pytest.fixture(scope="module")
def found(deployment: Deployment) -> tuple[Account, Report]:
    account, intent = permissions(deployment)
    account = grouped(account)
    return account, check(account, intent)


def surplus(report: Report) -> dict[str, set[str]]:
    """By who has more than was asked for: the actions."""
    by_name: dict[str, set[str]] = {}
    for each in report.failures:
        if each.surplus:
            by_name.setdefault(label(each.answer.question.principal), set()).add(each.answer.question.action)
    return by_name


def test_everybody_who_has_more_than_was_asked_for_is_named(found: tuple[Account, Report]) -> None:
    by_name = surplus(found[1])
    assert set(by_name) == {
        "user/admin",
        "user/anna and 1 like it",
        "role/bounded",
        "role/ci-1 and 2 like it",
        "role/auditor",
        "role/granted",
    }
    assert {"sagemaker:InvokeEndpoint", "iam:PassRole", "kms:PutKeyPolicy", "s3:PutBucketPolicy"} <= by_name[
        "user/admin"
    ]
    assert by_name["user/anna and 1 like it"] == {"s3:GetObject"}
    assert by_name["role/bounded"] == {"s3:PutObject"}
    assert by_name["role/ci-1 and 2 like it"] == {"sagemaker:InvokeEndpoint"}
    assert {"s3:GetObject", "ecr:BatchGetImage", "logs:FilterLogEvents"} <= by_name["role/auditor"]
    assert by_name["role/granted"] == {"kms:Decrypt"}
    assert not any(each.missing for each in found[1].failures)
    assert not found[1].unverified


def test_the_referee_allows_what_everybody_of_a_group_has(
    deployment: Deployment, found: tuple[Account, Report]
) -> None:
    """It is asked about each member, with the documents as AWS describes them, whole."""
    account = found[0]
    described = describe(Deployed(deployment.desired, Reader(deployment.client)))
    arns = {each.name: each for each in load(described).principals}
    replays = 0
    for each in found[1].failures:
        case = replayed(account, each)
        for name in each.answer.question.principal.members or (each.answer.question.principal.name,):
            arn = arns[name].arn
            context = {key: arn if key == "aws:principalarn" else value for key, value in case.context.items()}
            documents = list(_documents(described, arn))
            assert allowed(replace(case, who=arn, context=context, identity=documents)), (name, str(each))
            replays += 1
    assert replays > len(found[1].failures)


def _documents(described: Described, arn: str) -> Iterator[Any]:
    """Identity policies, gathered once more."""
    managed = {each["Arn"]: each["PolicyVersionList"][0]["Document"] for each in described.policies}
    holder = next(each for each in (*described.users, *described.roles) if each["Arn"] == arn)
    groups = [each for each in described.groups if each["GroupName"] in holder.get("GroupList", ())]
    for one in (holder, *groups):
        for kind in ("User", "Group", "Role"):
            yield from (inline["PolicyDocument"] for inline in one.get(f"{kind}PolicyList", ()))
        yield from (managed[each["PolicyArn"]] for each in one.get("AttachedManagedPolicies", ()))


def test_whoever_holds_the_stacks_policy_is_expected_to_call(found: tuple[Account, Report]) -> None:
    team = [each for each in found[1].judged if each.answer.question.principal.name == "role/team"]
    calls = [each for each in team if each.answer.verdict is Verdict.ALLOWED]
    assert {(each.answer.question.path.name, each.answer.question.action) for each in calls} == {
        ("endpoint sagemaker.runtime", "sagemaker:InvokeEndpoint"),
    }
    assert not any(each.surplus or each.missing for each in team)
    assert {each.expectation.principal for each in calls if each.expectation} == {"holders of triage"}


def test_another_account_that_may_take_a_role_of_the_stack_is_named(deployment: Deployment) -> None:
    name = deployment.model("triage")["ExecutionRoleArn"].rpartition("/")[2]
    iam = deployment.client("iam")
    before = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    theirs = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": OTHER}}
    opened = {**before, "Statement": [*before["Statement"], theirs]}
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(opened))
    try:
        account, intent = permissions(deployment)
        failures = check(grouped(account), intent).failures
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(before))
    taken = [each for each in failures if each.answer.question.action == "sts:AssumeRole"]
    assert {label(each.answer.question.principal) for each in taken} == {"account 210987654321"}
    assert all(allowed(replayed(account, each)) for each in taken)


def test_an_access_point_lets_in_whom_it_names_once_the_bucket_delegates_to_it(deployment: Deployment) -> None:
    def through() -> set[str]:
        account, intent = permissions(deployment)
        failures = [each for each in check(grouped(account), intent).failures if each.answer.question.resource.through]
        assert all(allowed(replayed(account, each)) for each in failures)
        return {label(each.answer.question.principal) for each in failures}

    own = {"user/admin", "role/auditor", "role/bounded"}  # to whom their own policies give all buckets
    assert through() == own
    s3, bucket = deployment.client("s3"), deployment.bucket
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    theirs = {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}
    delegating = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*", Condition=theirs)
    opened = json.loads(before)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**opened, "Statement": [*opened["Statement"], delegating]}))
    try:
        # Whoever reads the bucket directly reads it through other accounts' access points, where those let him.
        assert through() == {*own, "user/anna and 1 like it", "account 210987654321"}
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=before)


def test_the_documented_policy_allows_exactly_what_is_read(deployment: Deployment) -> None:
    called: set[str] = set()

    class Recording:
        def __init__(self, service: str) -> None:
            self._client, self._service = deployment.client(service), service

        def __getattr__(self, name: str) -> Any:
            if name in self._client.meta.method_to_api_mapping:
                _note(self._service, name)
            return getattr(self._client, name)

        def get_paginator(self, name: str) -> Any:
            _note(self._service, name)
            return self._client.get_paginator(name)

    def _note(service: str, method: str) -> None:
        operation = deployment.client(service).meta.method_to_api_mapping[method]
        called.add(f"{PREFIXES.get(service, service)}:{operation}")

    deployed_permissions(Deployed(deployment.desired, Reader(Recording)))
    page = (ROOT / "docs/authorization.md").read_text(encoding="utf-8")
    blocks = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    policy = next(each for each in blocks if each["Statement"][0].get("Sid") == "ReadWhoMay")
    documented = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert documented == called | {"ssm:GetParametersByPath"}  # of the contract, which every command reads


PREFIXES = {"resourcegroupstaggingapi": "tag", "s3control": "s3"}


# Descriptions that the embedded AWS has not


def verdicts(account: Account, name: str, action: str = "s3:GetObject") -> set[Verdict]:
    asked = questions(account, lambda _: True, lambda each: each.name == name, lambda each: each == action)
    return {answer(account, question).verdict for question in asked}


READ = allow("s3:GetObject", "arn:aws:s3:::models/*")


def test_a_users_boundary_bounds_its_groups_too() -> None:
    inline = [{"PolicyName": "own", "PolicyDocument": text(READ)}]
    group = {"GroupName": "g", "Arn": f"arn:aws:iam::{ACCOUNT}:group/g", "GroupPolicyList": inline}
    policy = managed("bound", text(allow("sqs:*")))
    bound = {"PermissionsBoundary": {"PermissionsBoundaryArn": policy["Arn"]}}
    users = [user("free", GroupList=["g"]), user("bound", GroupList=["g"], **bound)]
    account = load(described(users, [group], policies=[policy]))
    assert verdicts(account, "user/free") == {Verdict.ALLOWED}
    assert verdicts(account, "user/bound") == {Verdict.DENIED}


def test_the_default_version_of_a_managed_policy_counts() -> None:
    policy = managed("p", text(allow("sqs:*")), text(READ), default="v2")
    holder = user("anna", AttachedManagedPolicies=[{"PolicyArn": policy["Arn"]}])
    assert verdicts(load(described([holder], policies=[policy])), "user/anna") == {Verdict.ALLOWED}
    older = {**policy, "DefaultVersionId": "v1"}
    assert verdicts(load(described([holder], policies=[older])), "user/anna") == {Verdict.DENIED}


def test_what_is_not_described_is_unverified() -> None:
    holder = user("anna", AttachedManagedPolicies=[{"PolicyArn": READ_ONLY}])
    assert verdicts(load(described([holder])), "user/anna") == {Verdict.UNVERIFIED}
    assert verdicts(load(described([user("bert", GroupList=["gone"])])), "user/bert") == {Verdict.UNVERIFIED}
    unread = Guarded("bucket models", "bucket", "arn:aws:s3:::models", gap="policy of bucket models could not be read")
    assert verdicts(load(described([user("anna")], resources=[unread])), "user/anna") == {Verdict.UNVERIFIED}


def test_a_grant_to_a_service_is_named_and_one_with_a_context_asks_for_it() -> None:
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    grants: list[dict[str, Any]] = [
        {"GrantId": "1", "GranteePrincipal": "sagemaker.us-east-1.amazonaws.com", "Operations": ["Decrypt"]},
        {
            "GrantId": "2",
            "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/anna",
            "Operations": ["Decrypt"],
            "Constraints": {"EncryptionContextSubset": {"app": "x"}},
        },
    ]
    key = Guarded("key data", "key", arn, grants=grants)
    account = load(described([user("anna")], resources=[key]))
    assert "sagemaker.us-east-1.amazonaws.com" in " ".join(account.gaps)
    asked = questions(
        account, lambda _: True, lambda each: each.name == "user/anna", lambda each: each == "kms:Decrypt"
    )
    witness = answer(account, next(iter(asked))).witness
    assert witness is not None
    assert witness.context["kms:encryptioncontext:app"] == ("x",)


def test_tags_are_known_unless_sessions_bring_others() -> None:
    tagged = allow("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/team": "ml"}})
    mine, theirs = {"Tags": [{"Key": "team", "Value": "ml"}]}, {"Tags": [{"Key": "team", "Value": "ops"}]}
    session = text({"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Principal": {"AWS": OTHER}})
    account = load(
        described(
            [user("mine", tagged, **mine), user("none", tagged)],
            roles=[role("theirs", tagged, **theirs), role("tagging", tagged, trusted=session, **theirs)],
        )
    )
    assert verdicts(account, "user/mine") == verdicts(account, "role/tagging") == {Verdict.ALLOWED}
    assert verdicts(account, "user/none") == verdicts(account, "role/theirs") == {Verdict.DENIED}


def test_those_taken_together_are_answered_as_each_alone() -> None:
    """Names, tags, variables and bounds that tell principals apart keep them apart."""
    policy = managed("bound", text(allow("s3:Put*")))
    bound = {"PermissionsBoundary": {"PermissionsBoundaryArn": policy["Arn"]}}
    own = allow("s3:*", "arn:aws:s3:::models/${aws:username}/*")
    lists = [
        [READ],
        [READ, allow("sqs:*")],
        [allow("s3:*", "arn:aws:s3:::other/*")],
        [own],
        [allow("s3:*"), {**READ, "Effect": "Deny", "Condition": {"StringLike": {"aws:userid": "AIDAu1*"}}}],
        [allow("s3:*", "arn:aws:s3:::${aws:PrincipalTag/bucket}")],
        [allow("s3:*", Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/u1*"}})],
    ]
    tags = [{"Tags": [{"Key": "bucket", "Value": value}]} for value in ("models", "other")]
    users = [user(f"u{n}", *lists[n % 7], **tags[n % 2], **(bound if n % 5 == 0 else {})) for n in range(70)]
    named = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/u2"}, **READ}
    refused = {**READ, "Effect": "Deny", "Principal": "*", "Condition": {"StringLike": {"aws:username": "u3*"}}}
    bucket = Guarded("bucket models", "bucket", "arn:aws:s3:::models", [text(named, refused)])
    account = load(described(users, roles=[role("r", READ), role("s", READ)], policies=[policy], resources=[bucket]))
    together = grouped(account)
    assert len(together.principals) < len(account.principals)
    alone = {each.name: each for each in account.principals}
    for each in together.principals:
        for name in each.members or (each.name,):
            assert _answers(together, each) == _answers(account, alone[name]), name


def _answers(account: Account, principal: Principal) -> list[Verdict]:
    asked = questions(replace(account, principals=(principal,)), lambda _: True, lambda each: each == principal)
    return [answer(account, question).verdict for question in asked]
