"""How the number of instances of an asynchronous endpoint follows its queue, to none and back.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.from_zero import start_from_zero
from components.settings import AsynchronousSettings
from components.variant import INVOCATION_METRICS, VariantArgs

_Configuration = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Customized = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
_Dimension = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs

MINUTES_WITHOUT_CAPACITY = 2
"""Minutes in which requests wait without any instance, before the first one is started."""


@dataclass(frozen=True, kw_only=True)
class BacklogScalingArgs:
    """A variant to scale."""

    variant: VariantArgs
    settings: AsynchronousSettings
    endpoint_name: pulumi.Input[str]
    """From the endpoint resource: no scaling target can be registered before the endpoint exists."""


class BacklogScaling(pulumi.ComponentResource):
    """The scaling target (least and most instances) and its policies.

    - `NAME-backlog` adds and removes by the requests that there are for each instance.
    - `NAME-from-zero`, where there may be no instance, starts the first one: a target of requests for each instance is
      missed only by more requests than that, so the first would wait.
    """

    def __init__(self, name: str, args: BacklogScalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:BacklogScaling", name, None, opts)
        self._name = name
        self._args = args
        instances = args.variant.settings.instances
        self._child = pulumi.ResourceOptions(parent=self)
        self._target = aws.appautoscaling.Target(
            name,
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=pulumi.Output.concat("endpoint/", args.endpoint_name, "/variant/", args.variant.settings.name),
            min_capacity=instances.min,
            max_capacity=instances.max,
            opts=self._child,
        )
        self._follow_backlog()
        if instances.min == 0:
            self._start_from_zero()
        self.register_outputs({})

    def _follow_backlog(self) -> None:
        scaling = self._args.variant.settings.scaling
        metric = _Customized(
            namespace=INVOCATION_METRICS,
            metric_name="ApproximateBacklogSizePerInstance",
            statistic="Average",
            dimensions=[_Dimension(name="EndpointName", value=self._args.variant.endpoint)],
        )
        aws.appautoscaling.Policy(
            f"{self._name}-backlog",
            policy_type="TargetTrackingScaling",
            service_namespace=self._target.service_namespace,
            scalable_dimension=self._target.scalable_dimension,
            resource_id=self._target.resource_id,
            target_tracking_scaling_policy_configuration=_Configuration(
                target_value=self._args.settings.backlog_per_instance,
                customized_metric_specification=metric,
                scale_in_cooldown=scaling.scale_in_cooldown,
                scale_out_cooldown=scaling.scale_out_cooldown,
            ),
            opts=self._child,
        )

    def _start_from_zero(self) -> None:
        endpoint = self._args.variant.endpoint
        start_from_zero(
            self._name,
            self._target,
            metric="HasBacklogWithoutCapacity",
            dimensions={"EndpointName": endpoint},
            statistic="Average",
            minutes=MINUTES_WITHOUT_CAPACITY,
            cooldown=self._args.variant.settings.scaling.scale_out_cooldown,
            said=f"Requests of {endpoint} wait, and no instance runs: one is started",
            opts=self._child,
        )
