"""One inference component: a model that shares an endpoint's fleet with others, made by CloudFormation.

The AWS provider has no type for it:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sagemaker-inferencecomponent.html
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.component_generation import component_generation
from components.component_scaling import ComponentScaling, ComponentScalingArgs
from components.live_endpoints import LiveComponent
from components.serving_model import ModelPlace, ServedModel, serving_model
from components.settings import ALL_TRAFFIC, ComponentSettings, EndpointSettings, label
from components.variant import INVOCATION_METRICS, PERIOD_SECONDS
from components.watch import Watch

MICROSECONDS = 1000
"""Microseconds in a millisecond; SageMaker reports latency in microseconds."""

HALF = 50
"""Percent of the copies that an update replaces at once: the most that AWS takes."""


@dataclass(frozen=True, kw_only=True)
class ServedComponent:
    """A component, and what it serves."""

    endpoint: str
    """Name of its endpoint."""
    settings: ComponentSettings
    model: ServedModel

    @property
    def component_name(self) -> str:
        """InferenceComponentName of InvokeEndpoint. Names are unique in an account and region."""
        return label(self.endpoint, self.settings.name)


class ComponentAlarms(pulumi.ComponentResource):
    """Alarms on a component's answers, and one that sums them up. They name it, and exist before it.

    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html (InferenceComponentName)
    """

    rollback: Sequence[aws.cloudwatch.MetricAlarm]
    """Server errors and the model's latency: what a bad update worsens."""

    def __init__(
        self,
        name: str,
        settings: ComponentSettings,
        topic_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("private-inference:inference:ComponentAlarms", name, None, opts)
        self._watch = Watch(name, topic_arn, self)
        self._dimensions = {"InferenceComponentName": name}
        limits = settings.alarms
        errors = f"At least {limits.server_errors} answers with status 5XX in five minutes"
        latency = f"The model takes {limits.latency_ms:g} ms or more for one request in twenty"
        refused = f"{limits.client_error_percent:g} % or more of the answers in five minutes have status 4XX"
        self.rollback = [
            self._alarm("server-errors", errors, "Invocation5XXErrors", limits.server_errors, statistic="Sum"),
            self._alarm("latency", latency, "ModelLatency", limits.latency_ms * MICROSECONDS, extended_statistic="p95"),
        ]
        share = limits.client_error_percent / 100
        clients = self._alarm("client-errors", refused, "Invocation4XXErrors", share, statistic="Average")
        self._watch.sum_up(name, [*self.rollback, clients])
        self.register_outputs({})

    def _alarm(
        self, subject: str, said: str, metric: str, limit: float, **statistic: Any
    ) -> aws.cloudwatch.MetricAlarm:
        return self._watch.alarm(
            subject,
            said,
            limit,
            namespace=INVOCATION_METRICS,
            metric_name=metric,
            period=PERIOD_SECONDS,
            dimensions=self._dimensions,
            **statistic,
        )


@dataclass(frozen=True, kw_only=True)
class InferenceComponentArgs:
    """A component, and what it takes from its endpoint."""

    endpoint: EndpointSettings
    served: ServedComponent
    place: ModelPlace
    endpoint_name: pulumi.Input[str]
    """From the endpoint resource: a component is made on an endpoint that exists."""
    alarms: ComponentAlarms
    """That roll an update back."""
    permissions: Sequence[pulumi.Resource]
    """Of the execution role: the model waits for them."""
    zones: Sequence[str]
    """Of the model subnets."""
    live: LiveComponent | None
    """What it serves with now; None if it is to be created."""
    hooks: pulumi.ResourceHookBinding
    """Of components."""


class InferenceComponent(pulumi.ComponentResource):
    """A model, its copies on the fleet, and their scaling."""

    def __init__(self, name: str, args: InferenceComponentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:InferenceComponent", name, None, opts)
        served, settings = args.served, args.served.settings
        made = component_generation(served.component_name, args.endpoint, settings, served.model, args.zones, args.live)
        model = serving_model(made.model, served.model, args.place, args.permissions)
        rollback = {} if args.endpoint.update.rollback_off_because else _numbered(args.alarms.rollback)
        stack = aws.cloudformation.Stack(
            name,
            template_body=json.dumps(_template(served, args.endpoint, made.copies, list(rollback))),
            parameters={"Endpoint": args.endpoint_name, "Model": model.name, **rollback},
            on_failure="DELETE",
            opts=pulumi.ResourceOptions(parent=self, hooks=args.hooks),
        )
        ComponentScaling(
            name,
            ComponentScalingArgs(settings=settings, component_name=served.component_name, component=stack),
            pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"componentName": served.component_name})


def _numbered(alarms: Sequence[aws.cloudwatch.MetricAlarm]) -> dict[str, pulumi.Input[str]]:
    return {f"Alarm{number}": alarm.name for number, alarm in enumerate(alarms)}


def _template(
    served: ServedComponent, endpoint: EndpointSettings, copies: int, rollback: Sequence[str]
) -> dict[str, Any]:
    settings = served.settings
    needs = {
        "MinMemoryRequiredInMb": settings.memory_mb,
        "NumberOfCpuCoresRequired": settings.cpus,
        "NumberOfAcceleratorDevicesRequired": settings.accelerators,
    }
    start = {
        "ModelDataDownloadTimeoutInSeconds": endpoint.hosting.download_seconds,
        "ContainerStartupHealthCheckTimeoutInSeconds": endpoint.hosting.startup_seconds,
    }
    specification = {
        "ModelName": {"Ref": "Model"},
        "ComputeResourceRequirements": _given(needs),
        "StartupParameters": _given(start),
    }
    properties = {
        "InferenceComponentName": served.component_name,
        "EndpointName": {"Ref": "Endpoint"},
        "VariantName": ALL_TRAFFIC,
        "Specification": {key: value for key, value in specification.items() if value},
        "RuntimeConfig": {"CopyCount": copies},
        "DeploymentConfig": _deployment(endpoint, rollback),
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The model {settings.name} on the fleet of {endpoint.name}",
        "Parameters": {name: {"Type": "String"} for name in ("Endpoint", "Model", *rollback)},
        "Resources": {"Component": {"Type": "AWS::SageMaker::InferenceComponent", "Properties": properties}},
    }


def _deployment(endpoint: EndpointSettings, rollback: Sequence[str]) -> dict[str, Any]:
    """How an update replaces the copies, and what rolls it back.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentDeploymentConfig.html
    """
    policy = {
        "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": HALF},
        "WaitIntervalInSeconds": endpoint.update.wait_seconds,
        "MaximumExecutionTimeoutInSeconds": endpoint.update.maximum_seconds,
    }
    found: dict[str, Any] = {"RollingUpdatePolicy": _given(policy)}
    if rollback:
        found["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": {"Ref": name}} for name in rollback]}
    return found


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
