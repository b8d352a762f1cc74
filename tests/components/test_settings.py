"""Settings: strict by default, and wrong in a way that says how to be right."""

import copy
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from components.settings import Settings, SettingsError, parse
from components.settings.models import PROVIDER_KEYS
from components.settings.served_model import ContainerSettings
from tests.support.recording import ACCOUNT, REGION, ROOT, stack_config
from tests.support.stacks import PROJECT, minimal, model, settings, shipped

BAD = [
    ("account", "12345", "is not an AWS account's id; write its twelve digits, in quotes"),
    ("owner", "", "at least 1 character"),
    ("owner", "x" * 257, "at most 256 characters"),
    ("costCenter", "", "at least 1 character"),
    ("tags", "team", "should be a mapping of keys to values"),
    ("tags", {"Stack": "mine"}, "the stack sets itself; remove it"),
    ("tags", {"aws:team": "mine"}, "AWS keeps what begins with aws: for itself; rename it"),
    ("network", "10.0.0.0/16", "should be a mapping of keys to values"),
    ("network.cidr", "10.0.0.1/16", "is not an IPv4 CIDR block; write 10.0.0.0/16"),
    ("network.cidr", "ten", "is not an IPv4 CIDR block; write an IPv4 block such as 10.0.0.0/16"),
    ("network.cidr", "10.0.0.0/8", "is a /8; a VPC is a /16 to a /28. Choose one such as 10.0.0.0/16"),
    ("network.cidr", "8.8.0.0/16", "choose one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"),
    ("network.cidr", "127.0.0.0/16", "choose one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"),
    ("network.cidr", "10.0.0.0/26", "A /25 would do"),
    ("network.zones", 1, "greater than or equal to 2"),
    ("network.zones", 7, "less than or equal to 6"),
    ("network.zones", ["us-east-1a"], "at least 2 items"),
    ("network.zones", ["us-east-1a", "us-east-1a"], "names a zone twice; name each zone once"),
    ("network.existing.vpcId", "mine", "is not the id of a VPC; write one such as vpc-0a1b2c3d4e5f60718"),
    ("network.existing.subnets.app", ["subnet-0a1b2c3d"], "at least 2 items"),
    ("network.existing.subnets.access[0]", "10.0.0.0/24", "is not the id of a subnet; write one such as subnet-0a1b"),
    ("network.existing.subnets.model", ["subnet-0a1b2c3d", "subnet-0a1b2c3d"], "names one twice; name each once"),
    ("network.existing.routeTables[0]", "main", "is not the id of a route table; write one such as rtb-0a1b2c3d"),
    ("network.existing.s3Gateway", "s3", "is not the id of a VPC endpoint"),
    ("network.existing.interfaceEndpoints.logs", "logs", "is not the id of a VPC endpoint"),
    ("network.existing.flowLogs", "perhaps", "valid boolean"),
    ("network.onPremises.cidrs", [], "at least 1 item"),
    ("network.onPremises.cidrs", ["128.0.0.0/1"], "more than a /8; name the blocks of the sites themselves"),
    ("network.onPremises.gatewayId", "igw-0a1b2c3d", "write one such as vgw-0a1b2c3d or tgw-0a1b2c3d"),
    ("network.onPremises.inboundResolver", "perhaps", "valid boolean"),
    ("network.deniedCidrs", ["1.1.1.0/24", "1.1.0.0/16"], "which overlap; keep the larger one only"),
    ("network.flows", {}, "should be a list"),
    ("network.flows[0].from", "database", "is no end of a flow; write clients, access, onPremises or a private block"),
    ("network.flows[0].to", "10.0.192.1/24", "is not an IPv4 CIDR block; write 10.0.192.0/24"),
    ("network.flows[0].ports", [], "names no port; write those that the service listens on, such as [5432]"),
    ("network.flows[0].because", "because", "at least 10 characters"),
    ("network.naclRuleQuota", 41, "less than or equal to 40"),
    ("network.rejectedFlows", 0, "greater than or equal to 1"),
    ("network.rejectionAlarmOffBecause", "scanner", "at least 10 characters"),
    ("privateAccess.interfaceEndpoints", ["kms", "kms"], "names a service twice; name it once"),
    ("privateAccess.dynamodb", "perhaps", "valid boolean"),
    ("privateAccess.fips", "perhaps", "valid boolean"),
    ("security.keyRotationDays", 89, "greater than or equal to 90"),
    ("security.keyDeletionDays", 6, "greater than or equal to 7"),
    ("security.logRetentionDays", 366, "is not a retention of CloudWatch Logs; choose one of 1, 3, 5"),
    ("security.networkInterfacesUnscopedBecause", "because", "at least 10 characters"),
    ("security.unprotectedBecause", "because", "at least 10 characters"),
    ("artifacts.noncurrentDays", 0, "greater than or equal to 1"),
    ("artifacts.untaggedImageDays", 0, "greater than or equal to 1"),
    ("artifacts.imageScan", "HIGH", "should be a mapping of keys to values"),
    ("artifacts.imageScan.hold", "SEVERE", "choose one of 'INFORMATIONAL', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'"),
    ("artifacts.imageScan.accepted[0].finding", "xz", "is not a finding's id; write one such as CVE-2024-3094"),
    ("artifacts.imageScan.accepted[0].because", "because", "at least 10 characters"),
    (
        "artifacts.imageScan.unread[0].repository",
        "registry/X",
        "is not the name of a repository in ECR; write it in lower case and without its registry",
    ),
    ("artifacts.imageScan.unread[0].because", "because", "at least 10 characters"),
    ("artifacts.accessLogBucket", 4711, "valid string"),
    ("artifacts.deletedOnDestroyBecause", "because", "at least 10 characters"),
    ("operators.emails", "me", "should be a list"),
    ("operators.callsFromOutside", "always", "should be a valid boolean"),
    ("operators.emails[0]", "me", "is not an email address; write one such as team@example.com"),
    ("accountGuards.vpcBlockPublicAccess", "off", "choose one of 'block-bidirectional', 'block-ingress'"),
    ("accountGuards.ebsDefaultKeyArn", "alias/aws/ebs", "an alias won't do"),
    ("accountGuards.ebsSnapshotBlockPublicAccess", "perhaps", "valid boolean"),
    ("accountGuards.s3BlockPublicAccess", "perhaps", "valid boolean"),
    ("frontDoor.domainName", "models", "is not a domain name of 64 characters at most"),
    (
        "frontDoor.certificateArn",
        "mine",
        "is not a certificate of ACM; write arn:aws:acm:REGION:ACCOUNT:certificate/ID",
    ),
    ("frontDoor.privateCaArn", "mine", "is not a private CA; write arn:aws:acm-pca:REGION:ACCOUNT"),
    ("frontDoor.webAclArn", "mine", "is not a regional web ACL of AWS WAF; write arn:aws:wafv2:REGION:ACCOUNT"),
    (
        "frontDoor.webAclArn",
        "arn:aws:wafv2:us-east-1:12:regional/webacl/models/0a1b2c3d",
        "is not a regional web ACL of AWS WAF",
    ),
    ("frontDoor.publicZoneId", "example.com", "is not the id of a Route 53 hosted zone"),
    ("frontDoor.zoneId", "example.internal", "is not the id of a Route 53 hosted zone"),
    ("frontDoor.timeoutSeconds", 0, "should be greater than or equal to 1"),
    ("frontDoor.requestsPerSecond", 0, "should be greater than or equal to 1"),
    ("frontDoor.burst", 0, "should be greater than or equal to 1"),
    ("frontDoor.countCallers", "perhaps", "valid boolean"),
    ("frontDoor.expiryDays", 0, "should be greater than or equal to 1"),
    ("frontDoor.authorizer.unsignedBecause", "because", "at least 10 characters"),
    ("frontDoor.authorizer.functionArn", "judge", "is not a function of AWS Lambda; write arn:aws:lambda:REGION"),
    ("frontDoor.authorizer.header", "X Token", "is not the name of a header; write letters, digits and hyphens"),
    ("frontDoor.loadBalancer.unsignedBecause", "because", "at least 10 characters"),
    ("frontDoor.loadBalancer.clientAuthorities", "nowhere.pem", "is no file; name one in the project with"),
    ("frontDoor.loadBalancer.clientAuthorities", "README.md", "holds no certificate; write the CAs' certificates"),
    ("frontDoor.loadBalancer.forwarder", "forwarder", "is not an image in ECR; write ACCOUNT.dkr.ecr.REGION"),
    ("frontDoor.loadBalancer.timeoutSeconds", 4001, "should be less than or equal to 4000"),
    ("frontDoor.loadBalancer.tasks", 1, "should be greater than or equal to 2"),
    ("frontDoor.loadBalancer.tlsPolicy", "ELBSecurityPolicy-2016-08", "is no security policy of TLS 1.2 or later"),
    (
        "frontDoor.loadBalancer.tlsPolicy",
        "ELBSecurityPolicy-TLS13-1-1-2021-06",
        "begins with ELBSecurityPolicy-TLS13-1-2-",
    ),
    ("callers", {}, "should be a list"),
    ("callers[0].name", "Billing", "is not a caller's name; write 2 to 24 lower-case letters, digits"),
    ("callers[0].vpcEndpoints", [], "should have at least 1 item"),
    ("callers[0].vpcEndpoints[0]", "vpc-0a1b2c3d", "is not the id of a VPC endpoint; write one such as vpce-0a1b2c3d"),
    ("callers[0].endpoints[0]", "churn_1", "letters, digits and inner hyphens only"),
    ("callers[0].components[0]", "churn_main", "letters, digits and inner hyphens only"),
    ("callers[0].account", "2109", "is not an AWS account's id; write its twelve digits, in quotes"),
    ("callers[0].principals[0]", "arn:aws:iam::2109:root", "no pattern, and no account"),
    ("callers[0].principals[0]", "arn:aws:iam::*:role/scoring", "no pattern, and no account"),
    ("callers[0].externalId", "a b", "is not an external id; write 2 to 1224 letters, digits"),
    ("callers[0].stsVpcEndpoints[0]", "any", "is not the id of a VPC endpoint"),
    ("perimeter.deployers", "me", "should be a list"),
    ("perimeter.deployers[0]", "*", "is not the ARN of a role or a user"),
    ("perimeter.deployers[0]", "arn:aws:iam::*:role/*", "a pattern whose name begins with no wildcard"),
    ("perimeter.deployers[0]", "arn:aws:sts::*:assumed-role/deployer/me", "of a session, its role's"),
    ("perimeter.attach[0]", "boundary", "choose one of 'scp', 'rcp'"),
    ("perimeter.administrators[0].principal", "*", "is not the ARN of a role or a user"),
    ("perimeter.administrators[0].principal", "arn:aws:iam::*:*", "is not the ARN of a role or a user"),
    ("perimeter.administrators[0].principal", "arn:aws:iam::*:role/*", "begins with no wildcard"),
    ("perimeter.administrators[0].principal", "arn:aws:iam::*:root", "the root of another account"),
    ("perimeter.administrators[0].because", "because", "at least 10 characters"),
    ("perimeter.attach", ["scp"], "would refuse no changes; name perimeter.deployers"),
    ("perimeter.dataThroughVpc", True, "would keep whoever deploys from the artifacts; name them in perimeter"),
    ("endpoints", {}, "should be a list"),
    ("endpoints[0].name", "x" * 64, "has 64 characters; at most 55 are allowed. Choose a shorter name"),
    ("endpoints[0].name", "credit_risk", "letters, digits and inner hyphens only; rename it, such as credit-risk"),
    ("endpoints[0].dataCapture.percent", 0, "should be greater than or equal to 1"),
    ("endpoints[0].dataCapture.parts", [], "should have at least 1 item"),
    ("endpoints[0].dataCapture.parts", ["request", "request"], "names a part twice; name it once"),
    ("endpoints[0].dataCapture.parts[0]", "headers", "choose one of 'request', 'response'"),
    ("endpoints[0].dataCapture.readPolicy", "perhaps", "valid boolean"),
    ("endpoints[0].dataCapture.retentionDays", 0, "should be greater than or equal to 1"),
    ("endpoints[0].model.artifact", "none.tar.gz", "there is no such file. Name a model.tar.gz"),
    ("endpoints[0].model.artifact", "tests", "is a directory. Name a model.tar.gz, or end it in / to serve its files"),
    ("endpoints[0].model.artifact", "none/", "there is no such directory. Name a directory with the model's files"),
    ("endpoints[0].model.artifact", "README.md/", "that is not a directory. Name a directory"),
    ("endpoints[0].model.artifact", "README.md", "not a gzip-compressed tar archive. Name a model.tar.gz"),
    (
        "endpoints[0].model.artifact",
        "s3://models/latest",
        "ending in .tar.gz, or in / as a prefix does; correct the URI",
    ),
    ("endpoints[0].model.artifact", "s3://models/", "is not s3://BUCKET/KEY ending in .tar.gz, or in /"),
    ("endpoints[0].model.artifactKeyArn", "alias/mine", "write arn:aws:kms:REGION:ACCOUNT:key/ID"),
    ("endpoints[0].model.environment.LEVEL", 3, "valid string"),
    ("endpoints[0].model.environment.HF_HUB_OFFLINE", "0", "which it can't reach; remove it for 1"),
    (
        "endpoints[0].model.environment.HF_MODEL_ID",
        "meta-llama/Llama-3.1-8B",
        "is no path in the container, and no hub",
    ),
    (
        "endpoints[0].model.environment.OPTION_MODEL_ID",
        "s3://models/llama/",
        "into the artifact, and write /opt/ml/model",
    ),
    (
        "endpoints[0].model.environment.HF_TOKEN",
        "hf_secret",
        "a secret, which everybody in the console sees; remove it",
    ),
    (
        "endpoints[0].model.environment.SAGEMAKER_REQUIREMENTS",
        "r.txt",
        "no package index can be reached: build an image",
    ),
    ("endpoints[0].model.pipeline", "all", "should be a list"),
    ("endpoints[0].model.containers", [], "should be a mapping of keys to values"),
    ("endpoints[0].model.models", "all", "should be a mapping of keys to values"),
    ("endpoints[0].model.modelCaching", False, "is for several models in one container; remove it, or set models"),
    ("endpoints[0].model.modelPackage", "triage/3", "is not the ARN of a model package's version; write arn:aws:sagem"),
    ("endpoints[0].model.networkIsolationOffBecause", "because", "at least 10 characters"),
    ("endpoints[0].model.image", {}, "exactly one of uri, repositoryTag, build, or framework with version"),
    ("endpoints[0].model.image.build", "no/such", "can't be built: there is no such directory. Name a directory with"),
    ("endpoints[0].model.image.build", "README.md", "can't be built: that is not a directory"),
    ("endpoints[0].model.image.build", "docs", "can't be built: there is no Dockerfile in it"),
    (
        "endpoints[0].model.image",
        {"build": "examples/serving", "repositoryTag": "1"},
        "exactly one of uri, repositoryTag, build",
    ),
    ("endpoints[0].model.image", {"framework": "xgboost"}, "needs framework and version together"),
    ("endpoints[0].model.image.uri", "docker.io/library/nginx:1", "is not an image in ECR; write ACCOUNT.dkr.ecr"),
    ("endpoints[0].model.image.repositoryTag", "my tag", "is not an image's tag; write letters, digits"),
    ("endpoints[0].model.image.framework", "xgboots", "choose one of 'xgboost', 'scikit-learn'"),
    ("endpoints[0].model.image.version", "3.0 5", "is not an image's tag; write letters, digits"),
    ("endpoints[0].hosting.startupSeconds", 59, "greater than or equal to 60"),
    ("endpoints[0].hosting.downloadSeconds", 3601, "less than or equal to 3600"),
    ("endpoints[0].hosting.volumeGb", 513, "less than or equal to 512"),
    ("endpoints[0].hosting.amiVersion", "latest", "choose one of al2-ami-sagemaker-inference-gpu-2, al2-ami"),
    ("endpoints[0].streaming", "perhaps", "valid boolean"),
    ("endpoints[0].openai", "perhaps", "valid boolean"),
    ("endpoints[0].model.inferenceSpecification", "a b", "is not the name of an inference specification; write 63"),
    ("endpoints[0].kvCachePercent", 5, "greater than or equal to 10"),
    ("endpoints[0].instanceType", "ml.m5.lrge", "did you mean ml.m5.large"),
    ("endpoints[0].instanceType", "ml.t2.medium", "can't be scaled automatically; choose one such as ml.m5.large"),
    ("endpoints[0].instances.min", 0, "is for asynchronous endpoints, whose requests wait; use 2, or add asynchronous"),
    ("endpoints[0].instances.min", -1, "greater than or equal to 0"),
    ("endpoints[0].instances.min", 1, "Use 2, or give singleBecause a reason"),
    ("endpoints[0].instances.max", 1, "is below min (2); raise max or lower min"),
    ("endpoints[0].instances.initial", 11, "must lie between min (2) and max (10)"),
    ("endpoints[0].instances.singleBecause", "because", "at least 10 characters"),
    ("endpoints[0].scaling.invocationsPerInstance", 0, "greater than 0"),
    ("endpoints[0].scaling.invocationsPerInstance", float("inf"), "finite number"),
    ("endpoints[0].scaling.concurrentRequestsPerInstance", 0, "greater than 0"),
    ("endpoints[0].scaling.cpuPercent", 101, "less than or equal to 100"),
    ("endpoints[0].scaling.scaleOutCooldown", -1, "greater than or equal to 0"),
    ("endpoints[0].scaling.scaleInCooldown", 3601, "less than or equal to 3600"),
    ("endpoints[0].alarms.serverErrors", 0, "greater than or equal to 1"),
    ("endpoints[0].alarms.latencyMs", 0, "greater than 0"),
    ("endpoints[0].alarms.clientErrorPercent", 101, "less than or equal to 100"),
    ("endpoints[0].alarms.overheadMs", 0, "greater than 0"),
    ("endpoints[0].alarms.cpuPercent", 0, "greater than 0"),
    ("endpoints[0].alarms.memoryPercent", 0, "greater than 0"),
    ("endpoints[0].alarms.diskPercent", 101, "less than or equal to 100"),
    ("endpoints[0].alarms.gpuPercent", 101, "less than or equal to 100"),
    ("endpoints[0].alarms.gpuMemoryPercent", 101, "less than or equal to 100"),
    ("endpoints[0].alarms.modelLoadingMs", 60000, "less than 60000"),
    ("endpoints[0].alarms.silentMinutes", 7, "multiple of 5"),
    ("endpoints[0].update.strategy", "big-bang", "choose one of 'all-at-once', 'canary', 'linear', 'rolling'"),
    ("endpoints[0].update.strategy", "canary", "needs exactly one of stepPercent and stepInstances"),
    ("endpoints[0].update.stepPercent", 51, "less than or equal to 50"),
    ("endpoints[0].update.stepInstances", 0, "greater than or equal to 1"),
    ("endpoints[0].update.waitSeconds", 3601, "less than or equal to 3600"),
    ("endpoints[0].update.terminationWaitSeconds", 3601, "less than or equal to 3600"),
    ("endpoints[0].update.maximumSeconds", 599, "greater than or equal to 600"),
    ("endpoints[0].update.maximumSeconds", 600, "no longer than the waits of an update of 10 instances (600 s)"),
    ("endpoints[0].update.rollbackOffBecause", "because", "at least 10 characters"),
    ("endpoints[0].asynchronous.maxConcurrentInvocationsPerInstance", 1001, "less than or equal to 1000"),
    ("endpoints[0].asynchronous.backlogPerInstance", 0, "greater than 0"),
    ("endpoints[0].asynchronous.notifications", ["error", "error"], "names an outcome twice; name it once"),
    ("endpoints[0].asynchronous.retentionDays", 0, "greater than or equal to 1"),
    ("endpoints[0].asynchronous.requestTtlSeconds", 21601, "less than or equal to 21600"),
    ("endpoints[0].asynchronous.requestTtlSeconds", 59, "greater than or equal to 60"),
    ("endpoints[0].asynchronous.invocationTimeoutSeconds", 3601, "less than or equal to 3600"),
    ("endpoints[0].asynchronous.alarms.failures", 0, "greater than or equal to 1"),
    ("endpoints[0].asynchronous.alarms.expired", 0, "greater than or equal to 1"),
    (
        "endpoints[0].asynchronous.alarms.oldestSeconds",
        21600,
        "is never reached: requests expire after requestTtlSeconds (21600); lower it",
    ),
    ("endpoints[0].volumeKeyOffBecause", "because", "at least 10 characters"),
]


