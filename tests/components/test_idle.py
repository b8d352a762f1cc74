"""What scaling does when nobody calls, by a model of CloudWatch's alarms and the program's own scaling policies."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloudwatch import State, Tracking, alarm, expression
from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal

DAY = 24 * 60
INVOCATIONS, CPU = ("AWS/SageMaker", "InvocationsPerInstance"), ("/aws/sagemaker/Endpoints", "CPUUtilization")
IDLE_CPU = 3.0


@pytest.fixture(scope="module")
def stack(archive: Path) -> Recorded:
    scaling = {"invocationsPerInstance": 600, "cpuPercent": 60}
    return record(stack_config(minimal(archive, endpoints=[endpoint(archive, scaling=scaling)])))


def configurations(stack: Recorded) -> dict[str, Mapping[str, Any]]:
    """By policy, what the program registers."""
    policies = stack.all("aws:appautoscaling/policy:Policy")
    return {policy.name: policy.properties["targetTrackingScalingPolicyConfiguration"] for policy in policies}


def bounds(stack: Recorded) -> tuple[int, int]:
    target = stack.one("aws:appautoscaling/target:Target").properties
    return target["minCapacity"], target["maxCapacity"]


def simulate(
    policies: Sequence[Mapping[str, Any]],
    limits: tuple[int, int],
    instances: int,
    load: Callable[[int], float],
    minutes: int,
    *,
    late: int = 0,
) -> int:
    """How many instances run after some minutes of `load` (invocations a minute); datapoints come `late` minutes late.

    SageMaker sends a value with each request, so a minute without one has no datapoint; instances always have a CPU.
    One instance is added or removed at a time, five minutes apart.
    """
    tracking = Tracking(policies)
    invocations: dict[int, float] = {}
    cpu: dict[int, float] = {}
    ready = 0
    for now in range(minutes):
        measured = now - late
        if load(measured):
            invocations[measured] = load(measured) / instances
        cpu[measured] = IDLE_CPU
        change = tracking.decide({INVOCATIONS: invocations, CPU: cpu}, now) if now >= ready else 0
        if change:
            instances = min(max(instances + change, limits[0]), limits[1])
            ready = now + 5
    return instances


def silence(_: int) -> float:
    return 0


def test_after_a_day_of_silence_the_least_instances_are_left(stack: Recorded) -> None:
    least, _ = bounds(stack)
    assert simulate(list(configurations(stack).values()), bounds(stack), 7, silence, DAY) == least


def test_the_predefined_metric_alone_would_keep_them_all(stack: Recorded) -> None:
    plain = {name: each for name, each in configurations(stack).items() if name != "triage-idle"}
    plain["triage-invocations"] = {**plain["triage-invocations"], "disableScaleIn": False}
    assert simulate(list(plain.values()), bounds(stack), 7, silence, DAY) == 7


@pytest.mark.parametrize("late", [0, 1, 3])
def test_load_adds_instances_even_where_datapoints_are_late(late: int, stack: Recorded) -> None:
    policies = list(configurations(stack).values())
    assert simulate(policies, bounds(stack), 2, lambda _: 4000, 120, late=late) == 7


def test_filled_zeros_alone_would_never_add_where_datapoints_are_late(stack: Recorded) -> None:
    """Why the metric without zeros is kept beside the one with them."""
    filled = [each for name, each in configurations(stack).items() if name != "triage-invocations"]
    assert simulate(filled, bounds(stack), 2, lambda _: 4000, 120, late=1) == 2


def test_load_at_the_target_leaves_the_instances_alone(stack: Recorded) -> None:
    policies = list(configurations(stack).values())
    assert simulate(policies, bounds(stack), 5, lambda _: 5 * 570, DAY) == 5


def test_a_call_now_and_then_keeps_no_instances(stack: Recorded) -> None:
    least, _ = bounds(stack)
    policies = list(configurations(stack).values())
    assert simulate(policies, bounds(stack), 7, lambda minute: 1 if minute % 60 == 0 else 0, DAY) == least


def test_instances_whose_cpu_is_not_known_are_not_removed(stack: Recorded) -> None:
    tracking = Tracking(list(configurations(stack).values()))
    assert tracking.decide({INVOCATIONS: {}, CPU: {}}, DAY) == 0
    assert tracking.decide({INVOCATIONS: {}, CPU: dict.fromkeys(range(DAY + 1), IDLE_CPU)}, DAY) == -1


# The model itself


def test_the_model_of_metric_math() -> None:
    series = {"a": {1: 4.0}, "b": {1: 2.0, 2: 8.0}}
    assert expression("FILL(a, 0)", series, [1, 2]) == {1: 4, 2: 0}
    assert expression("a + b", series, [1, 2]) == {1: 6}
    assert expression("FILL(a, 0) / b", series, [1, 2]) == {1: 2, 2: 0}
    with pytest.raises(ValueError, match="does not know"):
        expression("SEARCH(a)", series, [1])


def test_the_model_of_alarms() -> None:
    def above(value: float) -> bool:
        return value > 1

    assert alarm({}, 10, 3, above) is State.INSUFFICIENT_DATA
    assert alarm({8: 2, 9: 2, 10: 2}, 10, 3, above) is State.ALARM
    assert alarm({7: 2, 8: 2, 9: 2}, 10, 3, above) is State.ALARM
    assert alarm({9: 2, 10: 2}, 10, 3, above) is State.OK
    assert alarm({8: 2, 9: 0, 10: 2}, 10, 3, above) is State.OK
