"""What a stack serves: models, the configurations that name them, and where their containers are attached."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from policy.resources import Resource, Stack
from private_inference.graph.types import (
    SAGEMAKER_ENDPOINT_CONFIGURATION,
    SAGEMAKER_MODEL,
    SECURITY_GROUP,
    SUBNET,
    VPC_ENDPOINT,
)
from private_inference.graph.values import UnverifiableError, known, spread

VARIANTS = ("productionVariants", "shadowProductionVariants")


def is_fleet(configuration: Resource) -> bool:
    """Whether a configuration starts instances without a model, for inference components to share.

    Then it has the network that a model would have. Raises UnverifiableError if its variants aren't known.
    """
    return any(variant.properties.get("modelName") is None for variant in variants(configuration))


def attached(stack: Stack) -> list[Resource]:
    """What attaches containers to the network: models, and the configurations of fleets."""
    configurations = stack.all(SAGEMAKER_ENDPOINT_CONFIGURATION)
    return [*stack.all(SAGEMAKER_MODEL), *(each for each in configurations if is_fleet(each))]


def model_subnets(stack: Stack) -> list[Resource]:
    """The stack's subnets that containers of its models are attached to."""
    return _targets(stack, attached(stack), "vpcConfig", "subnets", type_=SUBNET)


def model_groups(stack: Stack) -> list[Resource]:
    """The stack's security groups of its models' containers."""
    return _targets(stack, attached(stack), "vpcConfig", "securityGroupIds", type_=SECURITY_GROUP)


def endpoint_groups(stack: Stack) -> list[Resource]:
    """The stack's security groups of its interface endpoints."""
    endpoints = (each for each in stack.all(VPC_ENDPOINT) if known(each.get("vpcEndpointType")) == "Interface")
    return _targets(stack, endpoints, "securityGroupIds", type_=SECURITY_GROUP)


def _targets(stack: Stack, resources: Iterable[Resource], *path: str, type_: str) -> list[Resource]:
    """What a property of some resources names, each once."""
    found = {target.urn: target for each in resources for target in stack.targets(each, *path, type_=type_)}
    return list(found.values())


def zone_of(subnet: Resource) -> str:
    """The availability zone of a subnet. Raises UnverifiableError while AWS has yet to choose it."""
    zone = subnet.get("availabilityZone") or subnet.get("availabilityZoneId")
    if zone is None:
        raise UnverifiableError(subnet.urn, "availabilityZone")
    return str(zone)


@dataclass(frozen=True)
class Variant:
    """A variant of an endpoint configuration, with its path in it."""

    configuration: Resource
    path: str
    properties: Any

    @property
    def name(self) -> Any:
        return self.properties.get("variantName")

    @property
    def serverless(self) -> bool:
        return self.properties.get("serverlessConfig") is not None


def variants(configuration: Resource) -> Iterator[Variant]:
    """All variants, shadows included. Raises UnverifiableError if the list isn't known."""
    for key in VARIANTS:
        for path, properties in spread(key, configuration.get(key)):
            yield Variant(configuration, path, known(properties))
