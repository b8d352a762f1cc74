"""The front door, rehearsed: real TLS on loopback, a real prediction through it, and whoever it refuses."""

import json
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from examples.model import train
from private_inference.rehearsal.operations import Operations
from private_inference.verification import Verdict, verify
from private_inference.verification.policies import unescaped
from tests.support.stacks import CERTIFICATE, DOMAIN, PROJECT, WEB_ACL, front_door, shipped
from tests.verification.loosened import assert_each_change_is_missed, statements
from tests.verification.verified import Deployment, deployed, inline_policy

pytestmark = pytest.mark.xdist_group("front-door")

PATH = "/endpoints/triage/invocations"
ACCOUNT = "123456789012"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
JUDGED = "calls pass the web ACL of the settings first"
COUNTED = "it is counted who calls how often"
OPENSSL = shutil.which("openssl")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train.build(tmp_path_factory.mktemp("built")).artifact


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    config = shipped("dev", built)
    changes = {
        "frontDoor": front_door(countCallers=True, webAclArn=WEB_ACL),
        "operators": {"callsFromOutside": True},
        "perimeter": {"deployers": [f"arn:aws:iam::{ACCOUNT}:role/deployer"], "attach": ["scp"]},
    }
    given = {f"{PROJECT}:{key}": json.dumps(value) for key, value in changes.items()}
    with deployed(replace(config, values={**config.values, **given})) as found:
        yield found


