"""What a program declares, as an account's principals, resources and paths."""

from typing import Any

import pytest

from private_inference.authorization.answer import Answer, Verdict, answer
from private_inference.authorization.decision import Question
from private_inference.authorization.everyone import everyone, label
from private_inference.authorization.from_graph.load import load
from private_inference.authorization.model import Account
from private_inference.graph.resources import Resource
from tests.authorization.declared import ACCOUNT, allow, resource, text, urn_of

ROLE, BUCKET, KEY = "aws:iam/role:Role", "aws:s3/bucket:Bucket", "aws:kms/key:Key"
READ = text(allow("s3:GetObject", "arn:aws:s3:::models/*"))
TRUST = text({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}})
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/app"
OTHER = "arn:aws:iam::210987654321:role/theirs"


def role(**more: Any) -> Resource:
    return resource(ROLE, "app", name="app", id="app", arn=ROLE_ARN, assumeRolePolicy=TRUST, **more)


def bucket(**more: Any) -> Resource:
    return resource(BUCKET, "models", bucket="models", id="models", arn="arn:aws:s3:::models", **more)


def ask(account: Account, principal: str, action: str, name: str, path: str = "no VPC endpoint") -> Answer:
    who = next(each for each in everyone(account) if label(each) == principal)
    what = next(each for each in account.resources if each.name == name and (each.kind == "trust") == ("sts" in action))
    over = next(each for each in account.paths if each.name == path)
    return answer(account, Question(who, action, what, over))


def verdict(declared: list[Resource], principal: str, action: str, name: str) -> Verdict:
    return ask(load(declared, ACCOUNT, "aws"), principal, action, name).verdict


@pytest.mark.parametrize(
    "attached",
    [
        [role(inlinePolicies=[{"name": "read", "policy": READ}])],
        [role(), resource("aws:iam/rolePolicy:RolePolicy", "read", role="app", policy=READ)],
        [
            role(),
            resource("aws:iam/policy:Policy", "read", arn="arn:read", policy=READ),
            resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "read", role="app", policyArn="arn:read"),
        ],
        [
            role(managedPolicyArns=["arn:read"]),
            resource("aws:iam/policy:Policy", "read", arn="arn:read", policy=READ),
        ],
        [
            role(),
            resource("aws:iam/policy:Policy", "read", policy=READ),
            resource(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                "read",
                {"policyArn": [urn_of("aws:iam/policy:Policy", "read")], "role": [urn_of(ROLE, "app")]},
                role=...,
                policyArn=...,
            ),
        ],
    ],
    ids=["inline", "role policy", "attached", "managed", "by references"],
)
def test_a_roles_policies_are_found_wherever_they_are_attached(attached: list[Resource]) -> None:
    assert verdict([bucket(), *attached], "role app", "s3:GetObject", "objects of models") is Verdict.ALLOWED
    assert verdict([bucket(), *attached], "role app", "s3:PutObject", "objects of models") is Verdict.DENIED


def test_a_boundary_bounds() -> None:
    policies = resource("aws:iam/policy:Policy", "bound", arn="arn:bound", policy=text(allow("s3:PutObject")))
    mine = role(inlinePolicies=[{"name": "read", "policy": READ}], permissionsBoundary="arn:bound")
    assert verdict([bucket(), mine, policies], "role app", "s3:GetObject", "objects of models") is Verdict.DENIED


