"""Who is told of a KV cache that is nearly full, where the settings ask for it."""

import re
from collections.abc import Iterator
from functools import partial

from components.settings import EndpointSettings, label
from private_inference.verification.checks import AbsentError, Assertion, Result, equal, result
from private_inference.verification.controls import MONITORING
from private_inference.verification.deployed import Deployed
from private_inference.verification.logs import COMPONENTS, ENDPOINTS

ALARM = {
    "Statistic": "Sum",
    "Period": 300,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "EvaluationPeriods": 1,
    "TreatMissingData": "notBreaching",
    "ActionsEnabled": True,
}
LINE = "Running: 1 reqs, Waiting: 0 reqs, GPU KV cache usage: {}.0%, Prefix cache hit rate: 0.0%"
"""https://github.com/vllm-project/vllm/blob/main/vllm/v1/metrics/loggers.py (LoggingStatLogger)"""


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """One for the endpoint, and for each of its inference components, that has the setting."""
    asked = [(endpoint.name, ENDPOINTS, endpoint.kv_cache_percent)]
    asked += [(label(endpoint.name, each.name), COMPONENTS, each.kv_cache_percent) for each in endpoint.components]
    for name, place, percent in asked:
        if percent:
            claim = (
                f"{percent} % of the KV cache in use, as its log says, raise an alarm that tells the topic, both ways"
            )
            yield Assertion(name, claim, partial(_told, stack, f"{place}{name}", percent), controls=MONITORING)


def _told(stack: Deployed, log_group: str, percent: int) -> Result:
    asked = {"logGroupName": log_group}
    metrics = {
        (metric["metricNamespace"], metric["metricName"])
        for each in stack.aws.all("logs", "describe_metric_filters", "metricFilters", **asked)
        if _counts(each.get("filterPattern", ""), percent)
        for metric in each["metricTransformations"]
        if metric["metricValue"] == "1"
    }
    for alarm in stack.alarms[""]:
        if (alarm.get("Namespace"), alarm.get("MetricName")) in metrics:
            untold = [
                f"{kind} don't name the topic"
                for kind in ("AlarmActions", "OKActions")
                if stack.topic not in alarm.get(kind, [])
            ]
            found = equal(alarm, ALARM)
            return result(f"{alarm['AlarmName']}: {found.seen}", [*found.faults, *untold])
    raise AbsentError("no alarm is on a count of such lines")


def _counts(pattern: str, percent: int) -> bool:
    """Whether lines with so much in use count, and lines with less don't."""
    if not pattern.startswith("%"):
        return False
    counted = re.compile(pattern.strip("%"))
    return [bool(counted.search(LINE.format(each))) for each in (percent - 1, percent, 100)] == [False, True, True]
