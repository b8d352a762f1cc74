"""How a CloudWatch alarm sees its metric, minute by minute: what it makes of missing data, and metric math.

Alarms have the form of PutMetricAlarm's parameters and DescribeAlarms' answers. Sources:

- missing data: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
- FILL and arithmetic: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

Series = Mapping[int, float]
"""Datapoints by minute; a minute without one is missing."""

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""

Metrics = Mapping[Metric, Series]
"""What is published. A metric that is not there has no datapoint."""

LOOKED_BACK = 5
"""Minutes before the evaluated ones from which an alarm takes datapoints in place of missing ones."""

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class State(Enum):
    """An alarm's state, in CloudWatch's words."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


def state(alarm: Mapping[str, Any], metrics: Metrics, now: int) -> State:
    """The state at a minute of an alarm whose periods last one, and which considers no missing datapoint (the default).

    Raises ValueError for metric math and a treatment of missing data that this model does not know.
    """
    if alarm.get("TreatMissingData") not in (None, "missing"):
        raise ValueError(f"{alarm['AlarmName']}: missing data as {alarm['TreatMissingData']!r} is not known here")
    periods: int = alarm["EvaluationPeriods"]
    seen = watched(alarm, metrics, range(now - periods - LOOKED_BACK + 1, now + 1))
    newest = [value for _, value in sorted(seen.items())][-periods:]
    if not newest:
        return State.INSUFFICIENT_DATA
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    alarmed = len(newest) == periods and all(breaches(value, alarm["Threshold"]) for value in newest)
    return State.ALARM if alarmed else State.OK


def watched(alarm: Mapping[str, Any], metrics: Metrics, minutes: Sequence[int]) -> Series:
    """The datapoints of some minutes that an alarm evaluates: of its metric, or of its expression."""
    if not alarm.get("Metrics"):
        return _of(metrics, alarm, minutes)
    known = {
        query["Id"]: _of(metrics, query["MetricStat"]["Metric"], minutes)
        for query in alarm["Metrics"]
        if query.get("MetricStat")
    }
    (returned,) = [query for query in alarm["Metrics"] if query.get("ReturnData", True)]
    return expression(returned["Expression"], known, minutes) if "Expression" in returned else known[returned["Id"]]


def _of(metrics: Metrics, named: Mapping[str, Any], minutes: Sequence[int]) -> Series:
    dimensions = frozenset((each["Name"], each["Value"]) for each in named.get("Dimensions", []))
    series = metrics.get((named["Namespace"], named["MetricName"], dimensions), {})
    return {minute: series[minute] for minute in minutes if minute in series}


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
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
                return _both(value(left), value(right), _OPERATORS[type(sign)])
        raise ValueError(f"metric math that this model does not know: {ast.unparse(node)}")

    return value(ast.parse(text, mode="eval").body)


_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Div: operator.truediv,
}


def _both(left: Series, right: Series, combine: Callable[[float, float], float]) -> Series:
    return {minute: combine(left[minute], right[minute]) for minute in left if minute in right}
