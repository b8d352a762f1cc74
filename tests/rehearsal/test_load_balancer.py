"""A load balancer with client certificates, rehearsed: real TLS, a real forwarder behind it, and whoever is refused."""

import datetime
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from botocore.exceptions import ClientError

from private_inference.rehearsal import reach
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from tests.rehearsal.balanced import NAME, Balanced, balanced_by, let_in
from tests.rehearsal.served import served_by
from tests.rehearsal.test_patches import REGION, policy
from tests.support.client_certificates import Authority, Loopback

pytestmark = pytest.mark.xdist_group("load-balancer")

SAMPLE = b"1.0,2.0\n15.0,3.0\n"


@pytest.fixture(scope="module")
def balanced(archive: bytes) -> Iterator[Balanced]:
    with EmbeddedAws(REGION) as aws:
        yield balanced_by(served_by(aws, archive=archive))


@pytest.fixture(scope="module")
def device(balanced: Balanced) -> bytes:
    return balanced.authority.client()


# Who gets through


def test_a_client_with_a_certificate_of_the_trust_store_gets_predictions(balanced: Balanced, device: bytes) -> None:
    direct = balanced.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=balanced.served.name, ContentType="text/csv", Body=SAMPLE
    )
    assert balanced.call(device, SAMPLE, X_Amzn_Trace_Id="first") == (200, direct["Body"].read())
    logged = balanced.logged("first")
    assert (logged["caller"], logged["status"]) == ("O=Ward 3,CN=infusion-pump-7", 200)


def test_a_client_can_not_say_who_it_is(balanced: Balanced, device: bytes) -> None:
    said = {"X_Amzn_Mtls_Clientcert_Subject": "CN=somebody else", "X_Amzn_Trace_Id": "impostor"}
    assert balanced.call(device, SAMPLE, **said)[0] == 200
    assert balanced.logged("impostor")["caller"] == "O=Ward 3,CN=infusion-pump-7"


def test_the_rehearsals_own_client_gets_through_for_nobody_has_the_authorities_keys(balanced: Balanced) -> None:
    made = balanced.served.happen.client_certificate("rehearsal")
    assert balanced.call((made["certificate"] + made["key"]).encode(), SAMPLE, X_Amzn_Trace_Id="own")[0] == 200
    assert balanced.logged("own")["caller"] == "CN=rehearsal"


def shown(balanced: Balanced, certificate: bytes | None) -> None:
    """A handshake; raises SSLError. In TLS 1.3 a server tells only afterwards that it takes no such certificate."""
    connection = Loopback(NAME, balanced.port, context=balanced.context(certificate), timeout=20)
    connection.connect()
    try:
        connection.sock.recv(1)
    finally:
        connection.close()


CLIENTS: list[tuple[str, Callable[[Balanced], bytes | None], str]] = [
    ("none", lambda _: None, "(?i)certificate.required"),
    ("a foreign one", lambda _: Authority("Ward devices").client(), "(?i)unknown.ca|decrypt.error|bad.signature"),
    ("an ended one", lambda b: b.authority.client(-datetime.timedelta(days=1)), "(?i)certificate.expired"),
]


@pytest.mark.parametrize(("certificate", "alert"), [each[1:] for each in CLIENTS], ids=[each[0] for each in CLIENTS])
def test_who_shows_no_certificate_of_the_trust_store_is_refused(
    balanced: Balanced, certificate: Callable[[Balanced], bytes | None], alert: str
) -> None:
    with pytest.raises(ssl.SSLError, match=alert):
        shown(balanced, certificate(balanced))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_before_1_2_is_refused(balanced: Balanced, device: bytes) -> None:
    context = balanced.context(device)
    context.set_ciphers("DEFAULT@SECLEVEL=0")  # else the client itself offers nothing old
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        Loopback(NAME, balanced.port, context=context).connect()


def test_the_listeners_policy_says_the_lowest_version(balanced: Balanced, device: bytes) -> None:
    elb, listener = balanced.client("elbv2"), balanced.ids["listener"]
    before = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["SslPolicy"]
    elb.modify_listener(ListenerArn=listener, SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")
    context = balanced.context(device)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)alert.protocol.version"):
        Loopback(NAME, balanced.port, context=context).connect()
    elb.modify_listener(ListenerArn=listener, SslPolicy=before)


