"""The perimeter's documents refuse what they are for, and nothing else: the referee says so, request by request."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from components.guarded import Guarded, GuardedFrontDoor
from components.perimeter import BOUNDARY, LONGEST, RCP, SCP, documents, text
from components.perimeter_changes import CHANGES
from components.settings import AccountGuardsSettings, SettingsError
from tests.authorization.concrete import Case, allowed
from tests.support.stacks import HERE

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # parliament reads its data by pkg_resources
    import parliament

OURS = {"aws:resourcetag/project": "private-inference", "aws:resourcetag/stack": "prod"}
THEIRS = {**OURS, "aws:resourcetag/stack": "dev"}
IAM = f"arn:aws:iam::{HERE.id}:"
ADMIN, DEPLOYER, ROLE = f"{IAM}role/admin", f"{IAM}role/deployer-ci", f"{IAM}role/private-inference/prod/triage"
STRANGER = "arn:aws:iam::210987654321:role/theirs"
ENDPOINT, OTHER_ENDPOINT = (HERE.arn("sagemaker", f"endpoint/{name}") for name in ("triage", "others"))
BUCKET, KEY = "arn:aws:s3:::artifacts-1", HERE.arn("kms", "key/1")
CALL_LOG = "arn:aws:s3:::calls-1"
TRAIL, OTHER_TRAIL = (HERE.arn("cloudtrail", f"trail/private-inference-{stack}-calls") for stack in ("prod", "dev"))
RULE = HERE.arn("events", "rule/private-inference-prod-calls")
TABLE = HERE.arn("ec2", "route-table/rtb-1")
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"}]}
GUARDS = AccountGuardsSettings.model_validate(
    {
        "vpcBlockPublicAccess": "block-bidirectional",
        "ebsDefaultKeyArn": HERE.arn("kms", "key/ebs"),
        "ebsSnapshotBlockPublicAccess": True,
        "s3BlockPublicAccess": True,
    }
)


def guarded(**changes: Any) -> Guarded:
    found: dict[str, Any] = {
        "account": HERE,
        "tags": {"Project": "private-inference", "Stack": "prod"},
        "iam_path": "/private-inference/prod/",
        "endpoints": ["triage"],
        "runtime_endpoint": "vpce-1",
        "bucket": BUCKET,
        "call_log": CALL_LOG,
        "keys": [KEY],
        "deployers": [f"{IAM}role/deployer*"],
        "vpc": "vpc-1",
        "data_through_vpc": True,
        "account_guards": GUARDS,
        **changes,
    }
    return Guarded(**found)


PERIMETER = guarded()


@dataclass(frozen=True)
class Asked:
    """A request. `passes`: whether it is allowed under the documents of these kinds."""

    name: str
    kinds: tuple[str, ...]
    passes: bool
    action: str
    resource: str
    who: str = ADMIN
    context: Mapping[str, str] = field(default_factory=dict)
    service: bool = False

    def allowed(self, kind: str, document: Mapping[str, Any]) -> bool:
        own = {} if self.service else {"aws:principalarn": self.who, "aws:principalaccount": self.account}
        carried = {**own, "aws:principalisawsservice": str(self.service).lower(), **self.context}
        case = Case(
            "service" if self.service else "role",
            self.who,
            self.account,
            self.action,
            self.resource,
            carried,
            identity=None,
            boundary=document if kind == BOUNDARY else None,
            policy=EVERYTHING if kind == RCP else None,
            scps=[[EVERYTHING, document]] if kind == SCP else [],
            rcps=[[EVERYTHING, document]] if kind == RCP else [],
            owner=HERE.id,
        )
        return allowed(case)

    @property
    def account(self) -> str:
        return "" if self.service else self.who.split(":")[4]


BOTH = (SCP, BOUNDARY)
INVOKE, READ, MODEL = "sagemaker:InvokeEndpoint", "s3:GetObject", f"{BUCKET}/models/m"
WITHIN, THROUGH_S3 = {"aws:sourcevpc": "vpc-1"}, {"kms:viaservice": f"s3.{HERE.region}.amazonaws.com"}
REQUESTS = [
    Asked("a call around VPC endpoints", BOTH, False, INVOKE, ENDPOINT),
    Asked("a call by a deployer around them", BOTH, False, INVOKE, ENDPOINT, DEPLOYER),
    Asked("a streaming call", BOTH, False, f"{INVOKE}WithResponseStream", ENDPOINT),
    Asked("a call through another one", BOTH, False, INVOKE, ENDPOINT, context={"aws:sourcevpce": "vpce-2"}),
    Asked("a call through the runtime endpoint", BOTH, True, INVOKE, ENDPOINT, context={"aws:sourcevpce": "vpce-1"}),
    Asked("a call of another stack's endpoint", BOTH, True, INVOKE, OTHER_ENDPOINT),
    Asked("a route", BOTH, False, "ec2:CreateRoute", TABLE, context=OURS),
    Asked("a route by a deployer", BOTH, True, "ec2:CreateRoute", TABLE, DEPLOYER, OURS),
    Asked("a route of another stack", BOTH, True, "ec2:CreateRoute", TABLE, context=THEIRS),
    Asked("a route of nobody's", BOTH, True, "ec2:CreateRoute", TABLE),
    Asked("the tags taken off", BOTH, False, "ec2:DeleteTags", TABLE, context=OURS),
    Asked("a key's policy", BOTH, False, "kms:PutKeyPolicy", KEY, context=OURS),
    Asked("the endpoint's deletion", BOTH, False, "sagemaker:DeleteEndpoint", ENDPOINT, context=OURS),
    Asked("a description", BOTH, True, "sagemaker:DescribeEndpoint", ENDPOINT, context=OURS),
    Asked("the bucket's policy", BOTH, False, "s3:PutBucketPolicy", BUCKET),
    Asked("the bucket's policy by a deployer", BOTH, True, "s3:PutBucketPolicy", BUCKET, DEPLOYER),
    Asked("another bucket's policy", BOTH, True, "s3:PutBucketPolicy", "arn:aws:s3:::artifacts-10"),
    Asked("the log's policy", BOTH, False, "s3:PutBucketPolicy", CALL_LOG),
    Asked("a logged call removed", BOTH, False, "s3:DeleteObjectVersion", f"{CALL_LOG}/AWSLogs/1"),
    Asked("an artifact removed", BOTH, True, "s3:DeleteObject", MODEL),
    Asked("the trail stopped", BOTH, False, "cloudtrail:StopLogging", TRAIL),
    Asked("the trail stopped by a deployer", BOTH, True, "cloudtrail:StopLogging", TRAIL, DEPLOYER),
    Asked("another stack's trail stopped", BOTH, True, "cloudtrail:StopLogging", OTHER_TRAIL),
    Asked("the trail about other calls", BOTH, False, "cloudtrail:PutEventSelectors", TRAIL),
    Asked("the rule disabled", BOTH, False, "events:DisableRule", RULE),
    Asked("nobody told", BOTH, False, "events:RemoveTargets", RULE),
    *(
        Asked(f"{action}, {how}", BOTH, passes, action, "*", who, {"aws:requestedregion": region})
        for action in (
            "ec2:ModifyVpcBlockPublicAccessOptions",
            "ec2:CreateVpcBlockPublicAccessExclusion",
            "ec2:DisableEbsEncryptionByDefault",
            "ec2:ResetEbsDefaultKmsKeyId",
            "ec2:DisableSnapshotBlockPublicAccess",
        )
        for how, passes, who, region in (
            ("a guard of the Region", False, ADMIN, HERE.region),
            ("that by a deployer", True, DEPLOYER, HERE.region),
            ("that of another Region", True, ADMIN, "eu-central-1"),
        )
    ),
    Asked("the account's block of public buckets", BOTH, False, "s3:PutAccountPublicAccessBlock", "*"),
    Asked("that by a deployer ", BOTH, True, "s3:PutAccountPublicAccessBlock", "*", DEPLOYER),
    Asked("the role for a function of one's own", BOTH, False, "iam:PassRole", ROLE),
    Asked("the role by a deployer", BOTH, True, "iam:PassRole", ROLE, DEPLOYER),
    Asked("whom a deployer trusts", BOTH, False, "iam:UpdateAssumeRolePolicy", DEPLOYER),
    Asked("a new deployer", BOTH, False, "iam:CreateRole", f"{IAM}role/deployer-mine"),
    Asked("a principal without the boundary", (BOUNDARY,), False, "iam:CreateRole", f"{IAM}role/x"),
    Asked(
        "a principal with it",
        (BOUNDARY,),
        True,
        "iam:CreateRole",
        f"{IAM}role/x",
        context={"iam:permissionsboundary": PERIMETER.boundary},
    ),
    Asked("a principal without it by a deployer", (BOUNDARY,), True, "iam:CreateRole", f"{IAM}role/x", DEPLOYER),
    Asked("the boundary taken off", (BOUNDARY,), False, "iam:DeleteRolePermissionsBoundary", ADMIN),
    Asked("that by a deployer", (BOUNDARY,), True, "iam:DeleteRolePermissionsBoundary", ADMIN, DEPLOYER),
    Asked("the boundary changed", (BOUNDARY,), False, "iam:CreatePolicyVersion", PERIMETER.boundary),
    Asked(
        "the boundary changed by a deployer", (BOUNDARY,), True, "iam:CreatePolicyVersion", PERIMETER.boundary, DEPLOYER
    ),
    Asked("an object", (RCP,), False, READ, MODEL),
    Asked("an object through the VPC", (RCP,), True, READ, MODEL, context=WITHIN),
    Asked("an object through another VPC", (RCP,), False, READ, MODEL, context={"aws:sourcevpc": "vpc-2"}),
    Asked("an object by a service for somebody", (RCP,), False, READ, MODEL, context={"aws:viaawsservice": "true"}),
    Asked("an object by a deployer", (RCP,), True, READ, MODEL, DEPLOYER),
    Asked("an object by a service", (RCP,), True, READ, MODEL, "sagemaker.amazonaws.com", service=True),
    Asked("the role from anywhere", (RCP,), False, READ, MODEL, ROLE, {"aws:viaawsservice": "false"}),
    Asked("the role through the VPC", (RCP,), True, READ, MODEL, ROLE, {"aws:viaawsservice": "false", **WITHIN}),
    Asked("the role by a service", (RCP,), True, READ, MODEL, ROLE, {"aws:viaawsservice": "true"}),
    Asked("a write", (RCP,), True, "s3:PutObject", MODEL),
    Asked("an object for another account", (RCP,), False, READ, MODEL, STRANGER, WITHIN),
    Asked("the log for another account", (RCP,), False, READ, f"{CALL_LOG}/AWSLogs/1", STRANGER, WITHIN),
    Asked("the log", (RCP,), True, READ, f"{CALL_LOG}/AWSLogs/1"),
    Asked("a key", (RCP,), False, "kms:Decrypt", KEY),
    Asked("a key through S3", (RCP,), True, "kms:Decrypt", KEY, context=THROUGH_S3),
    Asked("a key for another account", (RCP,), False, "kms:Decrypt", KEY, STRANGER, THROUGH_S3),
    Asked("another bucket for another account", (RCP,), True, "s3:GetObject", "arn:aws:s3:::others/m", STRANGER),
    *(
        Asked(
            f"a key for a service, {whose}",
            (RCP,),
            passes,
            "kms:Decrypt",
            KEY,
            "logs.amazonaws.com",
            context,
            service=True,
        )
        for whose, passes, context in [
            ("for this account", True, {"aws:sourceaccount": HERE.id}),
            ("for another", False, {"aws:sourceaccount": "210987654321"}),
            ("which doesn't say for whom", True, {}),
        ]
    ),
]


def asked_of(kind: str) -> list[Asked]:
    return [each for each in REQUESTS if kind in each.kinds]


@pytest.mark.parametrize(
    ("kind", "asked"),
    [pytest.param(kind, each, id=f"{kind}: {each.name}") for kind in LONGEST for each in asked_of(kind)],
)
def test_a_request_is_refused_or_not(kind: str, asked: Asked) -> None:
    assert asked.allowed(kind, documents(PERIMETER)[kind]) is asked.passes


STATEMENTS = [(kind, each["Sid"]) for kind, found in documents(PERIMETER).items() for each in found["Statement"]]


@pytest.mark.parametrize(("kind", "sid"), STATEMENTS)
def test_each_statement_refuses_something_that_no_other_does(kind: str, sid: str) -> None:
    rest = [each for each in documents(PERIMETER)[kind]["Statement"] if each["Sid"] != sid]
    assert any(each.allowed(kind, {"Statement": rest}) is not each.passes for each in asked_of(kind))


CONDITIONS = [
    (kind, each["Sid"], operator)
    for kind, found in documents(PERIMETER).items()
    for each in found["Statement"]
    for operator in each.get("Condition", {})
]


@pytest.mark.parametrize(("kind", "sid", "operator"), CONDITIONS)
def test_each_condition_lets_something_through_that_it_should(kind: str, sid: str, operator: str) -> None:
    wider = json.loads(json.dumps(documents(PERIMETER)[kind]))
    del next(each for each in wider["Statement"] if each["Sid"] == sid)["Condition"][operator]
    assert any(each.allowed(kind, wider) is not each.passes for each in asked_of(kind))


STACKS_TYPES = {
    "route-table", "subnet", "vpc", "vpc-endpoint", "security-group", "network-acl", "vpc-flow-log",
    "key", "endpoint", "endpoint-config", "model", "log-group", "log-stream", "role", "policy",
    "certificate",
}  # fmt: skip
"""What AWS's reference calls the resources that a stack has."""