def change(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """`values` with one key, written as errors write it (`endpoints[0].name`), set to `value`."""
    changed = copy.deepcopy(values)
    path = [int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", key)]
    inner: Any = changed
    for parent, child in pairwise(path):
        if isinstance(inner, dict):
            inner.setdefault(parent, [] if isinstance(child, int) else {})
        elif parent == len(inner):
            inner.append({})
        inner = inner[parent]
    if inner == []:
        inner.append(value)
    else:
        inner[path[-1]] = value
    return changed


def problems(values: dict[str, Any], region: str | None = REGION) -> list[str]:
    """The lines of the error that the settings of `values` end in, without the heading."""
    with pytest.raises(SettingsError) as caught:
        parse(PROJECT, stack_config(values, region=region).values)
    heading, *lines = str(caught.value).splitlines()
    assert heading == f"The configuration of this stack has {len(lines)} problem(s):"
    return [line.strip() for line in lines]


def groups(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in groups(part)]


def leaves(group: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The keys that hold values, as errors write them; what a container has is what a model has."""
    for name, field in group.model_fields.items():
        key, inner = f"{prefix}{field.alias or name}", groups(field.annotation)
        inner = [] if ContainerSettings in inner else inner
        many = "[0]" if inner and "tuple" in str(field.annotation) else ""
        yield from leaves(inner[0], f"{key}{many}.") if inner else [key]


@pytest.mark.parametrize(("key", "value", "remedy"), BAD, ids=[f"{key}={str(value)[:30]}" for key, value, _ in BAD])
def test_a_bad_value_names_its_key_the_value_what_is_allowed_and_the_fix(
    key: str, value: Any, remedy: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    said = [line for line in problems(change(minimal(archive), key, value)) if line.startswith(f"{PROJECT}:{key}: ")]
    assert len(said) == 1
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:79] + "…"
    assert said[0].startswith(f"{PROJECT}:{key}: {shown} ")
    assert remedy in said[0]
    assert said[0].endswith((".", "?"))


def test_every_setting_has_a_bad_value_above() -> None:
    tried = {key for key, _, _ in BAD}
    # in tests of their own: test_variant_settings.py, test_shadow_settings.py, test_component_settings.py
    elsewhere = ("endpoints[0].variants[0].", "endpoints[0].shadow.", "endpoints[0].components[0].")
    for leaf in [leaf for leaf in leaves(Settings) if not leaf.startswith(elsewhere)]:
        assert leaf in PROVIDER_KEYS or any(key == leaf or key.startswith((f"{leaf}.", f"{leaf}[")) for key in tried), (
            leaf
        )


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (None, "aws:region: is missing; add it."),
        ("us-east-9", "aws:region: 'us-east-9' is not a region of SageMaker; did you mean us-east-2 or us-east-1?"),
    ],
)
def test_the_region_is_one_of_sagemakers(region: str | None, said: str, archive: Path) -> None:
    assert problems(minimal(archive), region) == [said]


def aws_keys(archive: Path, region: str = REGION, **values: str) -> Settings:
    given = stack_config(minimal(archive), region=region).values
    return parse(PROJECT, {**given, **{f"aws:{key}": each for key, each in values.items()}})


def test_the_aws_providers_endpoints_are_read_as_it_reads_them(archive: Path) -> None:
    found = aws_keys(archive, useFipsEndpoint="true", useDualstackEndpoint="true")
    assert found.fips_endpoints
    assert found.dual_stack_endpoints
    assert not aws_keys(archive).fips_endpoints
    assert not aws_keys(archive, useFipsEndpoint="false").fips_endpoints


def test_fips_endpoints_are_where_aws_has_them(archive: Path) -> None:
    assert aws_keys(archive, "us-gov-west-1", useFipsEndpoint="true").fips_endpoints
    assert aws_keys(archive, "eu-central-1", useDualstackEndpoint="true").dual_stack_endpoints
    with pytest.raises(SettingsError, match="aws:useFipsEndpoint: True needs a Region with FIPS endpoints"):
        aws_keys(archive, "eu-central-1", useFipsEndpoint="true")
    with pytest.raises(SettingsError, match=r"aws:useDualstackEndpoint: 'perhaps' .*boolean"):
        aws_keys(archive, useDualstackEndpoint="perhaps")


def test_the_region_has_no_second_key(archive: Path) -> None:
    assert problems(minimal(archive, region="us-west-2")) == [
        "private-inference:region: is not a setting; did you mean aws:region?"
    ]


def test_all_problems_of_a_file_are_told_at_once(archive: Path) -> None:
    values = minimal(archive, network={"cidr": "10.0.0.0/8"}, security={"keyDeletionDays": 1}, colour="red")
    values["endpoints"] = [{"name": "a_b"}, {}]
    del values["owner"]
    told = [line.split(": ")[0].removeprefix(f"{PROJECT}:") for line in problems(values)]
    assert sorted(told) == [
        "colour",
        "endpoints[0].instanceType",
        "endpoints[0].model",
        "endpoints[0].name",
        "endpoints[1].instanceType",
        "endpoints[1].model",
        "endpoints[1].name",
        "network.cidr",
        "owner",
        "security.keyDeletionDays",
    ]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("endpoint", "endpoints"),
        ("costcenter", "costCenter"),
        ("network.onPremise", "onPremises"),
        ("privateAccess.interfaceEndpoint", "interfaceEndpoints"),
        ("endpoints[0].instance_type", "instanceType"),
        ("endpoints[0].scaling.cpuPercentage", "cpuPercent"),
    ],
)
def test_a_typo_suggests_the_key_that_was_meant(typed: str, meant: str, archive: Path) -> None:
    assert problems(change(minimal(archive), typed, "x")) == [
        f"{PROJECT}:{typed}: is not a setting; did you mean {meant}?"
    ]


def test_a_key_that_resembles_none_gets_the_list_of_keys(archive: Path) -> None:
    (said,) = problems(change(minimal(archive), "operators.pager", "x"))
    assert said == f"{PROJECT}:operators.pager: is not a setting; the settings here are emails, callsFromOutside."


def test_account_ids_do_not_show_in_errors(archive: Path) -> None:
    values = change(
        minimal(archive), "endpoints[0].model.image", {"uri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/x"}
    )
    values = change(values, "endpoints[0].model.artifactKeyArn", f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/x")
    values = change(values, "artifacts.accessLogBucket", [f"logs_{ACCOUNT}x"])
    said = "\n".join(problems(values))
    assert said.count("<account>") == 3
    assert ACCOUNT not in said


def test_endpoints_of_one_name_are_told_apart_by_position(archive: Path) -> None:
    values = minimal(archive)
    values["endpoints"] = [values["endpoints"][0], values["endpoints"][0] | {"name": "Triage"}]
    assert problems(values) == [
        "private-inference:endpoints[1].name: 'Triage' is the name of endpoints[0] too, case aside; "
        "give each endpoint a name of its own."
    ]


@pytest.mark.parametrize("key", ["network.deniedCidrs", "network.onPremises.cidrs"])
def test_blocks_outside_may_not_overlap_the_vpc(key: str, archive: Path) -> None:
    values = change(minimal(archive), key, ["10.0.200.0/24"])
    if "onPremises" in key:
        values = change(values, "network.onPremises.gatewayId", "vgw-0a1b2c3d")
    assert problems(values) == [
        f"{PROJECT}:{key}: '10.0.200.0/24' overlaps the VPC (10.0.0.0/16); use blocks outside it."
    ]


def test_a_client_can_not_be_let_in_and_denied(archive: Path) -> None:
    premises = {"cidrs": ["192.168.0.0/16"], "gatewayId": "vgw-0a1b2c3d"}
    assert problems(minimal(archive, network={"onPremises": premises, "deniedCidrs": ["192.168.7.0/24"]})) == [
        f"{PROJECT}:network.onPremises.cidrs: '192.168.0.0/16' is denied by deniedCidrs; remove it from one of them."
    ]


def test_every_service_of_interface_endpoints_is_listed_when_one_is_unknown(archive: Path) -> None:
    (said,) = problems(change(minimal(archive), "privateAccess.interfaceEndpoints", ["bedrock"]))
    assert said.startswith(f"{PROJECT}:privateAccess.interfaceEndpoints[0]: 'bedrock' is not allowed; choose one of ")
    assert all(f"'{service}'" in said for service in ("sagemaker.api", "logs", "ecr.dkr", "s3", "dynamodb"))


def test_the_model_subnets_must_hold_two_addresses_for_each_instance_of_two_fleets(archive: Path) -> None:
    enough = change(minimal(archive), "network.cidr", "10.0.0.0/23")  # 2 zones of 16 - 5 addresses
    assert settings(change(enough, "endpoints[0].instances.max", 5))
    (said,) = problems(change(enough, "endpoints[0].instances.max", 6))
    assert said.startswith(f"{PROJECT}:network.cidr: '10.0.0.0/23' leaves 22 addresses for model instances")
    assert "need 24 (two for each instance, old and new ones during an update)" in said


def test_a_rolling_update_needs_addresses_for_one_batch_more_only(archive: Path) -> None:
    rolling = change(minimal(archive), "endpoints[0].update", {"strategy": "rolling", "stepPercent": 25})
    enough = change(rolling, "network.cidr", "10.0.0.0/23")
    assert settings(change(enough, "endpoints[0].instances.max", 8))
    (said,) = problems(change(enough, "endpoints[0].instances.max", 9))  # 9 and a batch of 3
    assert "need 24" in said


@pytest.mark.parametrize(
    ("update", "instances", "said"),
    [
        (
            {"strategy": "linear", "stepPercent": 9},
            {},
            "stepPercent: 9 is below 10, the least that AWS takes for linear",
        ),
        ({"strategy": "rolling", "stepPercent": 4}, {}, "stepPercent: 4 is below 5"),
        ({"stepPercent": 10}, {}, "strategy: 'all-at-once' has no steps"),
        ({"strategy": "canary", "stepPercent": 10, "stepInstances": 1}, {}, "needs exactly one of"),
        ({"strategy": "canary", "stepInstances": 2}, {}, "stepInstances: 2 must be from 1 to 1"),
        ({"strategy": "canary", "stepInstances": 3}, {"min": 6}, None),
        ({"strategy": "linear", "stepInstances": 1}, {"max": 11}, "stepInstances: 1 must be from 2 to 1"),
        ({"strategy": "rolling", "stepInstances": 1}, {"max": 20}, None),
        (
            {"strategy": "rolling", "stepPercent": 10, "terminationWaitSeconds": 60},
            {},
            "terminationWaitSeconds: 60 is for blue/green",
        ),
        (
            {"strategy": "linear", "stepPercent": 10, "waitSeconds": 300, "maximumSeconds": 3000},
            {},
            "maximumSeconds: 3000 is no longer than the waits of an update of 10 instances (3000 s)",
        ),
        ({"strategy": "linear", "stepPercent": 10, "waitSeconds": 300, "maximumSeconds": 3001}, {}, None),
    ],
)
def test_an_update_keeps_to_what_aws_takes(
    update: dict[str, Any], instances: dict[str, Any], said: str | None, archive: Path
) -> None:
    values = change(change(minimal(archive), "endpoints[0].update", update), "endpoints[0].instances", instances)
    if said is None:
        assert settings(values)
    else:
        (problem,) = problems(values)
        assert problem.startswith(f"{PROJECT}:endpoints[0].update.")
        assert said in problem


def test_one_instance_is_no_fleet_to_take_a_canary_of(archive: Path) -> None:
    one = {"min": 1, "singleBecause": "a demonstration that may stand still"}
    values = change(minimal(archive), "endpoints[0].instances", one)
    (said,) = problems(change(values, "endpoints[0].update", {"strategy": "canary", "stepInstances": 1}))
    assert "at most half of instances.min (1)" in said


def test_inferentia_1_is_updated_all_at_once(archive: Path) -> None:
    values = change(minimal(archive), "endpoints[0].instanceType", "ml.inf1.xlarge")
    (said,) = problems(change(values, "endpoints[0].update", {"strategy": "canary", "stepPercent": 10}))
    assert "'canary' is not to be had on ml.inf1.xlarge" in said


def test_instances_follow_requests_a_minute_or_at_once(archive: Path) -> None:
    scaling = {"invocationsPerInstance": 600, "concurrentRequestsPerInstance": 8}
    (said,) = problems(change(minimal(archive), "endpoints[0].scaling", scaling))
    assert said.startswith(f"{PROJECT}:endpoints[0].scaling.invocationsPerInstance: 600.0 is set beside")


def test_a_key_for_the_artifact_is_for_artifacts_in_s3(archive: Path) -> None:
    key = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
    (said,) = problems(change(minimal(archive), "endpoints[0].model.artifactKeyArn", key))
    assert said.endswith("is for S3 artifacts; remove it, local ones use the stack's key.")
    elsewhere = model(archive, artifact="s3://models/triage/model.tar.gz", artifactKeyArn=key)
    assert settings(change(minimal(archive), "endpoints[0].model", elsewhere))


def test_an_image_of_another_region_is_refused_as_sagemaker_would(archive: Path) -> None:
    uri = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/serving:1"
    (said,) = problems(change(minimal(archive), "endpoints[0].model.image", {"uri": uri}))
    assert said.startswith(f"{PROJECT}:endpoints[0].model.image.uri: '<account>.dkr.ecr.eu-west-1")
    assert "is not in us-east-1" in said


@pytest.mark.parametrize(
    "uri",
    [
        f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/serving",
        f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/:1",
        f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/serving:",
        f"{ACCOUNT}.dkr.ecr.us-east-1.example.com/serving:1",
        "serving:1",
    ],
)
def test_an_image_by_uri_has_registry_repository_and_tag(uri: str, archive: Path) -> None:
    (said,) = problems(change(minimal(archive), "endpoints[0].model.image", {"uri": uri}))
    assert "is not an image in ECR; write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY" in said


def test_text_that_begins_like_json_is_text(archive: Path) -> None:
    assert settings(minimal(archive, owner="[ml] platform")).owner == "[ml] platform"


def test_three_lines_are_enough_for_an_endpoint(archive: Path) -> None:
    text = f"""
    - name: triage
      model: {{artifact: {archive}, image: {{framework: xgboost, version: 3.0-5}}}}
      instanceType: ml.m5.large
    """
    read = settings(minimal(archive, endpoints=yaml.safe_load(text)))
    assert [endpoint.name for endpoint in read.endpoints] == ["triage"]


def test_defaults_are_strict(archive: Path) -> None:
    read = settings(minimal(archive))
    (endpoint,) = read.endpoints
    assert read.protect_data
    assert read.keep_artifacts
    assert endpoint.production_variants[0].model.isolated
    assert endpoint.volume_key_off_because is None
    assert read.security.log_retention_days == 365
    assert read.security.key_rotation_days == 365
    assert read.security.key_deletion_days == 30
    assert read.network.zone_count == 2
    assert read.network.on_premises is None
    assert read.private_access.interface_endpoints == ()
    assert not read.private_access.dynamodb
    assert (endpoint.instances.min, endpoint.instances.at_creation, endpoint.instances.max) == (2, 2, 10)


@pytest.mark.parametrize(
    ("key", "loosened"),
    [
        ("security.unprotectedBecause", lambda read: not read.protect_data),
        ("artifacts.deletedOnDestroyBecause", lambda read: not read.keep_artifacts),
        ("endpoints[0].model.networkIsolationOffBecause", lambda read: not read.endpoints[0].model.isolated),
    ],
)
def test_what_is_strict_is_loosened_by_a_reason_only(key: str, loosened: Any, archive: Path) -> None:
    assert loosened(settings(change(minimal(archive), key, "a reviewer reads this")))
    for no_reason in (True, "", " " * 20):
        assert problems(change(minimal(archive), key, no_reason))


def test_one_instance_needs_a_reason(archive: Path) -> None:
    single = {"min": 1, "singleBecause": "a nightly batch, nobody waits for it"}
    assert settings(change(minimal(archive), "endpoints[0].instances", single)).endpoints[0].instances.min == 1


def test_no_endpoint_yet_is_fine(archive: Path) -> None:
    assert settings(minimal(archive, endpoints=[])).endpoints == ()


def test_a_key_for_volumes_is_of_the_stacks_region(archive: Path) -> None:
    key = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"
    with pytest.raises(SettingsError, match=r"ebsDefaultKeyArn: .* is not in us-east-1, and Amazon EBS takes keys"):
        settings(minimal(archive, accountGuards={"ebsDefaultKeyArn": key}))


def test_settings_can_not_be_changed(archive: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        settings(minimal(archive)).owner = "someone else"


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_stacks_of_the_repository_are_valid(stack: str, archive: Path) -> None:
    assert parse(PROJECT, shipped(stack, archive).values).endpoints


def test_pulumi_yaml_declares_each_setting_with_type_and_description() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    settings_of_the_project = (field for field in Settings.model_fields.values() if field.alias not in PROVIDER_KEYS)
    fields = {field.alias: field for field in settings_of_the_project}
    assert declared.keys() == fields.keys()
    for key, field in fields.items():
        entry = declared[key]
        kind = "string" if field.annotation is str else "array" if "tuple" in str(field.annotation) else "object"
        assert entry["type"] == kind, key
        assert entry["description"], key
        assert ("default" in entry) != field.is_required(), key
        if "default" in entry:
            assert entry["default"] == {"array": [], "object": {}, "string": ""}[kind], key


def test_each_setting_says_what_it_is() -> None:
    def undescribed(group: type[BaseModel], prefix: str = "") -> Iterator[str]:
        for name, field in group.model_fields.items():
            inner = groups(field.annotation)
            if not (field.description or (inner and inner[0].__doc__)):
                yield f"{prefix}{name}"
            for one in inner:
                yield from undescribed(one, f"{prefix}{name}.")

    assert list(undescribed(Settings)) == []
