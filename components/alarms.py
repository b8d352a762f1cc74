"""The alarms of a production variant, and one that sums them up.

Metrics and their units: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.hardware_alarms import hardware_alarms
from components.settings import AsynchronousSettings
from components.variant import INVOCATION_METRICS, PERIOD_SECONDS, VariantArgs
from components.watch import Watch

MICROSECONDS = 1000
"""Microseconds in a millisecond; SageMaker reports latency in microseconds."""

PERIODS_AT_MAXIMUM = 3
"""A short peak that ends by itself wakes nobody."""


@dataclass(frozen=True, kw_only=True)
class VariantAlarmsArgs:
    """What to watch, and whom to notify."""

    variant: VariantArgs
    topic_arn: pulumi.Input[str]
    """The topic that is notified when an alarm goes off and when it ends."""
    asynchronous: AsynchronousSettings | None = None
    """Of its endpoint, if requests wait in a queue."""


class VariantAlarms(pulumi.ComponentResource):
    """Alarms on answers, latencies, hardware and the number of instances, each of which notifies the topic.

    They name the endpoint by its name, and exist before it: SageMaker looks at those in `rollback` during an update.
    """

    rollback: Sequence[aws.cloudwatch.MetricAlarm]
    """Server errors and the model's latency: what a bad update worsens. They say OK where nobody calls."""

    def __init__(self, name: str, args: VariantAlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:VariantAlarms", name, None, opts)
        self._args = args
        self._watch = Watch(name, args.topic_arn, self)
        self.rollback = [self._server_errors(), self._latency()]
        queued = args.asynchronous
        requests = self._queue(queued) if queued else [self._overhead(), *self._capacity(), *self._silence()]
        variant = args.variant
        hardware = hardware_alarms(
            self._watch, variant.settings.alarms, variant.dimensions, vcpus=variant.vcpus, gpus=variant.gpus
        )
        self._watch.sum_up(
            variant.label, [*self.rollback, self._client_errors(), *hardware, *requests, *self._loading()]
        )
        self.register_outputs({})

    def _server_errors(self) -> aws.cloudwatch.MetricAlarm:
        limit = self._args.variant.settings.alarms.server_errors
        said = f"At least {limit} answers with status 5XX in five minutes"
        return self._on_invocations("server-errors", said, "Invocation5XXErrors", limit, statistic="Sum")

    def _latency(self) -> aws.cloudwatch.MetricAlarm:
        limit = self._args.variant.settings.alarms.latency_ms
        said = f"The model takes {limit:g} ms or more for one request in twenty"
        return self._on_invocations("latency", said, "ModelLatency", limit * MICROSECONDS, extended_statistic="p95")

    def _client_errors(self) -> aws.cloudwatch.MetricAlarm:
        # A value of 0 or 1 comes with each answer, so the average is the share of errors.
        limit = self._args.variant.settings.alarms.client_error_percent
        said = f"{limit:g} % or more of the answers in five minutes have status 4XX"
        return self._on_invocations("client-errors", said, "Invocation4XXErrors", limit / 100, statistic="Average")

    def _overhead(self) -> aws.cloudwatch.MetricAlarm:
        limit = self._args.variant.settings.alarms.overhead_ms
        said = f"SageMaker adds {limit:g} ms or more to one request in twenty"
        return self._on_invocations("overhead", said, "OverheadLatency", limit * MICROSECONDS, extended_statistic="p95")

    def _queue(self, settings: AsynchronousSettings) -> list[aws.cloudwatch.MetricAlarm]:
        """Nobody waits for the answers, so nobody else would tell. The age is of the endpoint's queue.

        https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-monitor.html
        """
        limits, endpoint = settings.alarms, {"EndpointName": self._args.variant.endpoint}
        failed = f"At least {limits.failures} requests failed in five minutes"
        expired = f"At least {limits.expired} requests expired in the queue in five minutes"
        return [
            self._on_invocations("failures", failed, "InvocationFailures", limits.failures, statistic="Sum"),
            self._on_invocations("expired", expired, "ExpiredRequests", limits.expired, statistic="Sum"),
            self._watch.alarm(
                "oldest",
                f"The oldest request is {limits.oldest_seconds} s old or more",
                limits.oldest_seconds,
                namespace=INVOCATION_METRICS,
                metric_name="ApproximateAgeOfOldestRequest",
                statistic="Maximum",
                period=PERIOD_SECONDS,
                dimensions=endpoint,
            ),
        ]

    def _capacity(self) -> list[aws.cloudwatch.MetricAlarm]:
        """As many instances as scaling may start. None where the number never changes.

        No metric counts the instances. InvocationsPerInstance gets 1/n with each request that Invocations counts, so
        their quotient is n.
        """
        instances = self._args.variant.settings.instances
        if instances.min == instances.max:
            return []
        queries = [
            self._query("invocations", "Invocations"),
            self._query("share", "InvocationsPerInstance"),
            aws.cloudwatch.MetricAlarmMetricQueryArgs(
                id="instances", expression="invocations / share", label="Instances", return_data=True
            ),
        ]
        said = f"{instances.max} instances run, which is instances.max: scaling can't add another"
        # Half an instance below: the quotient of two sums of floating-point numbers is not whole.
        limit = instances.max - 0.5
        return [self._watch.alarm("capacity", said, limit, periods=PERIODS_AT_MAXIMUM, metric_queries=queries)]

    def _loading(self) -> list[aws.cloudwatch.MetricAlarm]:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoint-cloudwatch-metrics.html"""
        settings = self._args.variant.settings
        if not settings.model.models:
            return []
        limit = settings.alarms.model_loading_ms
        said = f"A call waited {limit:g} ms or more for its model to be loaded"
        metric = "ModelLoadingWaitTime"
        return [self._on_invocations("model-loading", said, metric, limit * MICROSECONDS, statistic="Maximum")]

    def _silence(self) -> list[aws.cloudwatch.MetricAlarm]:
        minutes = self._args.variant.settings.alarms.silent_minutes
        if minutes is None:
            return []
        return [
            self._on_invocations(
                "silence",
                f"Nobody has called for {minutes} minutes",
                "Invocations",
                1,
                statistic="Sum",
                comparison="LessThanThreshold",
                periods=minutes * 60 // PERIOD_SECONDS,
                missing="breaching",  # without a request there is no datapoint
            )
        ]

    def _query(self, identity: str, metric: str) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
        return aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=identity,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=INVOCATION_METRICS,
                metric_name=metric,
                period=PERIOD_SECONDS,
                stat="Sum",
                dimensions=self._args.variant.dimensions,
            ),
            return_data=False,
        )

    def _on_invocations(
        self, subject: str, said: str, metric: str, limit: float, **more: Any
    ) -> aws.cloudwatch.MetricAlarm:
        common: dict[str, Any] = {"period": PERIOD_SECONDS, "dimensions": self._args.variant.dimensions}
        return self._watch.alarm(
            subject, said, limit, namespace=INVOCATION_METRICS, metric_name=metric, **common, **more
        )