def bounding(service: str, action: str) -> set[str]:
    """Types of resource that an action changes and whose tags AWS evaluates; of EC2's, the reference says by action."""
    found = set()
    for definition in (each for each in parliament.iam_definition if each["prefix"] == service):
        keys = {each["resource"]: each["condition_keys"] for each in definition["resources"]}
        for privilege in (each for each in definition["privileges"] if each["privilege"] == action):
            for resource in privilege["resource_types"]:
                name = resource["resource_type"].rstrip("*")
                evaluated = resource["condition_keys"] if service == "ec2" else keys.get(name, [])
                if any(key.startswith("aws:ResourceTag") for key in evaluated):
                    found.add(name)
    return found


@pytest.mark.parametrize("action", CHANGES)
def test_tags_bound_only_actions_for_which_aws_evaluates_them(action: str) -> None:
    for each in parliament.expand_action(action):
        assert bounding(each["service"], each["action"]) & STACKS_TYPES, each


def test_the_reference_tells_actions_apart() -> None:
    assert bounding("ec2", "DescribeRouteTables") == set()
    assert bounding("s3", "PutBucketPolicy") == set()


ACCEPTED = {
    "RESOURCE_MISMATCH": "to parliament each action has to fit every resource of its statement",
    "UNKNOWN_CONDITION_FOR_ACTION": "the same of conditions, and PrincipalAccount is newer",
    "MISMATCHED_TYPE_BUT_USABLE": "the boundary's ARN is compared whole",
}
"""Findings of parliament that are not faults, with the reason."""