@pytest.mark.parametrize(
    ("more", "gap"),
    [
        ({"managedPolicyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]}, "ReadOnlyAccess"),
        ({"inlinePolicies": [{"name": "read", "policy": "no JSON"}]}, "not JSON"),
    ],
)
def test_what_can_not_be_read_is_unverified_by_name(more: dict[str, Any], gap: str) -> None:
    found = ask(load([bucket(), role(**more)], ACCOUNT, "aws"), "role app", "s3:GetObject", "objects of models")
    assert found.verdict is Verdict.UNVERIFIED
    assert gap in found.needs[0]


def test_a_document_that_is_not_known_yet_is_unverified_by_name() -> None:
    later = resource("aws:s3/bucketPolicy:BucketPolicy", "models", bucket="models", policy=...)
    account = load([bucket(), role(), later], ACCOUNT, "aws")
    found = ask(account, "any other account", "s3:GetObject", "objects of models")
    assert (found.verdict, found.needs) == (
        Verdict.UNVERIFIED,
        ("policy of Bucket models is known after deployment only",),
    )


def test_an_operator_that_is_not_known_is_unverified_by_name() -> None:
    odd = text(allow("s3:*", Principal="*", Condition={"StringRhymes": {"aws:username": "ann"}}))
    policy = resource("aws:s3/bucketPolicy:BucketPolicy", "models", bucket="models", policy=odd)
    found = ask(load([bucket(), policy], ACCOUNT, "aws"), "any other account", "s3:GetObject", "objects of models")
    assert found.verdict is Verdict.UNVERIFIED
    assert "StringRhymes" in found.needs[0]


def test_a_grant_counts_as_a_statement_of_the_keys_policy() -> None:
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    key = resource(KEY, "data", id="1", keyId="1", arn=arn, policy=text(allow("kms:Put*", Principal={"AWS": ACCOUNT})))
    grant = resource("aws:kms/grant:Grant", "theirs", keyId="1", granteePrincipal=OTHER, operations=["Decrypt"])
    assert verdict([key, grant], OTHER, "kms:Decrypt", "key data") is Verdict.ALLOWED
    assert verdict([key, grant], OTHER, "kms:GenerateDataKey", "key data") is Verdict.DENIED
    assert verdict([key], "any other account", "kms:Decrypt", "key data") is Verdict.DENIED


def test_a_permission_of_a_function_is_bound_by_what_it_names() -> None:
    function = resource("aws:lambda/function:Function", "f", name="f", id="f", arn="arn:aws:lambda:f")
    asked = ("s3.amazonaws.com, for another account", "lambda:InvokeFunction", "function f")

    def permission(**more: Any) -> Resource:
        named: dict[str, Any] = {"function": "f", "action": "lambda:InvokeFunction", "principal": "s3.amazonaws.com"}
        return resource("aws:lambda/permission:Permission", "p", **named, **more)

    assert verdict([function, permission()], *asked) is Verdict.ALLOWED
    assert verdict([function, permission(sourceAccount=ACCOUNT)], *asked) is Verdict.DENIED


def test_an_endpoints_policy_bounds_what_comes_through_it() -> None:
    gateway = resource(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        "s3",
        id="vpce-1",
        vpcId="vpc-1",
        serviceName="com.amazonaws.us-east-1.s3",
        policy=text(allow("s3:GetObject", Principal="*")),
    )
    account = load([bucket(), gateway], ACCOUNT, "aws")
    anybody = ("any principal of the account", "s3:PutObject", "objects of models")
    assert ask(account, *anybody, "endpoint s3").verdict is Verdict.DENIED
    assert ask(account, *anybody).verdict is Verdict.ALLOWED


def test_a_policy_of_its_own_replaces_a_resources_first_one() -> None:
    arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
    first = text(allow("sns:*", Principal="*"))
    topic = resource("aws:sns/topic:Topic", "alarms", arn=arn, id=arn, policy=first)
    second = text(allow("sns:Publish", Principal={"Service": "s3.amazonaws.com"}))
    replaced = resource("aws:sns/topicPolicy:TopicPolicy", "alarms", arn=arn, policy=second)
    asked = ("any other account", "sns:Publish", "topic alarms")
    assert verdict([topic], *asked) is Verdict.ALLOWED
    assert verdict([topic, replaced], *asked) is Verdict.DENIED


def test_types_that_have_a_say_and_are_not_read_are_named() -> None:
    user = resource("aws:iam/user:User", "ann")
    lost = resource("aws:s3/bucketPolicy:BucketPolicy", "lost", bucket="others", policy=READ)
    gaps = load([user, lost], ACCOUNT, "aws").gaps
    assert any("User ann" in gap for gap in gaps)
    assert any("BucketPolicy lost" in gap for gap in gaps)


CONTENT = text({"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"})
POLICY, ATTACHMENT = "aws:organizations/policy:Policy", "aws:organizations/policyAttachment:PolicyAttachment"


def attached(target: Any, **more: Any) -> list[Resource]:
    policy = resource(POLICY, "scp", id="p-1", content=CONTENT, **more)
    return [bucket(), policy, resource(ATTACHMENT, "scp", policyId="p-1", targetId=target)]


def test_what_is_attached_to_the_account_itself_holds_for_its_principals() -> None:
    asked = ("any principal of the account", "s3:GetObject", "objects of models")
    assert verdict([bucket()], *asked) is Verdict.ALLOWED
    assert verdict(attached(ACCOUNT), *asked) is Verdict.DENIED
    assert verdict(attached(ACCOUNT, type="TAG_POLICY"), *asked) is Verdict.ALLOWED
    assert ask(load(attached(ACCOUNT), ACCOUNT, "aws"), *asked).blockers == ("policy scp, statement 0",)


def test_an_rcp_holds_for_whoever_asks() -> None:
    opened = resource(
        "aws:s3/bucketPolicy:BucketPolicy", "models", bucket="models", policy=text(allow("s3:*", Principal="*"))
    )
    asked = ("any other account", "s3:GetObject", "objects of models")
    assert verdict([opened, *attached(ACCOUNT)], *asked) is Verdict.ALLOWED
    assert verdict([opened, *attached(ACCOUNT, type="RESOURCE_CONTROL_POLICY")], *asked) is Verdict.DENIED


@pytest.mark.parametrize("target", ["ou-ab12-cdefgh34", "210987654321", ...])
def test_what_is_attached_elsewhere_does_not_count_and_is_told(target: Any) -> None:
    account = load(attached(target), ACCOUNT, "aws")
    assert ask(account, "any principal of the account", "s3:GetObject", "objects of models").verdict is Verdict.ALLOWED
    assert any("PolicyAttachment scp" in gap for gap in account.gaps)


def test_what_a_stack_holds_is_read_and_what_it_hides_is_named() -> None:
    body = (
        "Resources:\n  App:\n    Type: AWS::IAM::Role\n    Properties:\n"
        f"      AssumeRolePolicyDocument: {TRUST}\n"
        f"      Policies: [{{PolicyName: read, PolicyDocument: {READ}}}]\n"
        "  Odd: {Type: AWS::Odd::Thing}\n"
    )
    stack = resource("aws:cloudformation/stack:Stack", "apps", templateBody=body)
    command = resource("command:local:Command", "bye", create="aws iam create-user")
    account = load([stack, command, bucket()], ACCOUNT, "aws")
    assert ask(account, "role apps.App", "s3:GetObject", "objects of models").verdict is Verdict.ALLOWED
    assert any("Stack apps holds what can't be read: Odd is of type AWS::Odd::Thing" in gap for gap in account.gaps)
    assert any("Command bye runs a command" in gap for gap in account.gaps)