@dataclass(frozen=True)
class Door:
    """Where the name answers on this machine, and who vouches for it."""

    stack: Deployment
    port: int
    authority: str

    @property
    def vpc_endpoint(self) -> str:
        promised = self.stack.desired.contract.front_door
        assert promised
        return promised.vpc_endpoint_id

    def credentials(self, role: str, reached: Mapping[str, str] | None) -> Credentials:
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        found = Operations(self.stack.aws.endpoint_url).credentials(arn, "lambda.amazonaws.com", reached)
        return Credentials(*(found[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")))

    def call(
        self,
        credentials: Credentials | None,
        body: bytes,
        *,
        path: str = PATH,
        method: str = "POST",
        sent: bytes | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of an answer; `sent` is a body other than the one that was signed."""
        headers = {"Content-Type": "text/csv", "Accept": "application/json", "Host": DOMAIN}
        request = AWSRequest(method, f"https://{DOMAIN}{path}", headers, body)
        if credentials:
            SigV4Auth(credentials, "execute-api", self.stack.aws.region).add_auth(request)
        connection = Loopback(DOMAIN, self.port, context=ssl.create_default_context(cadata=self.authority))
        connection.request(method, path, body if sent is None else sent, dict(request.headers.items()))
        answer = connection.getresponse()
        return answer.status, answer.read()

    def told(self, *given: Any, **asked: Any) -> tuple[int, str]:
        status, body = self.call(*given, **asked)
        return status, str(json.loads(body)["message"])


class Loopback(HTTPSConnection):
    """A connection to this machine for a name, which is the only one that TLS hears of."""

    def connect(self) -> None:
        name, self.host = self.host, "127.0.0.1"
        super(HTTPSConnection, self).connect()
        self.host = name
        self.sock = self._context.wrap_socket(self.sock, server_hostname=name)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def door(stack: Deployment) -> Door:
    port = Operations(stack.aws.endpoint_url).names(stack.vpc)[DOMAIN]
    authority = stack.client("acm").get_certificate(CertificateArn=CERTIFICATE)["CertificateChain"]
    iam = stack.client("iam")
    for name in ("caller", "stranger"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [TRUST]}))
    policy = stack.desired.contract.endpoints["triage"].front_door_policy_arn
    iam.attach_role_policy(RoleName="caller", PolicyArn=policy)
    return Door(stack, port, authority)


@pytest.fixture(scope="module")
def sample(built: Path) -> bytes:
    return built.with_name("sample.csv").read_bytes()


@pytest.fixture
def caller(door: Door) -> Credentials:
    return door.credentials("caller", {"execute-api": door.vpc_endpoint})


# What works


def test_all_of_it_is_verified_and_answers_from_inside(stack: Deployment) -> None:
    found = {check.asked: check for check in verify(stack.desired, stack.client, from_inside=True)}
    assert [asked for asked, check in found.items() if check.verdict is not Verdict.OK] == []
    called = found[f"triage answers a signed call by {DOMAIN}, from the app subnets"]
    assert called.seen.endswith("the same predictions")


def test_each_change_of_the_attached_perimeter_is_missed(stack: Deployment) -> None:
    assert {"FrontDoorByDeployers", "NameByDeployers", "WatchByDeployers"} <= statements(stack, "scp")
    assert_each_change_is_missed(stack, "scp")


def test_who_has_the_name_its_authority_and_credentials_gets_predictions(
    door: Door, caller: Credentials, sample: bytes, built: Path
) -> None:
    status, body = door.call(caller, sample)
    expected = json.loads(built.with_name("expected.json").read_bytes())
    assert status == 200
    assert json.loads(body).keys() == expected.keys()


def test_the_access_log_names_the_caller(door: Door, caller: Credentials, sample: bytes) -> None:
    door.call(caller, sample)
    logs = door.stack.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="front-door")["logGroups"]
    events = logs.get_log_events(logGroupName=group["logGroupName"], logStreamName="calls")["events"]
    last = json.loads(events[-1]["message"])
    assert (last["status"], last["path"]) == ("200", PATH)
    assert ":assumed-role/caller/" in last["caller"]


def test_the_table_of_callers_has_a_line_for_who_called_what(door: Door, caller: Credentials, sample: bytes) -> None:
    door.call(caller, sample)
    (rule,) = door.stack.client("cloudwatch").describe_insight_rules()["InsightRules"]
    definition = json.loads(rule["Definition"])
    logs, (group,) = door.stack.client("logs"), definition["LogGroupNames"]
    last = json.loads(logs.get_log_events(logGroupName=group, logStreamName="calls")["events"][-1]["message"])
    line = [last[key.removeprefix("$.")] for key in definition["Contribution"]["Keys"]]
    assert ":assumed-role/caller/" in line[0]
    assert line[1:] == [PATH]


def test_operators_are_told_of_calls_around_it_and_not_of_its_own(
    door: Door, caller: Credentials, sample: bytes
) -> None:
    client = door.stack.client
    queue = client("sqs").create_queue(QueueName="operators")["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscribed = client("sns").subscribe(TopicArn=door.stack.topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]
    assert door.call(caller, sample)[0] == 200
    assert "Messages" not in client("sqs").receive_message(QueueUrl=queue)
    client("sagemaker-runtime").invoke_endpoint(EndpointName="triage", ContentType="text/csv", Body=sample)
    assert len(client("sqs").receive_message(QueueUrl=queue)["Messages"]) == 1
    client("sns").unsubscribe(SubscriptionArn=subscribed)


def test_a_models_own_error_is_told_as_one(door: Door, caller: Credentials) -> None:
    assert door.call(caller, b"no,numbers\n")[0] == 424


# Who is refused


def test_calls_that_come_another_way_are_refused(door: Door, sample: bytes) -> None:
    ways: list[dict[str, str] | None] = [None, {"execute-api": door.stack.runtime}]
    for reached in ways:
        assert door.told(door.credentials("caller", reached), sample) == (403, "Forbidden")
    nowhere = door.credentials("caller", {"sagemaker.runtime": door.stack.runtime})
    assert door.call(nowhere, sample)[0] == 504


def test_a_caller_without_the_policy_is_refused(door: Door, sample: bytes) -> None:
    status, told = door.told(door.credentials("stranger", {"execute-api": door.vpc_endpoint}), sample)
    assert status == 403
    assert "because no identity-based policy allows the execute-api:Invoke action" in told


@pytest.mark.parametrize("path", ["/endpoints/other/invocations", "/endpoints/triage", "/"])
def test_what_the_policy_does_not_name_is_refused(door: Door, caller: Credentials, sample: bytes, path: str) -> None:
    assert door.told(caller, sample, path=path)[0] == 403


def test_a_request_that_nobody_signed_or_that_was_changed_is_refused(
    door: Door, caller: Credentials, sample: bytes
) -> None:
    assert door.told(None, sample) == (403, "Missing Authentication Token")
    status, told = door.told(caller, sample, sent=sample + b"1")
    assert (status, told.partition(" we calculated")[0]) == (403, "The request signature")


def test_the_integrations_own_permission_is_judged(door: Door, caller: Credentials, sample: bytes) -> None:
    with integration_role(door.stack, "endpoint/triage", "endpoint/other"):
        assert door.call(caller, sample)[0] == 502
    assert door.call(caller, sample)[0] == 200


# TLS


def handshake(port: int, version: ssl.TLSVersion, name: str, authority: str) -> str:
    """The version that is agreed on; raises ssl.SSLError."""
    context = ssl.create_default_context(cadata=authority)
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # else the client itself offers nothing old
    context.minimum_version = context.maximum_version = version
    connection = Loopback(name, port, context=context)
    connection.connect()
    agreed = str(connection.sock.version())
    connection.close()
    return agreed


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_before_1_2_is_refused_by_the_server(door: Door) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert handshake(door.port, version, DOMAIN, door.authority) == version.name.replace("_", ".")
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        handshake(door.port, ssl.TLSVersion.TLSv1_1, DOMAIN, door.authority)


def test_the_certificate_is_for_the_name_alone_and_vouched_for_by_its_authority(door: Door) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        handshake(door.port, ssl.TLSVersion.TLSv1_3, "other.example.internal", door.authority)
    connection = Loopback(DOMAIN, door.port, context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.connect()


@pytest.mark.skipif(OPENSSL is None, reason="there is no openssl on PATH: it is a second referee")
@pytest.mark.parametrize(("version", "agrees"), [("-tls1_2", True), ("-tls1_3", True), ("-tls1_1", False)])
def test_openssl_says_the_same(door: Door, tmp_path: Path, version: str, agrees: bool) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text(door.authority)
    asked = [OPENSSL or "", "s_client", "-connect", f"127.0.0.1:{door.port}", "-servername", DOMAIN]
    asked += ["-CAfile", str(authority), "-verify_return_error", "-verify_hostname", DOMAIN, version]
    asked += ["-cipher", "DEFAULT@SECLEVEL=0"]
    ran = subprocess.run(asked, input=b"", capture_output=True, timeout=30, check=False)
    said = (ran.stdout + ran.stderr).decode(errors="replace")
    assert (ran.returncode == 0) is agrees, said
    assert ("Verify return code: 0 (ok)" in said) is agrees or not agrees
    assert agrees or "protocol version" in said


# What is broken is seen


def integration_role(stack: Deployment, old: str, new: str) -> AbstractContextManager[None]:
    return inline_policy(stack, f"{stack.desired.name}-front-door", old, new)


@contextmanager
def api_policy(stack: Deployment, old: str, new: str) -> Iterator[None]:
    gateway = stack.client("apigateway")
    (api,) = gateway.get_rest_apis()["items"]

    def put(policy: str) -> None:
        change = [{"op": "replace", "path": "/policy", "value": policy}]
        gateway.update_rest_api(restApiId=api["id"], patchOperations=change)

    before = unescaped(api["policy"])
    assert old in before
    put(before.replace(old, new))
    try:
        yield
    finally:
        put(before)


@contextmanager
def nobody_authorizes(stack: Deployment) -> Iterator[None]:
    gateway = stack.client("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    (place,) = [
        {"restApiId": api["id"], "resourceId": each["id"]}
        for each in gateway.get_resources(restApiId=api["id"])["items"]
        if "resourceMethods" in each
    ]
    integration = gateway.get_integration(**place, httpMethod="POST")
    gateway.put_method(**place, httpMethod="POST", authorizationType="NONE")
    again = {key: integration[key] for key in ("type", "uri", "credentials", "requestParameters")}
    gateway.put_integration(**place, httpMethod="POST", integrationHttpMethod="POST", **again)
    try:
        yield
    finally:
        gateway.put_method(**place, httpMethod="POST", authorizationType="AWS_IAM")
        gateway.put_integration(**place, httpMethod="POST", integrationHttpMethod="POST", **again)


@contextmanager
def no_association(stack: Deployment) -> Iterator[None]:
    gateway = stack.client("apigateway")
    (found,) = gateway.get_domain_name_access_associations()["items"]
    gateway.delete_domain_name_access_association(
        domainNameAccessAssociationArn=found["domainNameAccessAssociationArn"]
    )
    try:
        yield
    finally:
        kept = ("domainNameArn", "accessAssociationSourceType", "accessAssociationSource")
        gateway.create_domain_name_access_association(**{key: found[key] for key in kept})


@contextmanager
def unlogged(stack: Deployment) -> Iterator[None]:
    gateway = stack.client("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    (found,) = gateway.get_stages(restApiId=api["id"])["item"]
    place = {"restApiId": api["id"], "stageName": found["stageName"]}

    def put(form: str) -> None:
        change = [{"op": "replace", "path": "/accessLogSettings/format", "value": form}]
        gateway.update_stage(**place, patchOperations=change)

    put("$context.requestId")
    try:
        yield
    finally:
        put(found["accessLogSettings"]["format"])


@contextmanager
def insight_rule(stack: Deployment, old: str, new: str, state: str = "ENABLED") -> Iterator[None]:
    cloudwatch = stack.client("cloudwatch")
    (rule,) = cloudwatch.describe_insight_rules()["InsightRules"]
    before = rule["Definition"]
    assert old in before
    changed = before.replace(old, new)
    cloudwatch.put_insight_rule(RuleName=rule["Name"], RuleDefinition=changed, RuleState=state)
    try:
        yield
    finally:
        cloudwatch.put_insight_rule(RuleName=rule["Name"], RuleDefinition=before, RuleState="ENABLED")


@contextmanager
def uncounted(stack: Deployment) -> Iterator[None]:
    cloudwatch = stack.client("cloudwatch")
    (rule,) = cloudwatch.describe_insight_rules()["InsightRules"]
    cloudwatch.delete_insight_rules(RuleNames=[rule["Name"]])
    try:
        yield
    finally:
        cloudwatch.put_insight_rule(RuleName=rule["Name"], RuleDefinition=rule["Definition"], RuleState="ENABLED")


@contextmanager
def judged_by(stack: Deployment, arn: str | None) -> Iterator[None]:
    gateway, waf = stack.client("apigateway"), stack.client("wafv2")
    (api,) = gateway.get_rest_apis()["items"]
    (stage,) = gateway.get_stages(restApiId=api["id"])["item"]
    place = f"arn:aws:apigateway:{stack.aws.region}::/restapis/{api['id']}/stages/{stage['stageName']}"
    waf.disassociate_web_acl(ResourceArn=place)
    if arn:
        Operations(stack.aws.endpoint_url).web_acl(arn)
        waf.associate_web_acl(ResourceArn=place, WebACLArn=arn)
    try:
        yield
    finally:
        waf.associate_web_acl(ResourceArn=place, WebACLArn=WEB_ACL)


BROKEN: list[tuple[str, Callable[[Deployment], AbstractContextManager[None]], str]] = [
    ("the API lets everybody in", lambda s: api_policy(s, '"Deny"', '"Allow"'), "its API is private"),
    ("its policy is of another account", lambda s: api_policy(s, ACCOUNT, "210987654321"), "its API is private"),
    ("nobody authorizes", nobody_authorizes, "every method of its API asks who calls"),
    ("the role may call others", lambda s: integration_role(s, "endpoint/triage", "endpoint/*"), "that role is API"),
    ("no VPC endpoint is associated", no_association, f"{DOMAIN} leads to its API"),
    ("no web ACL judges calls", lambda s: judged_by(s, None), JUDGED),
    ("another web ACL judges calls", lambda s: judged_by(s, WEB_ACL.replace("models", "others")), JUDGED),
    ("the log names no caller", unlogged, "calls are logged with their caller"),
    ("nobody counts the callers", uncounted, COUNTED),
    ("the count stands still", lambda s: insight_rule(s, "", "", "DISABLED"), COUNTED),
    ("another log is counted", lambda s: insight_rule(s, "front-door-", "other-"), COUNTED),
    ("addresses are counted", lambda s: insight_rule(s, "$.caller", "$.sourceIp"), COUNTED),
]


@pytest.mark.parametrize(("broken", "miss"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_what_is_broken_is_missed(
    stack: Deployment, broken: Callable[[Deployment], AbstractContextManager[None]], miss: str
) -> None:
    with broken(stack):
        missed = [check.asked for check in verify(stack.desired, stack.client) if check.verdict is not Verdict.OK]
    assert len(missed) == 1, missed
    assert missed[0].startswith(miss)
