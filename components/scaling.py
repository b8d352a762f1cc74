"""How the number of instances of a variant follows its load."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.variant import INSTANCE_METRICS, INVOCATION_METRICS, VariantArgs

_Configuration = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Predefined = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
_Customized = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
_Dimension = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs


@dataclass(frozen=True)
class Load:
    """What says how busy instances are."""

    name: str
    predefined: str
    """Application Auto Scaling's own metric (API_PredefinedMetricSpecification)."""
    metric: str
    """The one that it follows."""
    statistic: str


INVOCATIONS = Load("invocations", "SageMakerVariantInvocationsPerInstance", "InvocationsPerInstance", "Sum")
CONCURRENCY = Load(
    "concurrency",
    "SageMakerVariantConcurrentRequestsPerModelHighResolution",
    "ConcurrentRequestsPerModel",
    "Maximum",
)


@dataclass(frozen=True, kw_only=True)
class VariantScalingArgs:
    """A variant to scale."""

    variant: VariantArgs
    endpoint_name: pulumi.Input[str]
    """From the endpoint resource: no scaling target can be registered before the endpoint exists."""


class VariantScaling(pulumi.ComponentResource):
    """The scaling target (least and most instances) and three policies.

    Instances are added when any policy says so, and removed when all that may remove agree:
    https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html

    - `NAME-invocations` adds by the invocations of one instance, and removes nothing. Without a request there is no
      datapoint, so its alarm has insufficient data, and would never agree to a removal.
    - `NAME-idle` removes by the same metric with zeros where there is no datapoint. It alone would add too late, or
      never: a datapoint that is merely late counts as zero then, as CloudWatch warns of FILL
      (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html).
    - `NAME-concurrency` is in the place of the first where requests at once are counted, not those of a minute: its
      metric has a datapoint every ten seconds (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-policy.html,
      high-resolution metrics), and `NAME-idle` follows the same metric then.
    - `NAME-cpu` does both. Instances publish their CPU every minute that they run, with and without requests
      (https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html): where that is missing, it isn't
      zero, and nothing should be removed.
    """

    def __init__(self, name: str, args: VariantScalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:VariantScaling", name, None, opts)
        variant = args.variant
        self._scaling = variant.settings.scaling
        self._dimensions = variant.dimensions
        self._target = aws.appautoscaling.Target(
            name,
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=pulumi.Output.concat("endpoint/", args.endpoint_name, "/variant/", variant.settings.name),
            min_capacity=variant.settings.instances.min,
            max_capacity=variant.settings.instances.max,
            opts=pulumi.ResourceOptions(parent=self),
        )
        load = CONCURRENCY if self._scaling.concurrent_requests_per_instance else INVOCATIONS
        target = self._scaling.concurrent_requests_per_instance or self._scaling.invocations_per_instance
        predefined = _Predefined(predefined_metric_type=load.predefined)
        self._policy(f"{name}-{load.name}", target, predefined=predefined)
        self._policy(f"{name}-idle", target, customized=filled(load, variant.dimensions))
        self._policy(f"{name}-cpu", variant.cpu_utilization(self._scaling.cpu_percent), customized=self._cpu())
        self.register_outputs({})

    def _cpu(self) -> _Customized:
        return _Customized(
            namespace=INSTANCE_METRICS,
            metric_name="CPUUtilization",
            statistic="Average",
            unit="Percent",
            dimensions=[_Dimension(name=key, value=value) for key, value in self._dimensions.items()],
        )

    def _policy(
        self, name: str, target: float, *, predefined: _Predefined | None = None, customized: _Customized | None = None
    ) -> None:
        aws.appautoscaling.Policy(
            name,
            policy_type="TargetTrackingScaling",
            service_namespace=self._target.service_namespace,
            scalable_dimension=self._target.scalable_dimension,
            resource_id=self._target.resource_id,
            target_tracking_scaling_policy_configuration=_Configuration(
                target_value=target,
                predefined_metric_specification=predefined,
                customized_metric_specification=customized,
                disable_scale_in=True if predefined else None,
                scale_in_cooldown=self._scaling.scale_in_cooldown,
                scale_out_cooldown=self._scaling.scale_out_cooldown,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def filled(load: Load, named: Mapping[str, str]) -> _Customized:
    """What the predefined metric measures, in a minute, with zeros for minutes without a request.

    https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking-metric-math.html
    """
    # As dictionaries: the names of their types would not fit on a line.
    dimensions = [{"name": key, "value": value} for key, value in named.items()]
    metric = {"namespace": INVOCATION_METRICS, "metric_name": load.metric, "dimensions": dimensions}
    queries: list[Any] = [
        {"id": load.name, "metric_stat": {"metric": metric, "stat": load.statistic}, "return_data": False},
        {"id": "filled", "expression": f"FILL({load.name}, 0)", "return_data": True},
    ]
    return _Customized(metrics=queries)
