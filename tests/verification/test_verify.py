"""The verification sees a sound stack as sound, and each fault where it is."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from rich.console import Console

from private_inference.cli.perimeter import of_deployed
from private_inference.verification import Check, Verdict, report, verify
from private_inference.verification.reader import Reader
from tests.support.recording import ACCOUNT, stack_config
from tests.support.stacks import endpoint, minimal, model, shipped
from tests.verification.loosened import assert_each_change_is_missed, attached, looked_at
from tests.verification.verified import BREAKAGES, Breakage, Deployment, deployed, guarding, scaling_kept

pytestmark = pytest.mark.xdist_group("verification")

SERVICES = (
    "application-autoscaling",
    "cloudwatch",
    "ec2",
    "ecr",
    "iam",
    "kms",
    "logs",
    "resourcegroupstaggingapi",
    "s3",
    "s3control",
    "sagemaker",
    "sagemaker-runtime",
    "sns",
    "ssm",
    "sts",
)


@pytest.fixture(scope="module")
def staging(built: Path) -> Iterator[Deployment]:
    with deployed(guarding(shipped("staging", built))) as deployment:
        yield deployment


def test_the_perimeter_of_a_deployed_stack_has_its_ids(staging: Deployment, built: Path) -> None:
    found = of_deployed(shipped("staging", built), staging.aws)
    contract = staging.desired.contract
    scp, rcp = (json.dumps(found.as_json()["documents"][kind]) for kind in ("scp", "rcp"))
    assert found.unknown == {}
    assert contract.runtime_endpoint.id in scp
    assert all(each.arn in scp for each in contract.endpoints.values())
    (bucket,) = (each["Name"] for each in staging.aws.client("s3").list_buckets()["Buckets"])
    assert f"arn:aws:s3:::{bucket}/*" in rcp
    assert all(arn in rcp for arn in contract.key_arns.model_dump().values())


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_what_the_repository_ships_is_what_it_asks_for(stack: str, built: Path) -> None:
    with deployed(shipped(stack, built)) as deployment:
        assert deployment.failures() == []


def test_a_stack_without_endpoints_is_looked_at_too(built: Path) -> None:
    with deployed(stack_config(minimal(built, endpoints=[]))) as deployment:
        checks = deployment.verify()
    assert {check.verdict for check in checks} == {Verdict.OK}
    assert {"VPC", "Network ACLs", "Keys", "Artifacts", "Registry"} < {check.subject for check in checks}


def _read_from_anywhere(stack: Deployment) -> Iterator[tuple[str, str]]:
    """Each statement that bounds reads, and what is said of a stack without it."""
    s3, kms, key = stack.aws.client("s3"), stack.aws.client("kms"), stack.desired.contract.key_arns.data
    (bucket,) = (each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"].startswith("artifacts-"))
    whole = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    for sid in ("RolesReadThroughVpc", "OthersReadThroughVpc"):
        rest = [each for each in whole["Statement"] if each["Sid"] != sid]
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**whole, "Statement": rest}))
        yield from (
            (sid, check.seen.split("; ")[-1]) for check in stack.verify() if check.asked.startswith("read through")
        )
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(whole))
    policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    rest = [each for each in policy["Statement"] if each["Sid"] != "DecryptThroughServices"]
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps({**policy, "Statement": rest}))
    named = [check for check in stack.verify() if check.asked.startswith("data: its policy")]
    yield from (("DecryptThroughServices", check.seen.split("; ")[-1]) for check in named)


def test_every_setting_is_looked_for(built: Path) -> None:
    """What none of the shipped stacks sets: FIPS, a transit gateway, named zones, artifacts and images of others."""
    foreign = {
        "artifact": "s3://other-models/a/model.tar.gz",
        "artifactKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
        "image": {"uri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/team/model@sha256:{'a' * 64}"},
        "environment": {"WORKERS": "2"},
    }
    fast = endpoint(
        built,
        name="fast",
        model=foreign,
        instanceType="ml.m5d.large",
        volumeKeyOffBecause="the hardware encrypts local storage",
        instances={"min": 1, "max": 3, "initial": 2, "singleBecause": "nobody waits for this one"},
    )
    own = endpoint(built, name="own", model=model(built, networkIsolationOffBecause="it calls KMS by itself"))
    values = minimal(
        built,
        endpoints=[fast, own],
        network={
            "cidr": "172.16.0.0/20",
            "zones": ["us-east-1b", "us-east-1d"],
            "onPremises": {"cidrs": ["192.168.0.0/16", "10.0.0.0/8"], "gatewayId": "tgw-0a1b2c3d4e5f60718"},
            "deniedCidrs": ["203.0.113.0/24"],
            "naclRuleQuota": 40,
            "rejectionAlarmOffBecause": "a scanner looks around in it all day",
        },
        privateAccess={
            "fips": True,
            "dynamodb": True,
            "interfaceEndpoints": ["s3", "ecr.dkr", "ecr.api", "monitoring", "kms"],
        },
        artifacts={"accessLogBucket": "access-logs-of-all", "noncurrentDays": 10, "untaggedImageDays": 3},
        security={"keyRotationDays": 180, "logRetentionDays": 731},
        perimeter={"deployers": ["arn:aws:iam::*:role/deployer?"], "dataThroughVpc": True, "attach": ["scp", "rcp"]},
        accountGuards={"vpcBlockPublicAccess": "block-ingress", "s3BlockPublicAccess": True},
    )
    with deployed(stack_config(values)) as deployment:
        checks = deployment.verify()
        opened = list(_read_from_anywhere(deployment))
        for kind in ("scp", "rcp"):
            assert_each_change_is_missed(deployment, kind)
            deployment.client("organizations").detach_policy(PolicyId=attached(deployment, kind), TargetId=ACCOUNT)
            assert looked_at(deployment, kind).seen == "it is not"
    assert opened == [
        ("RolesReadThroughVpc", "nothing refuses reads by roles of the stack from elsewhere"),
        ("OthersReadThroughVpc", "nothing refuses reads by others from elsewhere"),
        ("DecryptThroughServices", "nothing refuses decryption by oneself"),
    ]
    (skipped,) = (check for check in checks if check.verdict is not Verdict.OK)
    assert (skipped.subject, skipped.verdict) == ("Endpoint fast", Verdict.SKIPPED)
    assert skipped.seen == "not called: an artifact in S3 has no sample.csv"
    asked = {check.asked for check in checks}
    assert {
        "no way to other networks but tgw-0a1b2c3d4e5f60718",
        "in each tier one in us-east-1b, us-east-1d",
        "no other path exists, for any address, protocol and port",
        "access logs go to access-logs-of-all",
        "VPC Block Public Access is block-ingress",
        "data: new material every 180 days",
        "without a volume key, as set",
        "its containers have the VPC's network, as set",
        "they raise no alarm, as set",
    } <= asked


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_a_fault_is_seen_where_it_is_and_nowhere_else(staging: Deployment, breakage: Breakage) -> None:
    with breakage.done(staging):
        failures = staging.failures()
    assert len(failures) == len(breakage.misses), failures
    for line, miss in zip(sorted(failures), sorted(breakage.misses), strict=True):
        assert line.startswith(miss)


def test_a_stack_that_is_mended_is_sound_again(staging: Deployment) -> None:
    assert staging.failures() == []


def test_nothing_is_ok_where_nothing_may_be_read(staging: Deployment) -> None:
    with answering(staging, "*", refused):
        checks = staging.verify()
    assert {check.verdict for check in checks} == {Verdict.UNCHECKED}
    assert all("AccessDenied" in check.seen for check in checks)


@pytest.mark.parametrize("service", SERVICES)
def test_what_may_not_be_read_is_unchecked_and_the_rest_is_not_blamed(staging: Deployment, service: str) -> None:
    sound = staging.verify()
    event = {"s3control": "s3-control"}.get(service, service)
    with answering(staging, f"{event}.*", refused):
        checks = staging.verify()
    assert [(check.subject, check.asked) for check in checks] == [(check.subject, check.asked) for check in sound]
    assert {check.verdict for check in checks} == {Verdict.OK, Verdict.UNCHECKED}


def test_what_is_not_there_is_missed(staging: Deployment) -> None:
    """Nothing is wrong in a VPC that does not exist; that is no proof of anything."""
    promised = staging.desired.contract
    elsewhere = promised.model_copy(update={"vpc_id": "vpc-0123456789abcdef0"})
    checks = verify(replace(staging.desired, contract=elsewhere), staging.client)
    network = ("VPC", "Subnets", "Routes", "Security groups", "Network ACLs", "Paths", "Private access")
    assert {check.verdict for check in checks if check.subject in network} == {Verdict.MISS}


def test_an_endpoint_that_is_gone_is_missed(staging: Deployment) -> None:
    sagemaker = staging.client("sagemaker")
    kept = {
        "EndpointConfigName": staging.configuration("triage")["EndpointConfigName"],
        "DeploymentConfig": sagemaker.describe_endpoint(EndpointName="triage")["LastDeploymentConfig"],
    }
    with scaling_kept(staging):
        sagemaker.delete_endpoint(EndpointName="triage")
        checks = staging.verify()
        sagemaker.create_endpoint(EndpointName="triage", **kept)
    gone = [check for check in checks if check.subject == "Endpoint triage" and check.verdict is Verdict.MISS]
    assert [check.asked for check in gone][:2] == [
        "in service, by the contract's ARN",
        "on a configuration with AllTraffic alone: 2 x ml.m5.large or more",
    ]
    assert gone[0].seen.startswith("does not exist")
    assert not [check for check in checks if check.verdict is Verdict.UNCHECKED]


def test_it_only_reads_and_asks_for_nothing_twice(staging: Deployment) -> None:
    asked: list[str] = []

    def note(model: Any, params: Mapping[str, Any], **_: Any) -> None:
        asked.append(f"{model.service_model.service_name} {model.name} {params['url_path']} {params['body']!r}")

    with answering(staging, "*", note):
        staging.verify()
    operations = {line.split()[1] for line in asked}
    assert {o for o in operations if not o.startswith(("Describe", "Get", "List", "Head"))} == {"InvokeEndpoint"}
    assert len(set(asked)) == len(asked)


def test_lists_are_read_to_their_last_page(staging: Deployment) -> None:
    ssm = staging.client("ssm")
    names = [f"/pages/{number:02}" for number in range(25)]  # SSM answers with ten at a time
    for name in names:
        ssm.put_parameter(Name=name, Value="x", Type="String")
    found = Reader(staging.client).all("ssm", "get_parameters_by_path", "Parameters", Path="/pages/")
    assert sorted(item["Name"] for item in found) == names


def test_credentials_of_another_account_are_told(staging: Deployment) -> None:
    keys = staging.desired.contract.key_arns
    foreign = keys.model_copy(update={"data": keys.data.replace(f":{ACCOUNT}:", ":210987654321:")})
    contract = staging.desired.contract.model_copy(update={"key_arns": foreign})
    first = verify(replace(staging.desired, contract=contract), staging.client)[0]
    assert (first.verdict, first.seen) == (Verdict.MISS, "the credentials are of another account")


def test_no_account_id_is_shown(staging: Deployment) -> None:
    assert not [check for check in staging.verify() if ACCOUNT in f"{check.asked} {check.seen}"]


def test_a_model_without_a_sample_is_not_called(staging: Deployment, built: Path, tmp_path: Path) -> None:
    alone = tmp_path / "model.tar.gz"
    alone.write_bytes(built.read_bytes())
    settings = staging.desired.settings
    endpoints = [
        endpoint.model_copy(update={"model": variant.model.model_copy(update={"artifact": str(alone)})})
        for endpoint in settings.endpoints
        for variant in endpoint.production_variants
    ]
    desired = replace(staging.desired, settings=settings.model_copy(update={"endpoints": tuple(endpoints)}))
    others = [check for check in verify(desired, staging.client) if check.verdict is not Verdict.OK]
    assert {(check.verdict, check.asked, check.failed) for check in others} == {
        (Verdict.SKIPPED, "answers sample.csv, called from where this runs, not from the app subnets", False)
    }


def test_each_answer_is_told_as_it_comes(staging: Deployment) -> None:
    told: list[Check] = []
    assert verify(staging.desired, staging.client, told.append) == told


def test_people_see_a_table_and_machines_json(staging: Deployment) -> None:
    checks = staging.verify()
    console = Console(width=160, record=True, file=StringIO())
    console.print(report.table(checks))
    shown = console.export_text()
    assert "✓  no internet gateway" in shown
    assert report.summary(checks) == f"{len(checks)} ok, 0 missed, 0 unchecked, 0 skipped"
    document = json.loads(report.to_json(checks))
    assert document["ok"] == len(document["checks"]) == len(checks)
    assert document["checks"][1] == {
        "controls": list(checks[1].controls),
        "subject": "Contract",
        "asked": "/private-inference/staging/contract/triage says what the stack exports",
        "seen": "the same",
        "verdict": "ok",
    }


@contextmanager
def answering(stack: Deployment, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """`handler` stands before each call of an event, such as `ec2.DescribeVpcs`, and may answer it."""
    clients = [stack.client(service) for service in SERVICES]
    for client in clients:
        client.meta.events.register_first(f"before-call.{event}", handler)
    try:
        yield
    finally:
        for client in clients:
            client.meta.events.unregister(f"before-call.{event}", handler)


def refused(**_: Any) -> tuple[Any, dict[str, Any]]:
    """What AWS says to who may not."""
    error = {"Code": "AccessDeniedException", "Message": "User is not authorized"}
    return AWSResponse("", 403, HTTPHeaders(), None), {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 403}}
