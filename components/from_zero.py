"""Starts the first one where none runs: a target of load for each is missed only by what is there to be loaded."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.variant import INVOCATION_METRICS

_Step = aws.appautoscaling.PolicyStepScalingPolicyConfigurationArgs
_Adjustment = aws.appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs


def start_from_zero(
    name: str,
    target: aws.appautoscaling.Target,
    *,
    metric: str,
    dimensions: Mapping[str, str],
    statistic: str,
    minutes: int,
    cooldown: int,
    said: str,
    opts: pulumi.ResourceOptions,
) -> None:
    """The policy `NAME-from-zero` of a scaling target, and the alarm that it follows.

    The alarm is on as soon as `metric` is 1 or more in so many `minutes`; `cooldown` is in seconds.
    """
    one_more = _Adjustment(metric_interval_lower_bound="0", scaling_adjustment=1)
    policy = aws.appautoscaling.Policy(
        f"{name}-from-zero",
        policy_type="StepScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        step_scaling_policy_configuration=_Step(
            adjustment_type="ChangeInCapacity",
            metric_aggregation_type="Average",
            cooldown=cooldown,
            step_adjustments=[one_more],
        ),
        opts=opts,
    )
    aws.cloudwatch.MetricAlarm(
        f"{name}-from-zero",
        alarm_description=said,
        namespace=INVOCATION_METRICS,
        metric_name=metric,
        statistic=statistic,
        period=60,
        evaluation_periods=minutes,
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=1,
        treat_missing_data="missing",
        dimensions=dimensions,
        alarm_actions=[policy.arn],
        opts=opts,
    )
