"""What AWS's services do by themselves, if a stack's permissions let them: VPC Flow Logs and CloudWatch alarms."""

import json
from typing import Any

from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend
from moto.logs.models import logs_backends
from moto.sns.models import sns_backends

from private_inference.rehearsal.fleet_needs import Key
from private_inference.rehearsal.patches.fleet_facts import find_key, find_role
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.service_needs import LogGroup, Topic, delivers, publication_error


@patch(EC2Backend, "describe_flow_logs")
def flow_log_delivery(original: Any, backend: Any, *given: Any, **asked: Any) -> Any:
    """DescribeFlowLogs says FAILED and "Access error" where the delivery role, or the log group's key, refuses.

    Source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-troubleshooting.html.
    """
    found = original(backend, *given, **asked)
    for log in found:
        if log.log_destination_type == "cloud-watch-logs":
            group = _log_group(backend, log.log_group_name or log.log_destination)
            well = delivers(find_role(backend, log.deliver_logs_permission_arn), group)
            log.deliver_logs_status = "SUCCESS" if well else "FAILED"
            log.deliver_logs_error_message = None if well else "Access error"
    return found


def _log_group(backend: Any, named: str) -> LogGroup | None:
    """A log group, by its name or ARN."""
    name = named.rpartition(":log-group:")[2].removesuffix(":*")
    group = logs_backends[backend.account_id][backend.region_name].groups.get(name)
    if group is None:
        return None
    arn = f"arn:{backend.partition}:logs:{backend.region_name}:{backend.account_id}:log-group:{name}"
    return LogGroup(arn, used_key(backend, group.kms_key_id))


def topic_of(backend: Any, arn: str) -> Topic | None:
    """A topic, its policy and its key; None if there is none."""
    found = sns_backends[backend.account_id][backend.region_name].topics.get(arn)
    return Topic(arn, json.loads(found.policy), used_key(backend, found.kms_master_key_id)) if found else None


def used_key(backend: Any, named: str | None) -> Key | None:
    """The key of a name; one that is not there, or AWS's own, lets no service of another name use it."""
    if not named:
        return None
    key = None if "alias/aws/" in named else find_key(backend, named)
    if key is None:
        return Key(named, {}, enabled=False)
    return Key(key.arn, json.loads(key.policy), key.key_state == "Enabled")


@patch(CloudWatchBackend, "set_alarm_state")
def alarm_actions(original: Any, backend: Any, alarm_name: str, *given: Any, **asked: Any) -> None:
    """SetAlarmState has a state that changes published to the alarm's topics, where they and their keys let it.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html.
    """
    before = getattr(backend.alarms.get(alarm_name), "state_value", None)
    original(backend, alarm_name, *given, **asked)
    alarm = backend.alarms[alarm_name]
    if alarm.state_value == before:
        return
    _note(alarm, "StateUpdate", f"Alarm updated from {before} to {alarm.state_value}")
    actions = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}.get(
        alarm.state_value, alarm.insufficient_data_actions
    )
    for arn in actions if alarm.actions_enabled else []:
        if ":sns:" in arn:
            _publish(backend, alarm, arn)


def _publish(backend: Any, alarm: Any, arn: str) -> None:
    error = publication_error(alarm.alarm_arn, topic_of(backend, arn), arn)
    if error:
        _note(alarm, "Action", f'Failed to execute action {arn}. Received error: "{error}"')
        return
    told = {"AlarmName": alarm.name, "NewStateValue": alarm.state_value, "NewStateReason": alarm.state_reason}
    found = sns_backends[backend.account_id][backend.region_name].topics[arn]
    found.publish(json.dumps(told), subject=f"{alarm.state_value}: {alarm.name}"[:100])
    _note(alarm, "Action", f"Successfully executed action {arn}")


def _note(alarm: Any, kind: str, summary: str) -> None:
    item = {"AlarmName": alarm.name, "Timestamp": utcnow(), "HistoryItemType": kind, "HistorySummary": summary}
    alarm.__dict__.setdefault("told", []).append(item)


@patch(CloudWatchResponse, "describe_alarm_history")
def alarm_history(original: Any, response: Any) -> Any:
    """DescribeAlarmHistory tells changes of state, and what became of their actions, the newest first.

    moto lacks the call. Source:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html.
    """
    name, kind = response._get_param("AlarmName"), response._get_param("HistoryItemType")
    alarms = response.cloudwatch_backend.alarms
    told = [item for each in alarms.values() for item in getattr(each, "told", []) if name in (None, each.name)]
    wanted = [item for item in told if kind in (None, item["HistoryItemType"])]
    return ActionResult({"AlarmHistoryItems": wanted[::-1]})
