"""The scaling of an endpoint's variants as Application Auto Scaling holds it: read, removed, and put back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMESPACE = "sagemaker"
TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension", "MinCapacity", "MaxCapacity", "SuspendedState")
POLICY = (
    "PolicyName",
    "ServiceNamespace",
    "ResourceId",
    "ScalableDimension",
    "PolicyType",
    "StepScalingPolicyConfiguration",
    "TargetTrackingScalingPolicyConfiguration",
)
ACTION = (
    "ServiceNamespace",
    "ScheduledActionName",
    "ResourceId",
    "ScalableDimension",
    "Schedule",
    "Timezone",
    "StartTime",
    "EndTime",
    "ScalableTargetAction",
)
"""What a request takes of what a description answers."""


@dataclass(frozen=True)
class Registration:
    """The scalable targets of an endpoint with their policies and scheduled actions, as requests would have them."""

    client: Any
    """Of Application Auto Scaling."""
    targets: Sequence[Mapping[str, Any]]
    policies: Sequence[Mapping[str, Any]]
    actions: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, client: Any, endpoint: str, variants: Collection[str]) -> "Registration":
        """What is registered for some variants of an endpoint."""
        resources = [_resource(endpoint, variant) for variant in variants]

        def listed(operation: str, member: str, keys: Sequence[str]) -> list[dict[str, Any]]:
            pages = client.get_paginator(operation).paginate(ServiceNamespace=NAMESPACE)
            return [
                {key: each[key] for key in keys if key in each}
                for page in pages
                for each in page[member]
                if each["ResourceId"] in resources
            ]

        return cls(
            client,
            listed("describe_scalable_targets", "ScalableTargets", TARGET),
            listed("describe_scaling_policies", "ScalingPolicies", POLICY),
            listed("describe_scheduled_actions", "ScheduledActions", ACTION),
        )

    def remove(self) -> None:
        """Deregister the targets; their policies and actions go with them."""
        for target in self.targets:
            identity = {key: target[key] for key in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
            self.client.deregister_scalable_target(**identity)

    def restore(self, variants: Collection[str]) -> None:
        """Register the targets of those variants again, with their policies and actions; others are gone."""

        def there(registered: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
            return (each for each in registered if each["ResourceId"].rpartition("/")[2] in variants)

        for target in there(self.targets):
            self.client.register_scalable_target(**target)
        for policy in there(self.policies):
            self.client.put_scaling_policy(**policy)
        for action in there(self.actions):
            self.client.put_scheduled_action(**action)


def _resource(endpoint: str, variant: str) -> str:
    return f"endpoint/{endpoint}/variant/{variant}"
