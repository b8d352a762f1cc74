"""What scaling makes of an endpoint that nobody calls, by the policies and alarms that the embedded AWS has of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.target_tracking import Policy, follow


@dataclass(frozen=True)
class IdleVariant:
    """A variant after hours without calls."""

    name: str
    instances: int
    least: int
    """Its scaling target's MinCapacity."""
    held_by: Sequence[str]
    """Where it has more: the policies that do not agree to a removal, each with its alarm's state."""


def idle(aws: EmbeddedAws, endpoint: str, hours: int) -> list[IdleVariant]:
    """Let Application Auto Scaling act for hours without a call of the endpoint: its registered variants afterwards."""
    scaling, sagemaker = aws.client("application-autoscaling"), aws.client("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=endpoint)
    hosted = [*described["ProductionVariants"], *described.get("ShadowProductionVariants", [])]
    running = {each["VariantName"]: each["CurrentInstanceCount"] for each in hosted}
    found = []
    for target in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]:
        kind, of, *variant = target["ResourceId"].split("/")
        if (kind, of) != ("endpoint", endpoint):
            continue
        name = variant[-1]
        least, most = target["MinCapacity"], target["MaxCapacity"]
        policies = _policies(aws, target["ResourceId"])
        instances, holding = follow(
            policies, (endpoint, name), running[name], _nobody, hours * 60, bounds=(least, most)
        )
        held = [f"{policy} ({state.value})" for policy, state in holding.items()]
        found.append(IdleVariant(name, instances, least, held if instances > least else []))
    changes = [{"VariantName": each.name, "DesiredInstanceCount": each.instances} for each in found]
    if changes:
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=changes)
    return found


def _policies(aws: EmbeddedAws, resource: str) -> list[Policy]:
    """The target-tracking policies of a scaling target, each with the alarms that it names."""
    described = aws.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace="sagemaker", ResourceId=resource
    )["ScalingPolicies"]
    names = [alarm["AlarmName"] for policy in described for alarm in policy["Alarms"]]
    alarms: dict[str, Any] = {
        alarm["AlarmName"]: alarm
        for alarm in aws.client("cloudwatch").describe_alarms(AlarmNames=names or ["-"])["MetricAlarms"]
    }
    return [
        Policy(
            policy["PolicyName"],
            policy["TargetTrackingScalingPolicyConfiguration"],
            *(alarms[alarm["AlarmName"]] for alarm in policy["Alarms"]),
        )
        for policy in described
        if policy["PolicyType"] == "TargetTrackingScaling"
    ]


def _nobody(_: int) -> float:
    return 0
