"""Each bad value and each bad combination that AWS would refuse has one clear error before anything is created.

Limits are read from botocore's service models here, where the settings have theirs in words: a limit that AWS changes
is told by this test. Combinations are those of AWS's documentation, each with its page.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.loaders import Loader

from components.settings import SettingsError
from tests.components.test_settings import change, problems
from tests.support.recording import ACCOUNT
from tests.support.stacks import (
    AUTHORIZER,
    PROJECT,
    WEB_ACL,
    balanced,
    endpoint,
    foreigner,
    front_door,
    minimal,
    settings,
    variant,
)

DOCS = "https://docs.aws.amazon.com/"
API = f"{DOCS}sagemaker/latest/APIReference/API_"

LIMITS = [
    ("endpoints[0].hosting.volumeGb", "sagemaker", "ProductionVariantVolumeSizeInGB"),
    (
        "endpoints[0].hosting.startupSeconds",
        "sagemaker",
        "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
    ),
    ("endpoints[0].hosting.downloadSeconds", "sagemaker", "ProductionVariantModelDataDownloadTimeoutInSeconds"),
    ("endpoints[0].instances.initial", "sagemaker", "InitialTaskCount"),
    ("endpoints[0].update.waitSeconds", "sagemaker", "WaitIntervalInSeconds"),
    ("endpoints[0].update.terminationWaitSeconds", "sagemaker", "TerminationWaitInSeconds"),
    ("endpoints[0].update.maximumSeconds", "sagemaker", "MaximumExecutionTimeoutInSeconds"),
    ("endpoints[0].update.stepInstances", "sagemaker", "CapacitySizeValue"),
    ("endpoints[0].variants[0].weight", "sagemaker", "VariantWeight"),
    (
        "endpoints[0].asynchronous.maxConcurrentInvocationsPerInstance",
        "sagemaker",
        "MaxConcurrentInvocationsPerInstance",
    ),
    ("endpoints[0].asynchronous.requestTtlSeconds", "sagemaker-runtime", "RequestTTLSecondsHeader"),
    ("endpoints[0].asynchronous.invocationTimeoutSeconds", "sagemaker-runtime", "InvocationTimeoutSecondsHeader"),
    ("security.keyRotationDays", "kms", "RotationPeriodInDaysType"),
]
"""A setting, and the shape of the service's model that says what it may be."""


class Combination(NamedTuple):
    """What AWS refuses: the settings in question, which one is blamed, what is said of it, and AWS's page."""

    title: str
    given: dict[str, Any]
    key: str
    says: str
    source: str


