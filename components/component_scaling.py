"""How the number of copies of an inference component follows its load, to none and back.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-policy.html and, for none,
https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.from_zero import start_from_zero
from components.scaling import Load, filled
from components.settings import ComponentSettings

_Configuration = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Predefined = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
_Customized = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs

DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
INVOCATIONS = Load("invocations", "SageMakerInferenceComponentInvocationsPerCopy", "InvocationsPerCopy", "Sum")
CONCURRENCY = Load(
    "concurrency",
    "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
    "ConcurrentRequestsPerCopy",
    "Maximum",
)


@dataclass(frozen=True, kw_only=True)
class ComponentScalingArgs:
    """A component to scale."""

    settings: ComponentSettings
    component_name: str
    """InferenceComponentName."""
    component: pulumi.Resource
    """What makes it: no scaling target can be registered before it exists."""


class ComponentScaling(pulumi.ComponentResource):
    """The scaling target (least and most copies) and its policies, once the component exists.

    - `NAME-invocations`, or `NAME-concurrency` in its place, adds by what one copy gets, and removes nothing.
    - `NAME-idle` removes by the same metric with zeros where there is no datapoint: components/scaling.py says why.
    - `NAME-from-zero`, where there may be no copy, starts the first one: SageMaker refuses calls until it runs, and
      counts them in NoCapacityInvocationFailures.
    """

    def __init__(self, name: str, args: ComponentScalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:ComponentScaling", name, None, opts)
        self._name = name
        self._scaling = args.settings.scaling
        self._child = pulumi.ResourceOptions(parent=self)
        copies, dimensions = args.settings.copies, {"InferenceComponentName": args.component_name}
        self._target = aws.appautoscaling.Target(
            name,
            service_namespace="sagemaker",
            scalable_dimension=DIMENSION,
            resource_id=f"inference-component/{args.component_name}",
            min_capacity=copies.min,
            max_capacity=copies.max,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.component]),
        )
        load = CONCURRENCY if self._scaling.concurrent_requests_per_copy else INVOCATIONS
        self._policy(load.name, predefined=_Predefined(predefined_metric_type=load.predefined))
        self._policy("idle", customized=filled(load, dimensions))
        if copies.min == 0:
            start_from_zero(
                name,
                self._target,
                metric="NoCapacityInvocationFailures",
                dimensions=dimensions,
                statistic="Sum",
                minutes=1,
                cooldown=self._scaling.scale_out_cooldown,
                said=f"Calls of {args.component_name} fail, for no copy of it runs: one is started",
                opts=self._child,
            )
        self.register_outputs({})

    def _policy(
        self, purpose: str, *, predefined: _Predefined | None = None, customized: _Customized | None = None
    ) -> None:
        scaling = self._scaling
        aws.appautoscaling.Policy(
            f"{self._name}-{purpose}",
            policy_type="TargetTrackingScaling",
            service_namespace=self._target.service_namespace,
            scalable_dimension=self._target.scalable_dimension,
            resource_id=self._target.resource_id,
            target_tracking_scaling_policy_configuration=_Configuration(
                target_value=scaling.concurrent_requests_per_copy or scaling.invocations_per_copy,
                predefined_metric_specification=predefined,
                customized_metric_specification=customized,
                disable_scale_in=True if predefined else None,
                scale_in_cooldown=scaling.scale_in_cooldown,
                scale_out_cooldown=scaling.scale_out_cooldown,
            ),
            opts=self._child,
        )
