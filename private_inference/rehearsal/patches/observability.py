"""Amazon CloudWatch, CloudWatch Logs and Amazon SNS."""

import re
from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import LogsBackend
from moto.sns.models import SNSBackend

from private_inference.rehearsal.patches.patch import patch


@patch(CloudWatchResponse, "put_composite_alarm")
def composite_alarm(original: Any, response: Any) -> Any:
    """PutCompositeAlarm keeps an alarm with a rule, and refuses a rule about alarms that don't exist.

    moto keeps such alarms and lacks the call. Source:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
    """
    named = re.findall(r"""(?:ALARM|OK|INSUFFICIENT_DATA)\(\s*["']?([^"')]+)""", response._get_param("AlarmRule"))
    missing = [name for name in named if name.rpartition(":")[2] not in response.cloudwatch_backend.alarms]
    if missing:
        names = ", ".join(missing)
        raise ValidationError(f"Could not save the composite alarm as alarms [{names}] in the alarm rule do not exist")
    return response.put_metric_alarm()


@patch(CloudWatchBackend, "tag_resource")
def insight_rules_have_tags(original: Any, backend: Any, arn: str, tags: dict[str, str]) -> None:
    """TagResource takes rules of Contributor Insights, too; moto takes alarms alone (API_TagResource)."""
    if arn in [rule.rule_arn for rule in backend.insight_rules.values()]:
        backend.tagger.tag_resource(arn, backend.tagger.convert_dict_to_tags_input(tags))
    else:
        original(backend, arn, tags)


@patch(LogsBackend, "put_metric_filter")
def metric_filter(
    original: Any, backend: Any, filter_name: str, filter_pattern: str, log_group_name: str, transformations: Any
) -> Any:
    """PutMetricFilter replaces the log group's filter of that name, and refuses a group that doesn't exist.

    Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
    """
    if log_group_name not in backend.groups:
        raise ResourceNotFoundException()
    backend.delete_metric_filter(filter_name, log_group_name)
    return original(backend, filter_name, filter_pattern, log_group_name, transformations)


@patch(SNSBackend, "subscribe")
def pending_confirmation(original: Any, backend: Any, topic_arn: str, endpoint: str, protocol: str) -> Any:
    """A subscription by e-mail waits until its owner confirms it (API_Subscribe)."""
    subscription = original(backend, topic_arn, endpoint, protocol)
    if protocol in ("email", "email-json"):
        subscription.attributes |= {"PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false"}
    return subscription
