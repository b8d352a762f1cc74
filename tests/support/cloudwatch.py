"""A small model of how CloudWatch's alarms see metrics, and how target tracking acts on them, minute by minute.

It knows nothing of the program but what it finds in the properties of its scaling policies. Sources:

- missing data: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
- FILL and arithmetic: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
- who has to agree: https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
- three minutes above the target, fifteen below nine tenths of it: the alarms that target tracking makes
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

Series = Mapping[int, float]
"""Datapoints by minute; a minute without one is missing."""

Metrics = Mapping[tuple[str, str], Series]
"""Published datapoints by namespace and name of the metric."""

PREDEFINED = {"SageMakerVariantInvocationsPerInstance": ("AWS/SageMaker", "InvocationsPerInstance")}
LOOKED_BACK = 5
"""Minutes before the evaluated ones from which an alarm takes datapoints in place of missing ones."""


class State(Enum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


def expression(text: str, series: Mapping[str, Series], minutes: Sequence[int]) -> Series:
    """The value of a metric math expression of FILL, ids, numbers, `+` and `/`, over some minutes."""

    def value(node: ast.expr) -> Series:
        match node:
            case ast.Name(id=name):
                return {minute: series[name][minute] for minute in minutes if minute in series[name]}
            case ast.Constant(value=int() | float() as number):
                return dict.fromkeys(minutes, float(number))
            case ast.Call(func=ast.Name(id="FILL"), args=[filled, with_what]):
                return {**value(with_what), **value(filled)}
            case ast.BinOp(left=left, op=operator, right=right):
                return _both(value(left), value(right), _OPERATORS[type(operator)])
        raise ValueError(f"metric math that this model does not know: {ast.unparse(node)}")

    return value(ast.parse(text, mode="eval").body)


_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Div: lambda left, right: left / right,
}


def _both(left: Series, right: Series, operator: Callable[[float, float], float]) -> Series:
    return {minute: operator(left[minute], right[minute]) for minute in left if minute in right}


def tracked(configuration: Mapping[str, Any], metrics: Metrics, minutes: Sequence[int]) -> Series:
    """What a target-tracking configuration follows, as the resource's properties describe it."""
    if predefined := configuration.get("predefinedMetricSpecification"):
        return _of(metrics[PREDEFINED[predefined["predefinedMetricType"]]], minutes)
    custom = configuration["customizedMetricSpecification"]
    if "metrics" not in custom:
        return _of(metrics[custom["namespace"], custom["metricName"]], minutes)
    known: dict[str, Series] = {}
    for query in custom["metrics"]:
        if stat := query.get("metricStat"):
            known[query["id"]] = _of(metrics[stat["metric"]["namespace"], stat["metric"]["metricName"]], minutes)
    (returned,) = [query for query in custom["metrics"] if query["returnData"]]
    return expression(returned["expression"], known, minutes)


def _of(series: Series, minutes: Sequence[int]) -> Series:
    return {minute: series[minute] for minute in minutes if minute in series}


def alarm(series: Series, now: int, periods: int, breaches: Callable[[float], bool]) -> State:
    """An alarm that needs all of `periods` datapoints, and considers no missing one (the default)."""
    found = [series[minute] for minute in range(now - periods - LOOKED_BACK + 1, now + 1) if minute in series]
    if not found:
        return State.INSUFFICIENT_DATA
    newest = found[-periods:]
    return State.ALARM if len(newest) == periods and all(map(breaches, newest)) else State.OK


@dataclass(frozen=True)
class Tracking:
    """The target-tracking policies of a variant: the properties of each one's configuration."""

    configurations: Sequence[Mapping[str, Any]]

    def decide(self, metrics: Metrics, now: int) -> int:
        """1 to add instances, -1 to remove some, 0 to leave them."""
        if any(self._high(each, metrics, now) is State.ALARM for each in self.configurations):
            return 1
        removing = [each for each in self.configurations if not each.get("disableScaleIn")]
        return -1 if all(self._low(each, metrics, now) is State.ALARM for each in removing) else 0

    def _high(self, configuration: Mapping[str, Any], metrics: Metrics, now: int) -> State:
        target = configuration["targetValue"]
        return self._alarm(configuration, metrics, now, 3, lambda value: value > target)

    def _low(self, configuration: Mapping[str, Any], metrics: Metrics, now: int) -> State:
        target = configuration["targetValue"]
        return self._alarm(configuration, metrics, now, 15, lambda value: value < 0.9 * target)

    @staticmethod
    def _alarm(
        configuration: Mapping[str, Any], metrics: Metrics, now: int, periods: int, breaches: Callable[[float], bool]
    ) -> State:
        minutes = range(now - periods - LOOKED_BACK + 1, now + 1)
        return alarm(tracked(configuration, metrics, minutes), now, periods, breaches)
