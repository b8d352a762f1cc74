"""How Application Auto Scaling follows the load of a SageMaker variant, by the alarms of its target-tracking policies.

Sources, under https://docs.aws.amazon.com/autoscaling/application/userguide/:

- target-tracking-scaling-policy-overview.html: any policy adds, all that may remove have to agree to a removal, and
  with insufficient data none does
- application-auto-scaling-target-tracking.html: cooldowns, of 300 seconds for a SageMaker variant

The alarms (three minutes above the target, fifteen below nine tenths of it) are those that AWS's users find in their
accounts. AWS publishes neither them nor how many instances one adjustment takes away: here it is one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from private_inference.rehearsal.alarm_states import Metrics, State, state

INVOCATIONS = ("AWS/SageMaker", "InvocationsPerInstance", "Sum")
"""Namespace, name and statistic of SageMakerVariantInvocationsPerInstance."""
CONCURRENCY = ("AWS/SageMaker", "ConcurrentRequestsPerModel", "Maximum")
"""Of SageMakerVariantConcurrentRequestsPerModelHighResolution, which has a datapoint every ten seconds."""
INVOCATIONS_OF_COPIES = ("AWS/SageMaker", "InvocationsPerCopy", "Sum")
"""Of SageMakerInferenceComponentInvocationsPerCopy."""
CONCURRENCY_OF_COPIES = ("AWS/SageMaker", "ConcurrentRequestsPerCopy", "Maximum")
"""Of SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution."""
BACKLOG = ("AWS/SageMaker", "ApproximateBacklogSizePerInstance")
CPU = ("/aws/sagemaker/Endpoints", "CPUUtilization")
IDLE_CPU = 3.0
"""Percent of a vCPU that an instance without calls uses; AWS publishes no figure."""
COOLDOWN = 300
"""Seconds between two adjustments, where a policy doesn't say."""


@dataclass(frozen=True)
class Policy:
    """A target-tracking policy with its alarms, which have the form of DescribeAlarms' answers."""

    name: str
    configuration: Mapping[str, Any]
    """TargetTrackingScalingPolicyConfiguration."""
    high: Mapping[str, Any]
    low: Mapping[str, Any]

    @property
    def removes(self) -> bool:
        """Whether it may take instances away."""
        return not self.configuration.get("DisableScaleIn")

    def pause(self, change: int) -> float:
        """Minutes until the next adjustment, after one."""
        seconds: float = self.configuration.get("ScaleOutCooldown" if change > 0 else "ScaleInCooldown", COOLDOWN)
        return seconds / 60


def tracking_alarms(configuration: Mapping[str, Any], resource: str) -> Iterator[dict[str, Any]]:
    """What PutScalingPolicy has watched for a resource (its id): the alarm above the target, then the one below.

    PutMetricAlarm's parameters, without a name and actions.
    """
    metric = configuration.get("CustomizedMetricSpecification", {})
    predefined = configuration.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "")
    fast = predefined.endswith("HighResolution")
    if resource.startswith("inference-component/"):
        own = CONCURRENCY_OF_COPIES if fast else INVOCATIONS_OF_COPIES
    else:
        own = CONCURRENCY if fast else INVOCATIONS
    watched: dict[str, Any]
    if "Metrics" in metric:
        watched = {"Metrics": metric["Metrics"]}
    else:
        watched = {
            "Namespace": metric.get("Namespace", own[0]),
            "MetricName": metric.get("MetricName", own[1]),
            "Dimensions": metric.get("Dimensions", _dimensions(resource)),
            "Statistic": metric.get("Statistic", own[2]),
            "Period": 10 if fast else 60,
        }
    target = configuration["TargetValue"]
    for comparison, periods, threshold in (("Greater", 3, target), ("Less", 15, target * 0.9)):
        limits = {"ComparisonOperator": f"{comparison}ThanThreshold", "EvaluationPeriods": periods}
        yield watched | limits | {"Threshold": threshold}


def _dimensions(resource: str) -> list[dict[str, str]]:
    kind, name, *variant = resource.split("/")
    if kind == "inference-component":
        return [{"Name": "InferenceComponentName", "Value": name}]
    return [{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": variant[-1]}]


def wanted(policies: Sequence[Policy], metrics: Metrics, now: int) -> int:
    """1 to add instances, -1 to remove some, 0 to leave them."""
    if any(state(policy.high, metrics, now) is State.ALARM for policy in policies):
        return 1
    return -1 if any(policy.removes for policy in policies) and not holding(policies, metrics, now) else 0


def holding(policies: Sequence[Policy], metrics: Metrics, now: int) -> dict[str, State]:
    """The policies that do not agree to a removal, each with the state of its alarm."""
    states = {policy.name: state(policy.low, metrics, now) for policy in policies if policy.removes}
    return {name: found for name, found in states.items() if found is not State.ALARM}


def follow(
    policies: Sequence[Policy],
    variant: tuple[str, str],
    instances: int,
    load: Callable[[int], float],
    minutes: int,
    *,
    bounds: tuple[int, int],
    late: int = 0,
) -> tuple[int, Mapping[str, State]]:
    """How many instances a variant (endpoint and name) has after some minutes with so many invocations in each.

    Beside it the policies that do not agree to a removal then, each with its alarm's state. `bounds` are the least and
    most instances; datapoints come `late` minutes late. SageMaker sends a value with each request, so a minute without
    one has no datapoint, and no zero; instances publish their CPU, and what is asynchronous its queue, every minute:
    https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html.
    """
    dimensions = frozenset(
        (each["Name"], each["Value"]) for each in _dimensions("endpoint/{}/variant/{}".format(*variant))
    )
    invocations: dict[int, float] = {}
    cpu: dict[int, float] = {}
    queue: dict[int, float] = {}
    of_the_endpoint = frozenset({("EndpointName", variant[0])})
    metrics = {
        (*INVOCATIONS[:2], dimensions): invocations,
        (*CPU, dimensions): cpu,
        (*BACKLOG, of_the_endpoint): queue,
    }
    ready = 0.0
    for now in range(minutes):
        measured = now - late
        if load(measured) and instances:
            invocations[measured] = load(measured) / instances
        if instances:
            queue[measured] = load(measured) / instances
            cpu[measured] = IDLE_CPU
        change = wanted(policies, metrics, now) if now >= ready else 0
        if change:
            instances = min(max(instances + change, bounds[0]), bounds[1])
            ready = now + max(policy.pause(change) for policy in policies)
    return instances, holding(policies, metrics, minutes - 1)