def test_another_bundle_lets_others_in(balanced: Balanced, device: bytes) -> None:
    elb, s3, other = balanced.client("elbv2"), balanced.client("s3"), Authority("Others")
    place = {"CaCertificatesBundleS3Bucket": balanced.served.name, "CaCertificatesBundleS3Key": "others.pem"}
    s3.put_object(Bucket=balanced.served.name, Key="others.pem", Body=other.pem)
    elb.modify_trust_store(TrustStoreArn=balanced.ids["store"], **place)
    assert balanced.call(other.client(), SAMPLE)[0] == 200
    with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
        shown(balanced, device)
    elb.modify_trust_store(
        TrustStoreArn=balanced.ids["store"], **place | {"CaCertificatesBundleS3Key": "authorities.pem"}
    )


# What stands behind


def test_what_the_endpoint_refuses_is_told_as_such(balanced: Balanced, device: bytes) -> None:
    assert balanced.call(device, b"no,numbers\n")[0] == 424
    assert balanced.call(device, SAMPLE, "/endpoints/other/invocations")[0] == 404


def test_the_tasks_role_is_judged_with_the_way_that_they_have(balanced: Balanced, device: bytes) -> None:
    iam = balanced.client("iam")
    before = iam.get_role_policy(RoleName="forwarder", PolicyName="calls")["PolicyDocument"]
    through = [{**each, "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-0"}}} for each in before["Statement"]]
    iam.put_role_policy(
        RoleName="forwarder", PolicyName="calls", PolicyDocument=json.dumps({**before, "Statement": through})
    )
    status, body = balanced.call(device, SAMPLE)
    iam.put_role_policy(RoleName="forwarder", PolicyName="calls", PolicyDocument=json.dumps(before))
    assert (status, json.loads(body)["code"]) == (502, "AccessDeniedException")
    assert balanced.call(device, SAMPLE)[0] == 200


def health(balanced: Balanced) -> set[str]:
    found = balanced.client("elbv2").describe_target_health(TargetGroupArn=balanced.ids["group"])
    return {each["TargetHealth"]["State"] for each in found["TargetHealthDescriptions"]}


def test_tasks_that_the_balancer_does_not_reach_are_unhealthy_and_time_out(balanced: Balanced, device: bytes) -> None:
    assert health(balanced) == {"healthy"}
    let_in(balanced, "balancer", "task", 8443, revoked=True)
    assert health(balanced) == {"unhealthy"}
    assert balanced.call(device, SAMPLE)[0] == 504
    let_in(balanced, "balancer", "task", 8443)
    assert balanced.call(device, SAMPLE)[0] == 200


def test_tasks_that_do_not_reach_the_runtime_answer_for_themselves(balanced: Balanced, device: bytes) -> None:
    let_in(balanced, "task", "endpoint", 443, revoked=True)
    assert balanced.call(device, SAMPLE)[0] in (502, 504)
    let_in(balanced, "task", "endpoint", 443)


def reached(balanced: Balanced) -> list[str]:
    placed = {"SubnetIds": balanced.subnets, "SecurityGroupIds": [balanced.groups["client"]], "VpcId": balanced.vpc}
    names = {name: found for name, (_, found) in balanced.served.happen.balanced_names(balanced.vpc).items()}
    return reach.reached_names(balanced.client, {"VpcConfig": placed}, names)


def test_the_name_is_reached_by_whom_the_groups_let_in(balanced: Balanced) -> None:
    assert reached(balanced) == [NAME]
    let_in(balanced, "client", "balancer", 443, revoked=True)
    assert reached(balanced) == []
    let_in(balanced, "client", "balancer", 443)


# The service


def test_a_service_runs_its_tasks_over_its_subnets_as_targets(balanced: Balanced) -> None:
    ecs, ids = balanced.client("ecs"), balanced.ids
    (service,) = ecs.describe_services(cluster=ids["cluster"], services=[ids["service"]])["services"]
    assert (service["runningCount"], service["pendingCount"], service["deployments"][0]["rolloutState"]) == (
        2,
        0,
        "COMPLETED",
    )
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["healthCheckGracePeriodSeconds"] == 60
    filters = [{"Name": "group-id", "Values": [balanced.groups["task"]]}]
    found = balanced.client("ec2").describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    assert {each["SubnetId"] for each in found} == set(balanced.subnets)
    targets = balanced.client("elbv2").describe_target_health(TargetGroupArn=ids["group"])["TargetHealthDescriptions"]
    assert {each["Target"]["Id"] for each in targets} == {each["PrivateIpAddress"] for each in found}