def test_the_documents_are_sound_to_parliament_but_for_what_it_can_not_know() -> None:
    for kind, found in documents(PERIMETER).items():
        linted = parliament.analyze_policy_string(text(kind, found), ignore_private_auditors=True)
        assert {finding.issue for finding in linted.findings} <= ACCEPTED.keys()


def test_wildcards_are_at_the_end_of_actions_only() -> None:
    for kind in (SCP, RCP):
        for statement in documents(PERIMETER)[kind]["Statement"]:
            assert all(action != "*" and "*" not in action[:-1] for action in statement["Action"])


def test_names_are_meant_in_lower_case_too() -> None:
    call = Asked("", (SCP,), False, INVOKE, HERE.arn("sagemaker", "endpoint/triage"))
    assert not call.allowed(SCP, documents(guarded(endpoints=["Triage"]))[SCP])


def test_where_data_is_read_from_is_refused_only_if_asked_for() -> None:
    found = documents(guarded(data_through_vpc=False))[RCP]
    assert [each["Sid"] for each in found["Statement"]] == ["OwnPrincipals", "ServicesForThisAccount"]


def test_without_deployers_calls_alone_are_refused() -> None:
    found = documents(guarded(deployers=[]))
    assert [each["Sid"] for each in found[SCP]["Statement"]] == ["CallsThroughRuntimeEndpoint"]
    assert documents(guarded(deployers=[], endpoints=[])).keys() == {RCP}


