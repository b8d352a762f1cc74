"""The load balancer in the API's place: whose certificates it takes, what stands behind it, and what is refused."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from components.settings import SettingsError
from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import CERTIFICATE, DOMAIN, FORWARDER, WEB_ACL, balanced, endpoint, minimal, settings

STREAM = "sagemaker:InvokeEndpointWithResponseStream"


@pytest.fixture(scope="module")
def opened(archive: Path) -> Recorded:
    served = [endpoint(archive), endpoint(archive, name="talk", streaming=True)]
    return record(stack_config(minimal(archive, endpoints=served, **balanced(timeoutSeconds=900, tasks=3))))


def statements(recorded: Recorded, type_: str, name: str, key: str = "policy") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(recorded.one(type_, name).properties[key])["Statement"]
    return found


def container(recorded: Recorded) -> dict[str, Any]:
    (only,) = json.loads(recorded.one("TaskDefinition").properties["containerDefinitions"])
    assert isinstance(only, dict)
    return only


def test_without_the_setting_there_is_none(least: Recorded) -> None:
    assert [each.type for each in least.resources if each.type.startswith(("aws:lb/", "aws:ecs/"))] == []
    assert "loadBalancer" not in least.outputs


def test_with_it_there_is_no_api(opened: Recorded) -> None:
    assert [each.type for each in opened.resources if each.type.startswith("aws:apigateway/")] == []
    assert [each.name for each in opened.all("VpcEndpoint") if each.name == "execute-api"] == []
    assert opened.outputs["loadBalancer"]["url"] == f"https://{DOMAIN}"
    assert "frontDoor" not in opened.outputs


def test_it_takes_certificates_of_the_given_authorities_alone(opened: Recorded) -> None:
    listener = opened.one("Listener").properties
    store = opened.one("TrustStore")
    (bundle,) = [each for each in opened.all("BucketObjectv2") if each.name.startswith("authorities-")]
    assert listener["mutualAuthentication"] == {
        "mode": "verify",
        "trustStoreArn": store.outputs["arn"],
        "ignoreClientCertificateExpiry": False,
    }
    assert store.properties["caCertificatesBundleS3Key"] == bundle.properties["key"]
    assert (listener["protocol"], listener["port"], listener["certificateArn"]) == ("HTTPS", 443, CERTIFICATE)


def test_calls_stay_encrypted_and_may_take_as_long_as_the_settings_say(opened: Recorded) -> None:
    assert opened.one("aws:lb/loadBalancer:LoadBalancer").properties["idleTimeout"] == 900
    group = opened.one("TargetGroup").properties
    assert (group["protocol"], group["port"], group["targetType"]) == ("HTTPS", 8443, "ip")
    assert group["healthCheck"]["path"] == "/ping"
    values = {each["name"]: each["value"] for each in container(opened)["environment"]}
    assert values == {"AWS_REGION": "us-east-1", "ENDPOINTS": "triage,talk", "TIMEOUT_SECONDS": "900"}


def test_the_forwarder_calls_this_stacks_models_alone_through_the_vpc(opened: Recorded) -> None:
    through = {"StringEquals": {"aws:SourceVpce": opened.one("VpcEndpoint", "sagemaker.runtime").id}}
    found = statements(opened, "RolePolicy", "forwarder")
    assert {each["Action"][0]: [arn.rpartition("/")[2] for arn in each["Resource"]] for each in found} == {
        "sagemaker:InvokeEndpoint": ["triage", "talk"],
        STREAM: ["talk"],
    }
    assert all(each["Condition"] == through for each in found)
    assert opened.one("TaskDefinition").properties["taskRoleArn"] == opened.one("Role", "forwarder").outputs["arn"]


def test_what_starts_it_loads_one_image_and_writes_one_log(opened: Recorded) -> None:
    image, login, log = statements(opened, "RolePolicy", "forwarder-start")
    assert image["Resource"] == ["arn:aws:ecr:us-east-1:123456789012:repository/forwarder"]
    assert image["Condition"] == login["Condition"] == {"StringEquals": {"aws:SourceVpc": opened.one("Vpc").id}}
    group = opened.one("LogGroup", "forwarder")
    assert log["Resource"] == [f"{group.outputs['arn']}:*"]
    assert group.properties["kmsKeyId"] == opened.one("Key", "logs").outputs["arn"]


def test_a_task_can_change_nothing_of_itself_and_has_no_public_address(opened: Recorded) -> None:
    task = container(opened)
    assert (task["image"], task["privileged"], task["readonlyRootFilesystem"]) == (FORWARDER, False, True)
    assert task["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    service = opened.one("aws:ecs/service:Service").properties
    assert service["networkConfiguration"]["assignPublicIp"] is False
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["desiredCount"], service["deploymentMinimumHealthyPercent"]) == (3, 100)
    assert opened.one("Listener").urn in opened.depends_on(opened.one("aws:ecs/service:Service"))


def test_calls_are_counted_by_the_client_that_the_forwarder_logs(opened: Recorded, archive: Path) -> None:
    assert opened.all("ContributorInsightRule") == []
    counted = record(stack_config(minimal(archive, **balanced({"countCallers": True}))))
    definition = json.loads(counted.one("ContributorInsightRule").properties["ruleDefinition"])
    assert definition["LogGroupNames"] == [container(counted)["logConfiguration"]["options"]["awslogs-group"]]


def test_a_web_acl_of_the_settings_is_before_the_balancer(opened: Recorded, archive: Path) -> None:
    assert opened.all("WebAclAssociation") == []
    judged = record(stack_config(minimal(archive, **balanced({"webAclArn": WEB_ACL}))))
    association = judged.one("WebAclAssociation").properties
    assert association["resourceArn"] == judged.one("aws:lb/loadBalancer:LoadBalancer").outputs["arn"]
    assert association["webAclArn"] == WEB_ACL


def test_operators_are_told_of_missing_tasks_errors_and_refused_handshakes(opened: Recorded) -> None:
    metrics = {
        each.properties["metricName"]: each.properties["threshold"]
        for each in opened.all("MetricAlarm")
        if each.properties.get("namespace") == "AWS/ApplicationELB"
    }
    assert metrics == {
        "HealthyHostCount": 3,
        "HTTPCode_ELB_5XX_Count": 1,
        "HTTPCode_Target_5XX_Count": 1,
        "ClientTLSNegotiationErrorCount": 1,
    }
    tasks = opened.one("MetricAlarm", "front-door-tasks").properties
    assert (tasks["comparisonOperator"], tasks["treatMissingData"]) == ("LessThanThreshold", "breaching")


def test_the_name_leads_to_the_balancer(opened: Recorded) -> None:
    (alias,) = opened.one("Record").properties["aliases"]
    assert alias["name"] == opened.one("aws:lb/loadBalancer:LoadBalancer").outputs["dnsName"]


def refused(archive: Path, **changes: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(minimal(archive, **changes))
    return str(caught.value)


def test_what_only_the_api_has_is_refused_beside_it(archive: Path) -> None:
    said = refused(archive, **balanced({"timeoutSeconds": 29, "burst": 5}))
    assert "frontDoor.timeoutSeconds: 29 is about the API" in said
    assert "set loadBalancer.timeoutSeconds" in said
    assert "frontDoor.burst: 5 is about the API" in said


def test_a_forwarder_of_elsewhere_or_by_a_tag_is_refused(archive: Path) -> None:
    tagged = FORWARDER.partition("@")[0] + ":latest"
    assert "names no digest" in refused(archive, **balanced(forwarder=tagged))
    assert "is not in us-east-1" in refused(archive, **balanced(forwarder=FORWARDER.replace("us-east-1", "eu-west-1")))
    said = refused(archive, account="210987654321", **balanced())
    assert "frontDoor.loadBalancer.forwarder" in said
    assert "is of another account" in said


def test_an_alarm_that_nobody_waits_for_is_refused(archive: Path) -> None:
    slow = endpoint(archive, alarms={"latencyMs": 60_000})
    assert "gives up after 60 s (frontDoor.loadBalancer.timeoutSeconds)" in refused(
        archive, endpoints=[slow], **balanced()
    )
    settings(minimal(archive, endpoints=[slow], **balanced(timeoutSeconds=90)))


def certificate(*, ca: bool, ends: datetime.datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "devices")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


PAST, FUTURE = datetime.datetime(2021, 1, 1), datetime.datetime(2090, 1, 1)


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        ([(True, FUTURE), (False, FUTURE)], "holds a certificate (number 2) that is no CA's"),
        ([(True, PAST)], "holds a certificate (number 1) that ended on Jan  1 00:00:00 2021 GMT"),
        ([(True, FUTURE), (True, FUTURE)], ""),
    ],
)
def test_authorities_are_cas_that_issue_today(
    archive: Path, tmp_path: Path, bundle: list[tuple[bool, datetime.datetime]], said: str
) -> None:
    path = tmp_path / "authorities.pem"
    path.write_text("".join(certificate(ca=ca, ends=ends) for ca, ends in bundle))
    if said:
        assert said in refused(archive, **balanced(clientAuthorities=str(path)))
    else:
        settings(minimal(archive, **balanced(clientAuthorities=str(path))))


def test_an_authority_that_can_not_be_read_is_told(archive: Path, tmp_path: Path) -> None:
    path = tmp_path / "authorities.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")
    assert "can't be read; write it anew, in PEM" in refused(archive, **balanced(clientAuthorities=str(path)))
