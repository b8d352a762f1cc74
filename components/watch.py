"""Alarms of one subject: each notifies a topic, and one sums them all up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True)
class Watch:
    """Whose alarms are made, and whom they notify when they go off and when they end."""

    name: str
    """Of the subject, with which the alarms' names begin."""
    topic_arn: pulumi.Input[str]
    parent: pulumi.Resource

    def alarm(
        self,
        subject: str,
        description: str,
        threshold: float,
        *,
        comparison: str = "GreaterThanOrEqualToThreshold",
        periods: int = 1,
        missing: str = "notBreaching",
        **metric: Any,
    ) -> aws.cloudwatch.MetricAlarm:
        """An alarm on a metric, or on metric queries."""
        return aws.cloudwatch.MetricAlarm(
            f"{self.name}-{subject}",
            alarm_description=description,
            comparison_operator=comparison,
            threshold=threshold,
            evaluation_periods=periods,
            treat_missing_data=missing,
            **self._actions(),
            **metric,
            opts=pulumi.ResourceOptions(parent=self.parent),
        )

    def sum_up(self, label: str, alarms: Sequence[aws.cloudwatch.MetricAlarm]) -> None:
        """One state for the subject: an alarm as long as any of its alarms is one.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html (AlarmRule)
        """
        any_of_them = pulumi.Output.all(*(alarm.name for alarm in alarms)).apply(
            lambda names: " OR ".join(f'ALARM("{name}")' for name in names)
        )
        aws.cloudwatch.CompositeAlarm(
            self.name,
            alarm_name=f"{label}-any",
            alarm_description=f"At least one alarm of {label} is on",
            alarm_rule=any_of_them,
            **self._actions(),
            opts=pulumi.ResourceOptions(parent=self.parent),
        )

    def _actions(self) -> dict[str, Any]:
        return {"alarm_actions": [self.topic_arn], "ok_actions": [self.topic_arn]}