def test_without_tasks_nobody_answers(balanced: Balanced, device: bytes) -> None:
    ecs, place = balanced.client("ecs"), {"cluster": balanced.ids["cluster"], "service": balanced.ids["service"]}
    ecs.update_service(**place, desiredCount=0)
    assert balanced.call(device, SAMPLE)[0] == 503
    ecs.update_service(**place, desiredCount=2)
    assert balanced.call(device, SAMPLE)[0] == 200


# What AWS refuses


def test_what_is_in_use_or_not_there_is_refused(balanced: Balanced) -> None:
    elb, ids = balanced.client("elbv2"), balanced.ids
    bucket = {"CaCertificatesBundleS3Bucket": balanced.served.name}
    balanced.client("s3").put_object(
        Bucket=balanced.served.name, Key="client.pem", Body=Authority("no CA", issues=False).pem
    )
    balanced.client("s3").put_object(Bucket=balanced.served.name, Key="text.pem", Body=b"hello")
    refused: list[tuple[str, Callable[[], object]]] = [
        ("TrustStoreInUse", lambda: elb.delete_trust_store(TrustStoreArn=ids["store"])),
        (
            "DuplicateTrustStoreName",
            lambda: elb.create_trust_store(Name="clients", **bucket, CaCertificatesBundleS3Key="authorities.pem"),
        ),
        (
            "CaCertificatesBundleNotFound",
            lambda: elb.create_trust_store(Name="a", **bucket, CaCertificatesBundleS3Key="none"),
        ),
        (
            "InvalidCaCertificatesBundle",
            lambda: elb.create_trust_store(Name="a", **bucket, CaCertificatesBundleS3Key="text.pem"),
        ),
        (
            "InvalidCaCertificatesBundle",
            lambda: elb.create_trust_store(Name="a", **bucket, CaCertificatesBundleS3Key="client.pem"),
        ),
    ]
    for code, call in refused:
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"]["Code"] == code


def test_a_protected_balancer_stays(balanced: Balanced) -> None:
    elb, arn = balanced.client("elbv2"), balanced.ids["balancer"]

    def protect(value: str) -> None:
        attribute = {"Key": "deletion_protection.enabled", "Value": value}
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[attribute])

    protect("true")
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        elb.delete_load_balancer(LoadBalancerArn=arn)
    protect("false")


@contextmanager
def start_policy(balanced: Balanced, old: str, new: str) -> Iterator[None]:
    iam, place = balanced.client("iam"), {"RoleName": "forwarder-start", "PolicyName": "starts"}
    before = json.dumps(iam.get_role_policy(**place)["PolicyDocument"])
    iam.put_role_policy(**place, PolicyDocument=before.replace(old, new))
    yield
    iam.put_role_policy(**place, PolicyDocument=before)


@contextmanager
def taken_by_others(balanced: Balanced) -> Iterator[None]:
    iam = balanced.client("iam")
    trust = iam.get_role(RoleName="forwarder-start")["Role"]["AssumeRolePolicyDocument"]
    others = policy({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole")
    iam.update_assume_role_policy(RoleName="forwarder-start", PolicyDocument=others)
    yield
    iam.update_assume_role_policy(RoleName="forwarder-start", PolicyDocument=json.dumps(trust))


@contextmanager
def unreached(balanced: Balanced) -> Iterator[None]:
    let_in(balanced, "task", "endpoint", 443, revoked=True)
    yield
    let_in(balanced, "task", "endpoint", 443)


MISSING: list[tuple[Callable[[Balanced], AbstractContextManager[None]], str]] = [
    (taken_by_others, "unable to assume the role"),
    (lambda b: start_policy(b, "repository/forwarder", "repository/other"), "ecr:BatchGetImage on "),
    (lambda b: start_policy(b, "log-group:forwarder", "log-group:other"), "logs:CreateLogStream on "),
    (unreached, "there is no path to ecr.api"),
]


@pytest.mark.parametrize(("missing", "why"), MISSING, ids=["role", "image", "log", "way"])
def test_tasks_that_lack_what_they_need_do_not_start(
    balanced: Balanced, missing: Callable[[Balanced], AbstractContextManager[None]], why: str
) -> None:
    ecs, place = balanced.client("ecs"), {"cluster": balanced.ids["cluster"], "service": balanced.ids["service"]}
    with missing(balanced):
        ecs.update_service(**place, desiredCount=2)
        (service,) = ecs.describe_services(cluster=place["cluster"], services=[place["service"]])["services"]
    assert service["runningCount"] == 0
    assert why in service["events"][0]["message"]
    assert ecs.update_service(**place, desiredCount=2)["service"]["runningCount"] == 2