@cache
def shape(service: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = Loader().load_service_model(service, "service-2")["shapes"][name]
    return found


def limits() -> Iterator[tuple[str, int, int]]:
    """A setting, the last value that its shape takes at one end, and the first that it doesn't."""
    for key, service, name in LIMITS:
        for bound, step in (("min", -1), ("max", 1)):
            if bound in shape(service, name):
                last = shape(service, name)[bound]
                yield key, last, last + step


def stack(archive: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The least stack with these settings, by their keys; "MODEL" stands for a model."""
    text = json.dumps(given).replace('"MODEL"', json.dumps(endpoint(archive)["model"]))
    values = minimal(archive)
    for key, value in json.loads(text).items():
        if key.startswith("endpoints[0].variants"):
            values["endpoints"] = [
                {key: each for key, each in values["endpoints"][0].items() if key not in OF_A_VARIANT}
            ]
            values["endpoints"][0].setdefault("variants", [variant(archive, "main")])
        values = change(values, key, value)
    return values


OF_A_VARIANT = ("model", "instanceType")


@pytest.mark.parametrize(("key", "last", "beyond"), list(limits()))
def test_a_limit_of_the_service_is_a_limit_here(key: str, last: int, beyond: int, archive: Path) -> None:
    (said,) = [line for line in problems(stack(archive, {key: beyond})) if line.startswith(f"{PROJECT}:{key}: ")]
    assert str(last) in said
    with suppress(SettingsError):  # the limit itself is none of what else may be wrong
        settings(stack(archive, {key: last}))
        return
    assert not [line for line in problems(stack(archive, {key: last})) if "than or equal to" in line]


E0 = "endpoints[0]."
ASYNC: dict[str, Any] = {f"{E0}asynchronous": {}}
TWO = [{"name": name, "model": "MODEL", "instanceType": "ml.m5.large"} for name in ("main", "canary")]

COMBINATIONS = [
    Combination(
        "a name beyond the longest",
        {f"{E0}name": "x" * 64},
        f"{E0}name",
        "has 64 characters; at most 55",
        f"{API}CreateEndpoint.html",
    ),
    Combination(
        "a name with an underscore",
        {f"{E0}name": "credit_risk"},
        f"{E0}name",
        "letters, digits and inner hyphens only",
        f"{API}CreateEndpoint.html",
    ),
    Combination(
        "an instance type that there is not",
        {f"{E0}instanceType": "ml.m5.huge"},
        f"{E0}instanceType",
        "is not an instance type of SageMaker endpoints",
        f"{API}ProductionVariant.html",
    ),
    Combination(
        "a burstable type that scales",
        {f"{E0}instanceType": "ml.t2.large"},
        f"{E0}instanceType",
        "can't be scaled automatically",
        f"{DOCS}sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html",
    ),
    Combination(
        "an AMI that there is not",
        {f"{E0}hosting.amiVersion": "al2-ami"},
        f"{E0}hosting.amiVersion",
        "is not an inference AMI version",
        f"{API}ProductionVariant.html",
    ),
    Combination(
        "no instance, and nobody who waits",
        {f"{E0}instances.min": 0},
        f"{E0}instances.min",
        "is for asynchronous endpoints",
        f"{DOCS}sagemaker/latest/dg/async-inference-autoscale.html",
    ),
    Combination(
        "a maximum below the minimum",
        {f"{E0}instances": {"min": 4, "max": 3}},
        f"{E0}instances.max",
        "is below min (4)",
        f"{DOCS}autoscaling/application/APIReference/API_RegisterScalableTarget.html",
    ),
    Combination(
        "more at creation than scaling allows",
        {f"{E0}instances": {"max": 4, "initial": 5}},
        f"{E0}instances.initial",
        "must lie between",
        f"{DOCS}autoscaling/application/APIReference/API_RegisterScalableTarget.html",
    ),
    Combination(
        "a variable whose name begins with a digit",
        {f"{E0}model.environment": {"1ST": "a"}},
        f"{E0}model.environment.1ST",
        "use letters, digits and _",
        f"{API}ContainerDefinition.html",
    ),
    Combination(
        "a variable with a long name",
        {f"{E0}model.environment": {"N" * 1025: "a"}},
        f"{E0}model.environment." + "N" * 1025,
        "has a name of 1025 characters; at most 1024",
        f"{API}ContainerDefinition.html",
    ),
    Combination(
        "a variable with a long value",
        {f"{E0}model.environment": {"TEXT": "a" * 1025}},
        f"{E0}model.environment.TEXT",
        "has 1025 characters; at most 1024",
        f"{API}ContainerDefinition.html",
    ),
    Combination(
        "more variables than a container takes",
        {f"{E0}model.environment": {f"V{number}": "a" for number in range(101)}},
        f"{E0}model.environment",
        "more than the 100 that SageMaker takes",
        f"{API}ContainerDefinition.html",
    ),
    Combination(
        "an image without a registry of AWS",
        {f"{E0}model.image": {"uri": "docker.io/library/nginx:1"}},
        f"{E0}model.image.uri",
        "is not an image in ECR",
        f"{API}ContainerDefinition.html",
    ),
    Combination(
        "an image of another region",
        {f"{E0}model.image": {"uri": f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/serving:1"}},
        f"{E0}model.image.uri",
        "SageMaker takes images of its own region only",
        f"{DOCS}sagemaker/latest/dg/your-algorithms-containers-inference-private.html",
    ),
    Combination(
        "an artifact that is no archive",
        {f"{E0}model.artifact": "s3://models/triage/model.zip"},
        f"{E0}model.artifact",
        "ending in .tar.gz, or in /",
        f"{API}ContainerDefinition.html",
    ),
    Combination(
        "a linear step below a tenth",
        {f"{E0}update": {"strategy": "linear", "stepPercent": 9}},
        f"{E0}update.stepPercent",
        "is below 10, the least that AWS takes",
        f"{API}TrafficRoutingConfig.html",
    ),
    Combination(
        "a rolling batch below a twentieth",
        {f"{E0}update": {"strategy": "rolling", "stepPercent": 4}},
        f"{E0}update.stepPercent",
        "is below 5, the least that AWS takes",
        f"{API}RollingUpdatePolicy.html",
    ),
    Combination(
        "a canary of more than a half",
        {f"{E0}update": {"strategy": "canary", "stepPercent": 51}},
        f"{E0}update.stepPercent",
        "less than or equal to 50",
        f"{API}TrafficRoutingConfig.html",
    ),
    Combination(
        "a canary of more instances than a half of the least",
        {f"{E0}update": {"strategy": "canary", "stepInstances": 2}},
        f"{E0}update.stepInstances",
        "must be from 1 to 1",
        f"{API}TrafficRoutingConfig.html",
    ),
    Combination(
        "a canary of a share and of a number",
        {f"{E0}update": {"strategy": "canary", "stepPercent": 10, "stepInstances": 1}},
        f"{E0}update.strategy",
        "needs exactly one of stepPercent and stepInstances",
        f"{API}CapacitySize.html",
    ),
    Combination(
        "steps of what goes all at once",
        {f"{E0}update": {"stepPercent": 10}},
        f"{E0}update.strategy",
        "has no steps",
        f"{API}TrafficRoutingConfig.html",
    ),
    Combination(
        "an old fleet that is kept where batches replace it",
        {f"{E0}update": {"strategy": "rolling", "stepPercent": 10, "terminationWaitSeconds": 60}},
        f"{E0}update.terminationWaitSeconds",
        "is for blue/green",
        f"{API}RollingUpdatePolicy.html",
    ),
    Combination(
        "waits that are longer than the whole update may take",
        {f"{E0}update": {"strategy": "linear", "stepPercent": 10, "waitSeconds": 300, "maximumSeconds": 3000}},
        f"{E0}update.maximumSeconds",
        "is no longer than the waits of an update",
        f"{API}BlueGreenUpdatePolicy.html",
    ),
    Combination(
        "a canary on Inferentia 1",
        {f"{E0}instanceType": "ml.inf1.xlarge", f"{E0}update": {"strategy": "canary", "stepPercent": 10}},
        f"{E0}update.strategy",
        "which AWS updates all at once",
        f"{DOCS}sagemaker/latest/dg/deployment-guardrails-exclusions.html",
    ),
    Combination(
        "a rolling update of several variants",
        {f"{E0}variants": TWO, f"{E0}update": {"strategy": "rolling", "stepPercent": 10}},
        f"{E0}update.strategy",
        "is not to be had for several variants",
        f"{DOCS}sagemaker/latest/dg/deployment-guardrails-exclusions.html",
    ),
    Combination(
        "two variants of one name",
        {f"{E0}variants": [TWO[0], TWO[0]]},
        f"{E0}variants[1].name",
        "is the name of variants[0] too",
        f"{API}CreateEndpointConfig.html",
    ),
    Combination(
        "a variant's name with an underscore",
        {f"{E0}variants": [{**TWO[0], "name": "green_1"}]},
        f"{E0}variants[0].name",
        "letters, digits and inner hyphens",
        f"{API}ProductionVariant.html",
    ),
    Combination(
        "eleven variants",
        {f"{E0}variants": [{**TWO[0], "name": f"v{number}"} for number in range(11)]},
        f"{E0}variants",
        "at most 10 items",
        f"{API}CreateEndpointConfig.html",
    ),
    Combination(
        "more alarms than roll an update back",
        {f"{E0}variants": [{**TWO[0], "name": f"v{number}"} for number in range(6)]},
        f"{E0}variants",
        "with 12 alarms that roll an update back, and AWS takes 10",
        f"{API}AutoRollbackConfig.html",
    ),
    Combination(
        "weights that send nobody anywhere",
        {f"{E0}variants": [{**each, "weight": 0} for each in TWO]},
        f"{E0}variants",
        "no call would reach a model",
        f"{API}ProductionVariant.html",
    ),
    Combination(
        "an asynchronous endpoint of two variants",
        {**ASYNC, f"{E0}variants": TWO},
        f"{E0}variants",
        "an asynchronous endpoint takes one",
        f"{DOCS}sagemaker/latest/dg/async-inference-create-endpoint.html",
    ),
    Combination(
        "answers part by part, and later",
        {**ASYNC, f"{E0}streaming": True},
        f"{E0}streaming",
        "an asynchronous endpoint's answers come whole",
        f"{DOCS}sagemaker/latest/dg/async-inference.html",
    ),
    Combination(
        "scaling of a queue by calls a minute",
        {**ASYNC, f"{E0}scaling.invocationsPerInstance": 100},
        f"{E0}scaling.invocationsPerInstance",
        "scales by asynchronous.backlogPerInstance",
        f"{DOCS}sagemaker/latest/dg/async-inference-monitor.html",
    ),
    Combination(
        "a front door before a queue",
        {**ASYNC, "frontDoor": front_door()},
        f"{E0}name",
        "can't be called through the front door",
        f"{DOCS}apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html",
    ),
    Combination(
        "a certificate of another region",
        {"frontDoor": front_door(certificateArn=f"arn:aws:acm:eu-west-1:{ACCOUNT}:certificate/0a1b2c3d")},
        "frontDoor.certificateArn",
        "API Gateway takes certificates of its own region only",
        f"{DOCS}apigateway/latest/developerguide/apigateway-private-custom-domains.html",
    ),
    Combination(
        "an authorizer of another region",
        {
            "frontDoor": front_door(
                authorizer=AUTHORIZER | {"functionArn": AUTHORIZER["functionArn"].replace("us-east-1", "eu-west-1")}
            )
        },
        "frontDoor.authorizer.functionArn",
        "is not in us-east-1, where the stack's API asks it",
        f"{DOCS}apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html",
    ),
    Combination(
        "an authorizer of a load balancer",
        balanced({"authorizer": AUTHORIZER}),
        "frontDoor.authorizer",
        "is about the API, in whose place there is a load balancer",
        f"{DOCS}elasticloadbalancing/latest/application/listener-authenticate-users.html",
    ),
    Combination(
        "a web ACL of another region",
        {"frontDoor": front_door(webAclArn=WEB_ACL.replace("us-east-1", "eu-west-1"))},
        "frontDoor.webAclArn",
        "API Gateway takes web ACLs of its own region only",
        f"{DOCS}waf/latest/developerguide/how-aws-waf-works-resources.html",
    ),
    Combination(
        "a forwarder that can't be loaded",
        {"frontDoor": balanced()["frontDoor"]},
        "frontDoor.loadBalancer.forwarder",
        "add ecr.api, ecr.dkr, logs to privateAccess.interfaceEndpoints",
        f"{DOCS}AmazonECR/latest/userguide/vpc-endpoints.html",
    ),
    Combination(
        "a front door and a FIPS endpoint",
        {"frontDoor": front_door(), "privateAccess.fips": True},
        "frontDoor.domainName",
        "can't be had with privateAccess.fips",
        f"{DOCS}apigateway/latest/developerguide/api-gateway-api-integration-types.html",
    ),
    Combination(
        "a network larger than a VPC",
        {"network.cidr": "10.0.0.0/15"},
        "network.cidr",
        "a VPC is a /16 to a /28",
        f"{DOCS}vpc/latest/userguide/vpc-cidr-blocks.html",
    ),
    Combination(
        "sites that overlap the network",
        {"network.onPremises": {"cidrs": ["10.0.128.0/24"], "gatewayId": "vgw-0a1b2c3d"}},
        "network.onPremises.cidrs",
        "overlaps the VPC",
        f"{DOCS}vpc/latest/userguide/VPC_Route_Tables.html",
    ),
    Combination(
        "more rules than an ACL takes",
        {"network.naclRuleQuota": 41},
        "network.naclRuleQuota",
        "less than or equal to 40",
        f"{DOCS}vpc/latest/userguide/amazon-vpc-limits.html",
    ),
    Combination(
        "a retention that CloudWatch Logs doesn't know",
        {"security.logRetentionDays": 31},
        "security.logRetentionDays",
        "is not a retention of CloudWatch Logs",
        f"{DOCS}AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html",
    ),
    Combination(
        "a tag of AWS's own",
        {"tags": {"aws:team": "mine"}},
        "tags",
        "AWS keeps what begins with aws: for itself",
        f"{DOCS}tag-editor/latest/userguide/best-practices-and-strats.html",
    ),
    Combination(
        "a tag with a long key",
        {"tags": {"k" * 129: "a"}},
        "tags",
        "has a key of 129 characters; at most 128",
        f"{DOCS}tag-editor/latest/userguide/best-practices-and-strats.html",
    ),
    Combination(
        "a tag with a semicolon",
        {"tags": {"team": "a;b"}},
        "tags",
        "a tag takes letters, digits, spaces and",
        f"{DOCS}tag-editor/latest/userguide/best-practices-and-strats.html",
    ),
    Combination(
        "more tags than a resource takes",
        {"tags": {f"k{number}": "a" for number in range(46)}},
        "tags",
        "has 46 tags; beside the stack's own 45 are allowed",
        f"{DOCS}tag-editor/latest/userguide/best-practices-and-strats.html",
    ),
    Combination(
        "a key for volumes of another region",
        {"accountGuards.ebsDefaultKeyArn": f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"},
        "accountGuards.ebsDefaultKeyArn",
        "Amazon EBS takes keys of its own region only",
        f"{DOCS}ebs/latest/userguide/ebs-encryption-requirements.html",
    ),
    Combination(
        "a caller of another account without an external id's form",
        {"callers": [foreigner(externalId="a b")]},
        "callers[0].externalId",
        "is not an external id",
        f"{DOCS}STS/latest/APIReference/API_AssumeRole.html",
    ),
]


@pytest.mark.parametrize("case", COMBINATIONS, ids=[case.title for case in COMBINATIONS])
def test_what_aws_refuses_is_one_clear_error(case: Combination, archive: Path) -> None:
    (said,) = problems(stack(archive, case.given))
    assert said.startswith(f"{PROJECT}:{case.key}: ")
    assert case.says in said
    assert case.source.startswith(DOCS)


def test_there_are_sixty_of_them() -> None:
    assert len({case.title for case in COMBINATIONS}) + len(list(limits())) >= 60
