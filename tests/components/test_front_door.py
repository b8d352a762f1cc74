"""The front door: a private API, its name and certificate, and who may call through it."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.certificates import check_certificate, covered
from components.private_api import ANSWERS
from components.settings import SettingsError
from tests.support.recording import Recorded, RecordingEngine, record, stack_config
from tests.support.stacks import AUTHORIZER, CERTIFICATE, DOMAIN, WEB_ACL, endpoint, front_door, minimal, settings

CA = CERTIFICATE.replace(":acm:", ":acm-pca:").replace(":certificate/", ":certificate-authority/")
ZONE = "Z0123456789ABC"


def door(archive: Path, **changes: Any) -> Recorded:
    values = minimal(archive, endpoints=[endpoint(archive), endpoint(archive, name="churn")])
    return record(stack_config(values | {"frontDoor": front_door(**changes)}))


@pytest.fixture(scope="module")
def opened(archive: Path) -> Recorded:
    return door(archive)


def document(recorded: Recorded, type_: str, name: str, key: str = "policy") -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(recorded.one(type_, name).properties[key])["Statement"]
    return statements


def test_without_the_setting_there_is_none(least: Recorded) -> None:
    assert [each.type for each in least.resources if each.type.startswith(("aws:apigateway/", "aws:acm/"))] == []
    assert "frontDoor" not in least.outputs
    assert "frontDoorPolicyArn" not in least.outputs["endpoints"]["triage"]


def test_the_api_is_private_and_asks_who_calls(opened: Recorded) -> None:
    assert opened.one("RestApi").properties["endpointConfiguration"] == {"types": "PRIVATE"}
    assert [method.properties["authorization"] for method in opened.all("Method")] == ["AWS_IAM"]


def test_api_and_name_refuse_other_vpc_endpoints(opened: Recorded) -> None:
    own = opened.one("VpcEndpoint", "execute-api").id
    for type_ in ("RestApiPolicy", "DomainName"):
        allowing, denying = document(opened, type_, "front-door")
        assert (allowing["Effect"], allowing["Condition"]) == ("Allow", {"StringEquals": {"aws:SourceVpce": own}})
        assert (denying["Effect"], denying["Condition"]) == ("Deny", {"StringNotEquals": {"aws:SourceVpce": own}})
        assert denying["Principal"] == "*"
    (association,) = opened.all("DomainNameAccessAssociation")
    assert association.properties["accessAssociationSource"] == own


def test_the_vpc_endpoint_lies_in_the_access_tier_and_leads_to_this_api_alone(opened: Recorded) -> None:
    found = opened.one("VpcEndpoint", "execute-api").properties
    access = [str(each.id) for each in opened.all("Subnet") if each.name.startswith("access-")]
    assert sorted(found["subnetIds"]) == sorted(access)
    assert found["securityGroupIds"] == [opened.one("SecurityGroup", "access").id]
    ((statement),) = json.loads(found["policy"])["Statement"]
    api = opened.one("RestApi").outputs["executionArn"]
    assert statement["Resource"] == [
        f"{api}/*",
        f"arn:aws:execute-api:us-east-1:123456789012:/domainnames/{DOMAIN}+*",
    ]


def test_api_gateway_alone_takes_a_role_that_calls_this_stacks_endpoints_alone(opened: Recorded) -> None:
    role = opened.one("Role", "front-door")
    (trust,) = json.loads(role.properties["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    (allowed,) = document(opened, "RolePolicy", "front-door")
    assert allowed["Action"] == ["sagemaker:InvokeEndpoint"]
    assert [arn.rpartition("/")[2] for arn in allowed["Resource"]] == ["triage", "churn"]
    assert opened.one("Integration").properties["credentials"] == role.outputs["arn"]


def test_a_call_is_passed_on_as_it_is(opened: Recorded) -> None:
    integration = opened.one("Integration").properties
    assert integration["uri"].endswith(":us-east-1:runtime.sagemaker:path/endpoints/{name}/invocations")
    assert integration["requestParameters"] == {
        "integration.request.path.name": "method.request.path.name",
        "integration.request.header.Accept": "method.request.header.Accept",
        "integration.request.header.Content-Type": "method.request.header.Content-Type",
    }
    assert opened.one("RestApi").properties["binaryMediaTypes"] == ["*/*"]
    parts = {each.name: each.properties["pathPart"] for each in opened.all("aws:apigateway/resource:Resource")}
    assert list(parts.values()) == ["endpoints", "{name}", "invocations"]


def test_what_fails_is_never_told_as_a_success(opened: Recorded) -> None:
    patterns = {each.properties["statusCode"]: each.properties.get("selectionPattern") for each in answers(opened)}
    assert patterns == ANSWERS
    assert [status for status, pattern in patterns.items() if pattern is None] == ["502"]


def answers(recorded: Recorded) -> list[Any]:
    return recorded.all("IntegrationResponse")


def test_calls_are_logged_with_their_caller_under_the_logs_key_and_bounded(opened: Recorded) -> None:
    logs = opened.one("Stage").properties["accessLogSettings"]
    group = opened.one("LogGroup", "front-door")
    assert logs["destinationArn"] == group.outputs["arn"]
    assert group.properties["kmsKeyId"] == opened.one("Key", "logs").outputs["arn"]
    assert json.loads(logs["format"])["caller"] == "$context.identity.userArn"
    bounds = opened.one("MethodSettings").properties["settings"]
    assert (bounds["throttlingRateLimit"], bounds["throttlingBurstLimit"]) == (100, 200)
    assert bounds["dataTraceEnabled"] is False


def test_calls_are_counted_by_caller_only_if_asked(opened: Recorded, archive: Path) -> None:
    assert opened.all("ContributorInsightRule") == []
    assert all("insightRule" not in each["properties"] for each in widgets(opened))
    counted = door(archive, countCallers=True)
    rule = counted.one("ContributorInsightRule").properties
    definition = json.loads(rule["ruleDefinition"])
    assert definition["LogGroupNames"] == [counted.one("LogGroup", "front-door").outputs["name"]]
    fields = json.loads(counted.one("Stage").properties["accessLogSettings"]["format"])
    assert {f"$.{field}" for field in fields} > set(definition["Contribution"]["Keys"]) > {"$.caller"}
    *graphs, table = widgets(counted)
    assert table["properties"]["insightRule"]["ruleName"] == rule["ruleName"]
    assert table["y"] >= max(each["y"] + each["height"] for each in graphs)


def widgets(recorded: Recorded) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(recorded.one("Dashboard").properties["dashboardBody"])["widgets"]
    return found


def test_a_caller_gets_a_policy_for_each_endpoint(opened: Recorded) -> None:
    api, own = opened.one("RestApi").outputs["executionArn"], opened.one("VpcEndpoint", "execute-api").id
    for name in ("triage", "churn"):
        (statement,) = document(opened, "aws:iam/policy:Policy", f"front-door-{name}")
        assert statement["Resource"] == [f"{api}/serving/POST/endpoints/{name}/invocations"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceVpce": own}}
        policy = opened.one("aws:iam/policy:Policy", f"front-door-{name}").outputs["arn"]
        assert opened.outputs["endpoints"][name]["frontDoorPolicyArn"] == policy
    assert opened.outputs["frontDoor"]["url"] == f"https://{DOMAIN}"


def test_the_name_resolves_to_the_vpc_endpoint_within_the_vpc_alone(opened: Recorded) -> None:
    zone, record_ = opened.one("Zone"), opened.one("Record")
    assert (zone.properties["name"], zone.properties["vpcs"]) == (DOMAIN, [{"vpcId": opened.one("Vpc").id}])
    (alias,) = record_.properties["aliases"]
    assert alias["name"] == opened.one("VpcEndpoint", "execute-api").outputs["dnsEntries"][0]["dnsName"]


def test_an_existing_zone_is_associated_and_used(archive: Path) -> None:
    opened = door(archive, zoneId=ZONE)
    assert opened.all("Zone") == []
    assert opened.one("ZoneAssociation").properties["zoneId"] == ZONE
    assert opened.one("Record").properties["zoneId"] == ZONE


def test_a_certificate_is_the_one_given_or_asked_of_a_private_ca_or_proved_in_public_dns(archive: Path) -> None:
    assert door(archive).one("DomainName").properties["certificateArn"] == CERTIFICATE
    private = door(archive, certificateArn=None, privateCaArn=CA)
    assert private.one("Certificate").properties["certificateAuthorityArn"] == CA
    assert private.one("DomainName").properties["certificateArn"] == private.one("Certificate").outputs["arn"]
    public = door(archive, certificateArn=None, publicZoneId=ZONE)
    assert public.one("Certificate").properties["validationMethod"] == "DNS"
    proof = public.one("Record", "front-door-validation")
    assert (proof.properties["zoneId"], proof.properties["records"]) == (ZONE, ["_b.aws"])
    assert public.one("CertificateValidation").urn in public.depends_on(public.one("DomainName"))


def test_operators_are_told_before_the_certificate_ends(opened: Recorded) -> None:
    alarm = opened.one("MetricAlarm", "front-door-certificate").properties
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/CertificateManager", "DaysToExpiry")
    assert (alarm["dimensions"], alarm["threshold"]) == ({"CertificateArn": CERTIFICATE}, 30)
    assert alarm["alarmActions"] == [opened.one("Topic", "alarms").outputs["arn"]]


class Acm:
    """An account whose ACM says one thing of every certificate."""

    def __init__(self, **said: Any) -> None:
        self._said = {"Status": "ISSUED", "DomainName": DOMAIN, "KeyAlgorithm": "RSA-2048", **said}

    def describe_certificate(self, CertificateArn: str) -> Any:  # noqa: N803 - boto3's
        return {"Certificate": {"CertificateArn": CertificateArn, **self._said}}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"Status": "PENDING_VALIDATION"}, "is PENDING_VALIDATION, not issued. Publish the DNS records"),
        ({"Status": "EXPIRED"}, "is EXPIRED, not issued"),
        ({"DomainName": "example.internal"}, f"is for example.internal, not for {DOMAIN}"),
        ({"KeyAlgorithm": "RSA-4096"}, "has a key of RSA_4096"),
        ({}, ""),
        ({"DomainName": "*.example.internal"}, ""),
    ],
)
def test_a_certificate_that_can_not_be_used_is_told_before_anything_is_made(
    archive: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], wanted: str
) -> None:
    monkeypatch.setattr("components.clients.client", lambda service, region: Acm(**said))
    read = settings(minimal(archive, frontDoor=front_door())).front_door
    assert read
    if not wanted:
        check_certificate(read, "us-east-1")
        return
    with pytest.raises(SettingsError, match=r"frontDoor\.certificateArn") as caught:
        check_certificate(read, "us-east-1")
    assert wanted in str(caught.value)


def test_a_web_acl_of_the_settings_is_before_the_stage(opened: Recorded, archive: Path) -> None:
    assert opened.all("WebAclAssociation") == []
    judged = door(archive, webAclArn=WEB_ACL)
    association = judged.one("WebAclAssociation").properties
    assert association["resourceArn"] == judged.one("Stage").outputs["arn"]
    assert association["webAclArn"] == WEB_ACL


def test_a_wildcard_stands_for_one_label() -> None:
    assert covered("a.b.c", ["*.b.c"])
    assert not covered("a.b.c", ["*.c"])
    assert not covered("b.c", ["*.b.c"])


def test_a_zone_without_the_service_has_no_interface_of_it(archive: Path) -> None:
    engine = RecordingEngine({"execute-api": ["us-east-1a"]})
    recorded = record(stack_config(minimal(archive, frontDoor=front_door())), engine)
    assert len(recorded.one("VpcEndpoint", "execute-api").properties["subnetIds"]) == 1
    assert "execute-api is not offered in us-east-1b" in recorded.warnings


@pytest.fixture(scope="module")
def judged(archive: Path) -> Recorded:
    return door(archive, authorizer=AUTHORIZER | {"header": "X-Token"})


def test_an_authorizer_is_asked_at_each_call_by_a_role_for_its_function_alone(judged: Recorded) -> None:
    method, asked = judged.one("Method").properties, judged.one("Authorizer")
    assert (method["authorization"], method["authorizerId"]) == ("CUSTOM", asked.id)
    assert asked.properties["identitySource"] == "method.request.header.X-Token"
    assert asked.properties["authorizerResultTtlInSeconds"] == 0
    assert AUTHORIZER["functionArn"] in asked.properties["authorizerUri"]
    assert asked.properties["authorizerCredentials"] == judged.one("Role", "front-door-authorizer").outputs["arn"]
    (statement,) = document(judged, "RolePolicy", "front-door-authorizer")
    assert (statement["Action"], statement["Resource"]) == (["lambda:InvokeFunction"], [AUTHORIZER["functionArn"]])


def test_calls_that_are_not_signed_are_let_in_through_the_vpc_endpoint_alone(judged: Recorded) -> None:
    own = judged.one("VpcEndpoint", "execute-api")
    allowing, denying = document(judged, "RestApiPolicy", "front-door")
    assert (allowing["Principal"], allowing["Condition"]) == ("*", {"StringEquals": {"aws:SourceVpce": own.id}})
    assert (denying["Effect"], denying["Condition"]) == ("Deny", {"StringNotEquals": {"aws:SourceVpce": own.id}})
    (passing,) = json.loads(own.properties["policy"])["Statement"]
    assert "Condition" not in passing
    assert "*" not in passing["Resource"]


def test_whom_an_authorizer_judges_gets_a_header_and_no_policy(judged: Recorded) -> None:
    assert judged.outputs["frontDoor"]["authorizationHeader"] == "X-Token"
    assert "frontDoorPolicyArn" not in judged.outputs["endpoints"]["triage"]
    assert [each.name for each in judged.all("aws:iam/policy:Policy") if "front-door" in each.name] == []
    logs = json.loads(judged.one("Stage").properties["accessLogSettings"]["format"])
    assert logs["caller"] == "$context.authorizer.principalId"


def test_another_authorizer_is_another_deployment_of_the_api(opened: Recorded, judged: Recorded, archive: Path) -> None:
    others = [door(archive, authorizer=AUTHORIZER), judged, opened]
    definitions = {
        each.one("aws:apigateway/deployment:Deployment").properties["triggers"]["definition"] for each in others
    }
    assert len(definitions) == len(others)
