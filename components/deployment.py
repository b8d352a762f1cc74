"""An endpoint's deployment configuration: how SageMaker moves traffic to new instances, and what rolls it back.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.settings.update import UpdateSettings

_BlueGreen = aws.sagemaker.EndpointDeploymentConfigBlueGreenUpdatePolicyArgs
_Routing = aws.sagemaker.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationArgs
_Canary = aws.sagemaker.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationCanarySizeArgs
_Linear = aws.sagemaker.EndpointDeploymentConfigBlueGreenUpdatePolicyTrafficRoutingConfigurationLinearStepSizeArgs
_Rolling = aws.sagemaker.EndpointDeploymentConfigRollingUpdatePolicyArgs
_Batch = aws.sagemaker.EndpointDeploymentConfigRollingUpdatePolicyMaximumBatchSizeArgs
_Rollback = aws.sagemaker.EndpointDeploymentConfigAutoRollbackConfigurationArgs
_Alarm = aws.sagemaker.EndpointDeploymentConfigAutoRollbackConfigurationAlarmArgs


def deployment(
    settings: UpdateSettings, alarms: Sequence[pulumi.Input[str]]
) -> aws.sagemaker.EndpointDeploymentConfigArgs:
    """The configuration that the settings ask for; `alarms` are the names of those that roll an update back."""
    rolled_back = None if settings.rollback_off_because else _Rollback(alarms=[_Alarm(alarm_name=a) for a in alarms])
    return aws.sagemaker.EndpointDeploymentConfigArgs(
        auto_rollback_configuration=rolled_back,
        blue_green_update_policy=_blue_green(settings) if settings.blue_green else None,
        rolling_update_policy=None if settings.blue_green else _rolling(settings),
    )


def _blue_green(settings: UpdateSettings) -> _BlueGreen:
    kind, value = _step(settings)
    routing = _Routing(
        type=settings.strategy.upper().replace("-", "_"),
        wait_interval_in_seconds=settings.wait_seconds,
        canary_size=_Canary(type=kind, value=value) if settings.strategy == "canary" else None,
        linear_step_size=_Linear(type=kind, value=value) if settings.strategy == "linear" else None,
    )
    return _BlueGreen(
        traffic_routing_configuration=routing,
        termination_wait_in_seconds=settings.termination_wait_seconds,
        maximum_execution_timeout_in_seconds=settings.maximum_seconds,
    )


def _rolling(settings: UpdateSettings) -> _Rolling:
    kind, value = _step(settings)
    return _Rolling(
        maximum_batch_size=_Batch(type=kind, value=value),
        wait_interval_in_seconds=settings.wait_seconds,
        maximum_execution_timeout_in_seconds=settings.maximum_seconds,
    )


def _step(settings: UpdateSettings) -> tuple[str, int]:
    """Type and value of a step's size (API_CapacitySize). A strategy without steps has none to use."""
    if settings.step_instances is not None:
        return "INSTANCE_COUNT", settings.step_instances
    return "CAPACITY_PERCENT", settings.step_percent or 100
