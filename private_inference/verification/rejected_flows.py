"""Who is told of what the network rejects: what is counted in the flow logs, and the alarm on it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from private_inference.verification.checks import AbsentError, Assertion, Result, equal, equal_sets, result
from private_inference.verification.controls import MONITORING
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item
from private_inference.verification.logs import flow_log, flow_log_group_name

COUNTED = {"protocol=6, action=REJECT, tcp-flags=2", "protocol!=6, action=REJECT"}
"""Rejected requests for a TCP connection (its SYN flag alone), and whatever is not TCP.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html
"""

ALARM = {
    "Statistic": "Sum",
    "Period": 300,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 1,
    "TreatMissingData": "notBreaching",
    "ActionsEnabled": True,
}

Metric = tuple[str, str]
"""Namespace and name."""


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """What is rejected is counted, and an alarm on it tells the topic; or neither, where the settings say so."""
    if stack.existing and not stack.existing.flow_logs:
        return  # they are in its owner's logs
    rejected = partial(Assertion, "Rejected flows", controls=MONITORING)
    if stack.desired.settings.network.rejection_alarm_off_because:
        yield rejected("they raise no alarm, as set", lambda: _unwatched(stack))
        return
    limit = stack.desired.settings.network.rejected_flows
    claim = "connections and packets that the network rejects are counted, late packets of closed connections are not"
    yield rejected(claim, lambda: _counted(stack))
    yield rejected(f"{limit} in five minutes raise an alarm that tells the topic, both ways", lambda: _alarm(stack))


def _unwatched(stack: Deployed) -> Result:
    metrics = _metrics(stack)
    return equal_sets((each["AlarmName"] for each in stack.alarms[""] if _metric(each) in metrics), [])


def _counted(stack: Deployed) -> Result:
    counted = _metrics(stack)
    best = max(counted.values(), key=lambda found: (found == COUNTED, len(found & COUNTED)), default=set[str]())
    return equal_sets(best, COUNTED)


def _alarm(stack: Deployed) -> Result:
    counted = [metric for metric, found in _metrics(stack).items() if found == COUNTED]
    alarms = [alarm for alarm in stack.alarms[""] if _metric(alarm) in counted]
    if not alarms:
        raise AbsentError("no alarm is on their count")
    wanted = ALARM | {"Threshold": float(stack.desired.settings.network.rejected_flows)}
    found = [_told(stack, alarm, equal(alarm, wanted)) for alarm in alarms]
    return next((each for each in found if each.ok), found[0])


def _told(stack: Deployed, alarm: Item, found: Result) -> Result:
    untold = [kind for kind in ("AlarmActions", "OKActions") if stack.topic not in alarm.get(kind, [])]
    faults = [*found.faults, *(f"{kind} don't name the topic" for kind in untold)]
    return result(f"{alarm['AlarmName']}: {found.seen}", faults)


def _metric(alarm: Item) -> Metric:
    return alarm.get("Namespace", ""), alarm.get("MetricName", "")


def _metrics(stack: Deployed) -> Mapping[Metric, set[str]]:
    """What is counted in the flow logs, by the metric that it adds one to."""
    log = flow_log(stack)
    fields = re.findall(r"\$\{([a-z-]+)\}", log.get("LogFormat", ""))
    group = flow_log_group_name(log)
    found: dict[Metric, set[str]] = {}
    for each in stack.aws.all("logs", "describe_metric_filters", "metricFilters", logGroupName=group):
        for metric in each["metricTransformations"]:
            counted = _conditions(each.get("filterPattern", ""), fields)
            if metric["metricValue"] != "1":
                counted += f", as {metric['metricValue']}"
            found.setdefault((metric["metricNamespace"], metric["metricName"]), set()).add(counted)
    return found


def _conditions(pattern: str, fields: Sequence[str]) -> str:
    """What a pattern asks of a record, under the names that the flow log's format has for its fields.

    Other patterns than those for space-delimited events, and of other lengths, are told as they are.
    """
    terms = [term.strip() for term in pattern.removeprefix("[").removesuffix("]").split(",")]
    if not pattern.startswith("[") or len(terms) != len(fields):
        return pattern
    conditions = (re.sub(r"^\w+\s*", "", term).replace('"', "") for term in terms)
    return ", ".join(f"{field}{condition}" for field, condition in zip(fields, conditions, strict=True) if condition)
