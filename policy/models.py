"""What a stack serves: models, the configurations that name them, and where their containers are attached."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from policy.resources import Resource, Stack, spread
from policy.unknowns import UnverifiableError, known

MODEL = "aws:sagemaker/model:Model"
ENDPOINT_CONFIGURATION = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
ENDPOINT = "aws:sagemaker/endpoint:Endpoint"
SUBNET = "aws:ec2/subnet:Subnet"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"

VPC_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"

VARIANTS = ("productionVariants", "shadowProductionVariants")


def model_subnets(stack: Stack) -> list[Resource]:
    """The stack's subnets that containers of its models are attached to."""
    return _attached(stack, "subnets", SUBNET)


def model_groups(stack: Stack) -> list[Resource]:
    """The stack's security groups of its models' containers."""
    return _attached(stack, "securityGroupIds", SECURITY_GROUP)


def _attached(stack: Stack, key: str, type_: str) -> list[Resource]:
    found = {
        each.urn: each for model in stack.all(MODEL) for each in stack.targets(model, "vpcConfig", key, type_=type_)
    }
    return list(found.values())


def zone_of(subnet: Resource) -> str:
    """The availability zone of a subnet. Raises UnverifiableError while AWS has yet to choose it."""
    zone = subnet.get("availabilityZone") or subnet.get("availabilityZoneId")
    if zone is None:
        raise UnverifiableError(subnet.urn, "availabilityZone")
    return str(zone)


def endpoint_groups(stack: Stack) -> list[Resource]:
    """The stack's security groups of its interface endpoints."""
    found = {
        each.urn: each
        for endpoint in stack.all(VPC_ENDPOINT)
        if known(endpoint.get("vpcEndpointType")) == "Interface"
        for each in stack.targets(endpoint, "securityGroupIds", type_=SECURITY_GROUP)
    }
    return list(found.values())


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