def test_a_stack_that_logs_no_calls_has_nothing_to_guard_there() -> None:
    found = json.dumps(documents(guarded(call_log=None)))
    assert "cloudtrail" not in found
    assert "calls" not in found


def test_a_document_that_is_too_long_is_told_with_what_shortens_it() -> None:
    for kind, longest in LONGEST.items():
        many = guarded(endpoints=[f"endpoint-{number}" for number in range(200)], keys=[KEY] * 200)
        with pytest.raises(SettingsError, match=f"AWS takes {longest}. Name fewer perimeter.deployers"):
            text(kind, documents(many)[kind])


@pytest.mark.parametrize(
    ("owned", "refused"),
    [
        ({}, []),
        ({"s3BlockPublicAccess": True}, ["AccountsGuardsByDeployers"]),
        ({"vpcBlockPublicAccess": "block-ingress"}, ["RegionsGuardsByDeployers"]),
    ],
)
def test_guards_of_the_account_that_others_own_are_left_to_them(owned: dict[str, Any], refused: list[str]) -> None:
    found = documents(guarded(account_guards=AccountGuardsSettings.model_validate(owned)))[SCP]["Statement"]
    assert [each["Sid"] for each in found if "Guards" in each["Sid"]] == refused


DOOR = f"{IAM}role/private-inference/prod/private-inference-prod-front-door"
FRONT_DOOR = GuardedFrontDoor(role=DOOR, api="a1b2c3", domain_name="models.example.internal")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(("who", "passes"), [(DOOR, True), (f"{DOOR}-2", False), (ADMIN, False), (DEPLOYER, False)])
def test_a_front_door_exempts_its_own_role_alone(kind: str, who: str, passes: bool) -> None:
    written = json.loads(text(kind, documents(guarded(front_door=FRONT_DOOR))[kind]))
    assert Asked("a call by API Gateway", BOTH, passes, INVOKE, ENDPOINT, who).allowed(kind, written) is passes


