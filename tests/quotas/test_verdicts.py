"""Whether a need fits, by what an account says of itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto.servicequotas.resources.default_quotas.vpc import VPC_DEFAULT_QUOTAS

from private_inference.quotas import published, refresh
from private_inference.quotas.account import Allowances
from private_inference.quotas.needs import Need
from private_inference.quotas.published import instances_of, quota
from private_inference.quotas.verdicts import Allowance, Verdict, judge
from private_inference.rehearsal.embedded_aws import EmbeddedAws

VPCS, RULES, TRAILS = quota("L-F678F1CE"), quota("L-0EA8095F"), quota("L-1568E18E")
REGION = "eu-west-1"


@pytest.mark.parametrize(
    ("need", "allowance", "deployed", "live", "verdict"),
    [
        (Need(VPCS, 1), Allowance(5), False, False, Verdict.FITS),
        (Need(VPCS, 1), Allowance(5, used=4), False, True, Verdict.FITS),
        (Need(VPCS, 1), Allowance(5, used=5), False, True, Verdict.EXCEEDS),
        (Need(VPCS, 1), Allowance(5, used=5), True, True, Verdict.FITS),
        (Need(VPCS, 1), Allowance(5, used=6), True, True, Verdict.EXCEEDS),
        (Need(VPCS, 1), Allowance(5), False, True, Verdict.UNCHECKED),
        (Need(VPCS, 6), Allowance(5), False, True, Verdict.EXCEEDS),
        (Need(VPCS, 1), Allowance(None), False, True, Verdict.UNCHECKED),
        (Need(RULES, 60), Allowance(60), False, True, Verdict.FITS),
        (Need(RULES, 61), Allowance(60), False, True, Verdict.EXCEEDS),
    ],
)
def test_verdicts(need: Need, allowance: Allowance, deployed: bool, live: bool, verdict: Verdict) -> None:
    assert judge(need, allowance, deployed=deployed, live=live).verdict is verdict


def test_a_remedy_asks_for_all_that_is_needed_where_the_quota_is() -> None:
    line = judge(Need(VPCS, 2), Allowance(5, used=5), deployed=False, live=True)
    assert line.remedy(REGION).endswith(
        f"--region {REGION} --service-code vpc --quota-code {VPCS.code} --desired-value 7"
    )
    of_iam = judge(Need(quota("L-FE177D64"), 2), Allowance(1000, used=999), deployed=False, live=True)
    assert "--region us-east-1 " in of_iam.remedy(REGION)
    fixed = judge(Need(TRAILS, 6), Allowance(5), deployed=False, live=False)
    assert "request-service-quota-increase" not in fixed.remedy(REGION)


def test_the_defaults_of_a_vpc_are_those_of_moto() -> None:
    """moto ships AWS's own answer for this service."""
    answered = {each["QuotaCode"]: each for each in VPC_DEFAULT_QUOTAS}
    ours = [each for each in published.read()["quotas"] if each["service"] == "vpc"]
    assert [(each["name"], each["default"]) for each in ours] == [
        (answered[each["code"]]["QuotaName"], answered[each["code"]]["Value"]) for each in ours
    ]


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(REGION) as embedded:
        yield embedded


def test_an_account_with_five_vpcs_has_no_room_for_another(aws: EmbeddedAws) -> None:
    for number in range(4):  # beside the default one
        aws.client("ec2").create_vpc(CidrBlock=f"10.{number}.0.0/16")
    allowance = Allowances(aws.client).of(VPCS)
    assert (allowance.allowed, allowance.used) == (5, 5)
    assert judge(Need(VPCS, 1), allowance, deployed=False, live=True).verdict is Verdict.EXCEEDS


def test_what_service_quotas_does_not_answer_is_unchecked(aws: EmbeddedAws) -> None:
    """The embedded AWS has the quotas of VPCs only."""
    for asked in (instances_of("ml.m5.large"), TRAILS):
        allowance = Allowances(aws.client).of(asked)
        assert allowance.allowed is None
        assert "could not be asked" in judge(Need(asked, 1), allowance, deployed=False, live=True).remedy(REGION)


