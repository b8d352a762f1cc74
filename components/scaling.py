"""How the number of instances of a variant follows its load."""

import pulumi
import pulumi_aws as aws

from components.variant import INSTANCE_METRICS, VARIANT, VariantArgs

_Configuration = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs
_Predefined = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs
_Customized = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs
_Dimension = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs


class VariantScaling(pulumi.ComponentResource):
    """The scaling target (least and most instances) and its two policies: invocations per instance, and CPU."""

    def __init__(self, name: str, args: VariantArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:VariantScaling", name, None, opts)
        self._scaling = args.settings.scaling
        child = pulumi.ResourceOptions(parent=self)
        self._target = aws.appautoscaling.Target(
            name,
            service_namespace="sagemaker",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=pulumi.Output.concat("endpoint/", args.endpoint_name, "/variant/", VARIANT),
            min_capacity=args.settings.instances.min,
            max_capacity=args.settings.instances.max,
            opts=child,
        )
        invocations = _Predefined(predefined_metric_type="SageMakerVariantInvocationsPerInstance")
        self._policy(f"{name}-invocations", self._scaling.invocations_per_instance, predefined=invocations)
        cpu = _Customized(
            namespace=INSTANCE_METRICS,
            metric_name="CPUUtilization",
            statistic="Average",
            unit="Percent",
            dimensions=[
                _Dimension(name="EndpointName", value=args.endpoint_name),
                _Dimension(name="VariantName", value=VARIANT),
            ],
        )
        self._policy(f"{name}-cpu", args.cpu_utilization(self._scaling.cpu_percent), customized=cpu)
        self.register_outputs({})

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
                scale_in_cooldown=self._scaling.scale_in_cooldown,
                scale_out_cooldown=self._scaling.scale_out_cooldown,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