API = "arn:aws:apigateway:us-east-1::/restapis/a1b2c3"
NAME = "arn:aws:apigateway:us-east-1:123456789012:/domainnames/models.example.internal+id"
WEB_ACL_CHANGES = [
    ("apigateway:SetWebACL", f"{API}/stages/serving", {"front_door": FRONT_DOOR}),
    (
        "elasticloadbalancing:CreateWebACLAssociation",
        HERE.arn("elasticloadbalancing", "loadbalancer/app/front-door/1"),
        {"balanced_name": "models.example.internal"},
    ),
]


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(("action", "resource", "door"), WEB_ACL_CHANGES)
def test_a_web_acl_is_put_before_the_door_by_deployers_alone(
    kind: str, action: str, resource: str, door: dict[str, Any]
) -> None:
    for given, who, passes in ((True, ADMIN, False), (True, DEPLOYER, True), (False, ADMIN, True)):
        bounded = guarded(**door, web_acl=given, account_guards=AccountGuardsSettings())
        written = json.loads(text(kind, documents(bounded)[kind]))
        asked = Asked("a web ACL", BOTH, passes, action, resource, who, OURS)
        assert asked.allowed(kind, written) is passes, (given, who)


PATH = "arn:aws:apigateway:us-east-1::/domainnames/models.example.internal+id"
NAMES = "route53:changeresourcerecordsetsnormalizedrecordnames"
TO_DEPLOYERS = [
    ("apigateway:DELETE", API, {}),
    ("apigateway:UpdateRestApiPolicy", API, {}),
    ("apigateway:PATCH", f"{API}/stages/serving", {}),
    ("apigateway:PUT", f"{API}/resources/r/methods/POST/integration", {}),
    ("apigateway:POST", f"{API}/deployments", {}),
    ("apigateway:DELETE", "arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway%3A%3A%2Frestapis%2Fa1b2c3", {}),
    ("apigateway:UpdateDomainNamePolicy", NAME, {}),
    ("apigateway:CreateAccessAssociation", NAME, {}),
    ("apigateway:DELETE", NAME.replace("domainnames", "domainnameaccessassociations/domainname"), {}),
    (
        "apigateway:PATCH",
        f"{PATH}/basepathmappings/x",
        {},
    ),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {NAMES: "models.example.internal"}),
    ("acm:DeleteCertificate", HERE.arn("acm", "certificate/c"), OURS),
]
TO_ALL = [
    ("apigateway:DELETE", "arn:aws:apigateway:us-east-1::/restapis/others", {}),
    ("apigateway:GET", API, {}),
    ("apigateway:PATCH", NAME.replace("models", "others"), {}),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {NAMES: "others.example.internal"}),
    ("acm:DeleteCertificate", HERE.arn("acm", "certificate/c"), {}),
]