class Stubs:
    """Clients that answer what they were given, in its order, and fail for anything else."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._stubbers: dict[str, Stubber] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            session: Any = boto3.Session("key", "secret")
            made = session.client(service, region_name=REGION)
            self._clients[service], self._stubbers[service] = made, Stubber(made)
            self._stubbers[service].activate()
        return self._clients[service]

    def answers(self, service: str, operation: str, answer: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        self(service)
        self._stubbers[service].add_response(operation, dict(answer), dict(asked))

    def refuses(self, service: str, operation: str, code: str) -> None:
        self(service)
        self._stubbers[service].add_client_error(operation, code)


METRIC = {
    "MetricNamespace": "AWS/Usage",
    "MetricName": "ResourceCount",
    "MetricDimensions": {"Service": "SageMaker"},
    "MetricStatisticRecommendation": "Maximum",
}
ASKED = {"ServiceCode": TRAILS.service, "QuotaCode": TRAILS.code}


def test_the_quota_of_an_instance_type_is_found_by_its_name_with_its_usage() -> None:
    stubs, other = Stubs(), {"QuotaName": "ml.p5.48xlarge for endpoint usage", "QuotaCode": "L-2", "Value": 0.0}
    found = {"QuotaName": "ml.m5.large for endpoint usage", "QuotaCode": "L-1", "Value": 20.0, "UsageMetric": METRIC}
    every = {"ServiceCode": "sagemaker"}
    stubs.answers("service-quotas", "list_service_quotas", {"Quotas": [other], "NextToken": "t"}, every)
    stubs.answers("service-quotas", "list_service_quotas", {"Quotas": [found]}, every | {"NextToken": "t"})
    points = {"Datapoints": [{"Maximum": 4.0}, {"Maximum": 9.0}]}
    asked = {
        "Namespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "Dimensions": [{"Name": "Service", "Value": "SageMaker"}],
        "StartTime": ANY,
        "EndTime": ANY,
        "Period": 3600,
        "Statistics": ["Maximum"],
    }
    stubs.answers("cloudwatch", "get_metric_statistics", points, asked)
    allowance = Allowances(stubs).of(instances_of("ml.m5.large"))
    assert allowance == Allowance(20, 9, "L-1")


def test_a_quota_that_was_never_applied_has_its_default() -> None:
    stubs = Stubs()
    stubs.refuses("service-quotas", "get_service_quota", "NoSuchResourceException")
    stubs.answers(
        "service-quotas", "get_aws_default_service_quota", {"Quota": {"QuotaCode": TRAILS.code, "Value": 5.0}}, ASKED
    )
    stubs.answers("cloudtrail", "list_trails", {"Trails": [{"Name": "a"}, {"Name": "b"}]}, {})
    assert Allowances(stubs).of(TRAILS) == Allowance(5, 2, TRAILS.code)


def test_usage_that_may_not_be_read_leaves_the_quota_unchecked() -> None:
    stubs = Stubs()
    answer = {"Quota": {"QuotaCode": TRAILS.code, "Value": 5.0}}
    stubs.answers("service-quotas", "get_service_quota", answer, ASKED)
    stubs.refuses("cloudtrail", "list_trails", "AccessDeniedException")
    line = judge(Need(TRAILS, 1), Allowances(stubs).of(TRAILS), deployed=False, live=True)
    assert line.verdict is Verdict.UNCHECKED
    assert "AccessDeniedException" in line.remedy(REGION)


def test_a_refresh_takes_what_service_quotas_says_and_keeps_the_rest() -> None:
    stubs, content = Stubs(), published.read()
    kept = [each for each in content["quotas"] if each["default"] is None or not each["code"].startswith("L-")]
    (trails,) = [each for each in content["quotas"] if each["code"] == TRAILS.code]
    answered = {"QuotaName": "Trails", "Value": 9.0, "Adjustable": True}
    stubs.answers("service-quotas", "get_aws_default_service_quota", {"Quota": answered}, ASKED)
    found = refresh.refreshed({**content, "quotas": [*kept, trails]}, stubs("service-quotas"))
    assert found["quotas"] == [*kept, trails | {"name": "Trails", "default": 9.0, "adjustable": True}]


def test_the_file_is_as_a_refresh_writes_it() -> None:
    assert refresh.written(published.read()) == published.FILE.read_text(encoding="utf-8")
