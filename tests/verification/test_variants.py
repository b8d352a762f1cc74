"""`verify` looks at every variant of an endpoint: what is wrong with one is told of that one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.model import train
from private_inference.verification import Verdict
from tests.support.recording import stack_config
from tests.support.stacks import minimal, variant
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")

ENDPOINT, CANARY = "Endpoint triage", "Endpoint triage, variant canary"


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    """Two models that answer differently, the first nine calls in ten."""
    other = train.build(built.parent / "other", depth=5).artifact
    variants = [variant(built, "AllTraffic", weight=9), variant(other, "canary", instances={"max": 4})]
    with deployed(stack_config(minimal(built, endpoints=[{"name": "triage", "variants": variants}]))) as deployment:
        yield deployment


def _weighs(stack: Deployment, weight: float) -> None:
    change = {"VariantName": "canary", "DesiredWeight": weight}
    stack.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName="triage", DesiredWeightsAndCapacities=[change]
    )


def _scales(stack: Deployment, most: int) -> None:
    stack.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId="endpoint/triage/variant/canary",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=2,
        MaxCapacity=most,
    )


def test_each_variant_answers_with_its_own_models_predictions(stack: Deployment) -> None:
    checks = stack.verify()
    assert [f"{check.subject}: {check.seen}" for check in checks if check.verdict is not Verdict.OK] == []
    called = [check for check in checks if check.asked.startswith("answers sample.csv with the predictions")]
    assert [check.subject for check in called] == ["Endpoint triage, variant AllTraffic", CANARY]


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        (lambda stack: _weighs(stack, 5), lambda stack: _weighs(stack, 1), f"{ENDPOINT}: splits calls by weight"),
        (
            lambda stack: _scales(stack, 9),
            lambda stack: _scales(stack, 4),
            f"{CANARY}: scales between 2 and 4 instances",
        ),
    ],
    ids=["weight", "scaling"],
)
def test_what_is_wrong_with_a_variant_is_told(
    stack: Deployment, wrong: Callable[[Deployment], None], right: Callable[[Deployment], None], told: str
) -> None:
    wrong(stack)
    try:
        (failure,) = stack.failures()
    finally:
        right(stack)
    assert failure.startswith(told)


def test_an_alarm_of_one_variant_is_not_taken_for_the_others(stack: Deployment) -> None:
    cloudwatch = stack.client("cloudwatch")
    (alarm,) = cloudwatch.describe_alarms(AlarmNamePrefix="triage-canary-latency")["MetricAlarms"]
    kept = {key: value for key, value in alarm.items() if key in KEPT}
    cloudwatch.put_metric_alarm(**{**kept, "Threshold": 1.0})
    try:
        (failure,) = stack.failures()
    finally:
        cloudwatch.put_metric_alarm(**kept)
    assert failure == f"{CANARY}: alarms on answers, latencies, hardware and instances"


KEPT = (
    "AlarmName",
    "AlarmActions",
    "OKActions",
    "MetricName",
    "Namespace",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)
"""What PutMetricAlarm takes of what DescribeAlarms answers."""