BALANCERS = HERE.arn("elasticloadbalancing", "{}/app/front-door/1")
SERVICE = HERE.arn("ecs", "service/forwarder/forwarder")
OF_BALANCER = [
    ("elasticloadbalancing:ModifyListener", BALANCERS.format("listener"), OURS),
    ("elasticloadbalancing:ModifyTrustStore", HERE.arn("elasticloadbalancing", "truststore/front-door/1"), OURS),
    ("elasticloadbalancing:CreateRule", BALANCERS.format("listener"), OURS),
    ("elasticloadbalancing:RegisterTargets", HERE.arn("elasticloadbalancing", "targetgroup/front-door/1"), OURS),
    ("elasticloadbalancing:RemoveTags", BALANCERS.format("loadbalancer"), OURS),
    ("ecs:UpdateService", SERVICE, OURS),
    ("ecs:ExecuteCommand", SERVICE, OURS),
    ("elasticloadbalancing:DeleteWebACLAssociation", BALANCERS.format("loadbalancer"), OURS),
    ("elasticloadbalancing:SetWebAcl", BALANCERS.format("loadbalancer"), OURS),
    ("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z1", {NAMES: "models.example.internal"}),
]


@pytest.mark.parametrize("kind", BOTH)
def test_a_load_balancer_is_changed_by_deployers_alone(kind: str) -> None:
    given = guarded(balanced_name="models.example.internal", account_guards=AccountGuardsSettings())
    written = json.loads(text(kind, documents(given)[kind]))
    others: list[tuple[str, str, dict[str, str]]] = [(action, resource, {}) for action, resource, _ in OF_BALANCER[:-1]]
    for action, resource, context in (*OF_BALANCER, *others):
        free = (action, resource, context) in others
        for who, passes in ((ADMIN, free), (DEPLOYER, True)):
            asked = Asked("a change", BOTH, passes, action, resource, who, context)
            assert asked.allowed(kind, written) is passes, (action, resource, who)


@pytest.mark.parametrize("kind", BOTH)
def test_a_front_door_is_changed_by_deployers_alone(kind: str) -> None:
    written = json.loads(
        text(kind, documents(guarded(front_door=FRONT_DOOR, account_guards=AccountGuardsSettings()))[kind])
    )
    for action, resource, context in (*TO_DEPLOYERS, *TO_ALL):
        free = (action, resource, context) in TO_ALL
        for who, passes in ((ADMIN, free), (DEPLOYER, True)):
            asked = Asked("a change", BOTH, passes, action, resource, who, context)
            assert asked.allowed(kind, written) is passes, (action, resource, who)
