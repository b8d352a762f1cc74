"""What scaling does when nobody calls, by the rehearsal's model of alarms and the program's own scaling policies."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from botocore.session import get_session

from private_inference.rehearsal.alarm_states import Metrics, State, expression, state
from private_inference.rehearsal.requests import request
from private_inference.rehearsal.target_tracking import Policy, follow, tracking_alarms, wanted
from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal

DAY = 24 * 60
VARIANT = ("triage", "AllTraffic")
DIMENSIONS = frozenset({("EndpointName", "triage"), ("VariantName", "AllTraffic")})
INVOCATIONS = ("AWS/SageMaker", "InvocationsPerInstance", DIMENSIONS)
CPU = ("/aws/sagemaker/Endpoints", "CPUUtilization", DIMENSIONS)


@pytest.fixture(scope="module")
def stack(archive: Path) -> Recorded:
    scaling = {"invocationsPerInstance": 600, "cpuPercent": 60}
    return record(stack_config(minimal(archive, endpoints=[endpoint(archive, scaling=scaling)])))


@pytest.fixture(scope="module")
def policies(stack: Recorded) -> dict[str, Policy]:
    """By its name, each policy that the program registers, in the form in which AWS has it."""
    client = get_session().create_client("application-autoscaling", region_name="us-east-1")
    key = "targetTrackingScalingPolicyConfiguration"
    found = {}
    for each in stack.all("aws:appautoscaling/policy:Policy"):
        asked = request(client, "put_scaling_policy", {key: each.properties[key]})
        found[each.name] = policy(each.name, asked["TargetTrackingScalingPolicyConfiguration"])
    return found


def policy(name: str, configuration: dict[str, object]) -> Policy:
    return Policy(name, configuration, *tracking_alarms(configuration, "endpoint/{}/variant/{}".format(*VARIANT)))


@pytest.fixture(scope="module")
def bounds(stack: Recorded) -> tuple[int, int]:
    target = stack.one("aws:appautoscaling/target:Target").properties
    return target["minCapacity"], target["maxCapacity"]


Instances = Callable[..., int]


@pytest.fixture
def instances(bounds: tuple[int, int]) -> Instances:
    """How many instances there are after some minutes of a load."""

    def after(by: dict[str, Policy], start: int, load: Callable[[int], float], minutes: int, late: int = 0) -> int:
        return follow(list(by.values()), VARIANT, start, load, minutes, bounds=bounds, late=late)[0]

    return after


def silence(_: int) -> float:
    return 0


def test_after_a_day_of_silence_the_least_instances_are_left(
    policies: dict[str, Policy], bounds: tuple[int, int], instances: Instances
) -> None:
    assert instances(policies, 7, silence, DAY) == bounds[0]


def test_the_predefined_metric_alone_would_keep_them_all(
    policies: dict[str, Policy], bounds: tuple[int, int], instances: Instances
) -> None:
    plain = {name: each for name, each in policies.items() if name != "triage-idle"}
    adds = plain["triage-invocations"]
    plain["triage-invocations"] = replace(adds, configuration={**adds.configuration, "DisableScaleIn": False})
    assert instances(plain, 7, silence, DAY) == 7
    _, holding = follow(list(plain.values()), VARIANT, 7, silence, DAY, bounds=bounds)
    assert holding == {"triage-invocations": State.INSUFFICIENT_DATA}


@pytest.mark.parametrize("late", [0, 1, 3])
def test_load_adds_instances_even_where_datapoints_are_late(
    late: int, policies: dict[str, Policy], instances: Instances
) -> None:
    assert instances(policies, 2, lambda _: 4000, 120, late) == 7


def test_filled_zeros_alone_would_never_add_where_datapoints_are_late(
    policies: dict[str, Policy], instances: Instances
) -> None:
    """Why the metric without zeros is kept beside the one with them."""
    filled = {name: each for name, each in policies.items() if name != "triage-invocations"}
    assert instances(filled, 2, lambda _: 4000, 120, 1) == 2


def test_load_at_the_target_leaves_the_instances_alone(policies: dict[str, Policy], instances: Instances) -> None:
    assert instances(policies, 5, lambda _: 5 * 570, DAY) == 5


def test_a_call_now_and_then_keeps_no_instances(
    policies: dict[str, Policy], bounds: tuple[int, int], instances: Instances
) -> None:
    assert instances(policies, 7, lambda minute: 1 if minute % 60 == 0 else 0, DAY) == bounds[0]


def test_instances_whose_cpu_is_not_known_are_not_removed(policies: dict[str, Policy]) -> None:
    asked = list(policies.values())
    published: Metrics = {CPU: dict.fromkeys(range(DAY + 1), 3.0)}
    assert wanted(asked, {}, DAY) == 0
    assert wanted(asked, published, DAY) == -1


# The model itself


def test_the_model_of_metric_math() -> None:
    series = {"a": {1: 4.0}, "b": {1: 2.0, 2: 8.0}}
    assert expression("FILL(a, 0)", series, [1, 2]) == {1: 4, 2: 0}
    assert expression("a + b", series, [1, 2]) == {1: 6}
    assert expression("FILL(a, 0) / b", series, [1, 2]) == {1: 2, 2: 0}
    with pytest.raises(ValueError, match="does not know"):
        expression("SEARCH(a)", series, [1])


def test_the_model_of_alarms() -> None:
    limits = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "EvaluationPeriods": 3}
    alarm = {"AlarmName": "errors", "Namespace": "N", "MetricName": "M", **limits}

    def seen(points: dict[int, float]) -> State:
        return state(alarm, {("N", "M", frozenset()): points}, 10)

    assert seen({}) is State.INSUFFICIENT_DATA
    assert seen({8: 2, 9: 2, 10: 2}) is State.ALARM
    assert seen({7: 2, 8: 2, 9: 2}) is State.ALARM
    assert seen({9: 2, 10: 2}) is State.OK
    assert seen({8: 2, 9: 0, 10: 2}) is State.OK
    with pytest.raises(ValueError, match="errors: missing data as 'breaching' is not known here"):
        state({**alarm, "TreatMissingData": "breaching"}, {}, 10)


def test_an_alarm_sees_only_the_metric_of_its_own_dimensions(policies: dict[str, Policy]) -> None:
    other = frozenset({("EndpointName", "other"), ("VariantName", "AllTraffic")})
    low = policies["triage-cpu"].low
    assert state(low, {(*CPU[:2], other): dict.fromkeys(range(100), 3.0)}, 50) is State.INSUFFICIENT_DATA
