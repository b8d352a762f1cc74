"""The network interfaces that the resources of a Pulumi program have in its subnets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from private_inference.graph.endpoint_services import short_service
from private_inference.graph.resources import Resource
from private_inference.graph.types import (
    CONTAINER_SERVICE,
    DB_INSTANCE,
    DB_SUBNET_GROUP,
    EIP,
    EIP_ASSOCIATION,
    FUNCTION,
    INSTANCE,
    LOAD_BALANCER,
    NETWORK_INTERFACE,
    RESOLVER_ENDPOINT,
    SAGEMAKER_ENDPOINT_CONFIGURATION,
    SAGEMAKER_MODEL,
    SUBNET,
    VPC_ENDPOINT,
)
from private_inference.graph.values import Unknown, is_given, pick, spread
from private_inference.reachability.from_graph.references import References
from private_inference.reachability.from_graph.security_groups import Groups
from private_inference.reachability.model import ANY_CLIENT_PORTS, LINUX_PORTS, RESOLVER, Interface, Network, Subnet


@dataclass(frozen=True)
class Placing:
    """How a type of resource says where its interfaces are: paths of properties.

    public: the property by which they get public IPv4 addresses, and the value of it that means they do.
    """

    kind: str
    subnets: str
    groups: str
    ephemeral: tuple[int, int] = LINUX_PORTS
    public: tuple[str, bool] | None = None
    addresses: str = ""


PLACED: Mapping[str, Placing] = {
    VPC_ENDPOINT: Placing("interface endpoint", "subnetIds", "securityGroupIds"),
    SAGEMAKER_MODEL: Placing("SageMaker model", "vpcConfig.subnets", "vpcConfig.securityGroupIds"),
    # Of a fleet that starts without a model, for inference components to share: others have no vpcConfig.
    SAGEMAKER_ENDPOINT_CONFIGURATION: Placing("SageMaker model", "vpcConfig.subnets", "vpcConfig.securityGroupIds"),
    FUNCTION: Placing("Lambda function", "vpcConfig.subnetIds", "vpcConfig.securityGroupIds", ANY_CLIENT_PORTS),
    INSTANCE: Placing(
        "instance",
        "subnetId",
        "vpcSecurityGroupIds",
        public=("associatePublicIpAddress", True),
        addresses="privateIp",
    ),
    CONTAINER_SERVICE: Placing(
        "container service",
        "networkConfiguration.subnets",
        "networkConfiguration.securityGroups",
        ANY_CLIENT_PORTS,
        public=("networkConfiguration.assignPublicIp", True),
    ),
    "aws:efs/mountTarget:MountTarget": Placing("mount target", "subnetId", "securityGroups"),
    "aws:sagemaker/notebookInstance:NotebookInstance": Placing("notebook", "subnetId", "securityGroups"),
    "aws:sagemaker/domain:Domain": Placing("Studio domain", "subnetIds", "defaultUserSettings.securityGroups"),
    "aws:sagemaker/trainingJob:TrainingJob": Placing("training job", "vpcConfig.subnets", "vpcConfig.securityGroupIds"),
    "aws:eks/cluster:Cluster": Placing(
        "Kubernetes cluster",
        "vpcConfig.subnetIds",
        "vpcConfig.securityGroupIds",
        public=("vpcConfig.endpointPublicAccess", True),
    ),
    NETWORK_INTERFACE: Placing("network interface", "subnetId", "securityGroups", addresses="privateIps"),
    RESOLVER_ENDPOINT: Placing(RESOLVER, "ipAddresses", "securityGroupIds"),
    DB_INSTANCE: Placing("database", "dbSubnetGroupName", "vpcSecurityGroupIds", public=("publiclyAccessible", True)),
    LOAD_BALANCER: Placing("load balancer", "subnets", "securityGroups", ANY_CLIENT_PORTS, public=("internal", False)),
}

EACH_IN_A_SUBNET = ("subnetMappings", "ipAddresses")
"""Properties that list a `subnetId` for each interface."""


def interfaces(references: References, subnets: Mapping[str, Subnet], groups: Groups) -> Iterator[Interface]:
    """One interface for each subnet that a resource is placed in."""
    for resource in references.all(*PLACED):
        placing = PLACED[resource.type]
        if not _has_interfaces(resource, placing):
            continue
        for subnet in _subnets(references, resource, placing):
            if subnet in subnets:
                yield _interface(references, resource, placing, subnets[subnet], groups)
            else:
                references.undecide(resource, placing.subnets, f"names {subnet}, which is no subnet of this program")


def interfaces_of(network: Network, resource: Resource) -> list[Interface] | None:
    """The interfaces of a resource: none where it is in no VPC; None where they aren't all known."""
    placing = PLACED[resource.type]
    found = [each for each in network.interfaces.values() if each.id.rpartition("@")[0] == resource.urn]
    undecided = any(each.resource == resource.urn for each in network.undecided)
    if undecided or (not found and _has_interfaces(resource, placing)):
        return None
    return found


def _has_interfaces(resource: Resource, placing: Placing) -> bool:
    if resource.type == VPC_ENDPOINT:
        kind = resource.get("vpcEndpointType")
        return not isinstance(kind, Unknown) and kind not in (None, "Gateway")
    return _at(resource, placing.subnets) is not None or any(is_given(resource.get(key)) for key in EACH_IN_A_SUBNET)


def _at(resource: Resource, path: str) -> Any:
    return resource.get(*path.split("."))


def _subnets(references: References, resource: Resource, placing: Placing) -> list[str]:
    if resource.type == DB_INSTANCE:
        return _subnets_of_database(references, resource)
    for key in EACH_IN_A_SUBNET:
        if is_given(resource.get(key)):
            # All at once: of subnets that are known later only, the program tells how many there are.
            named = [pick(each, "subnetId") for _, each in resource.entries(key)]
            return references.named(resource, key, named, SUBNET)
    return references.many(resource, placing.subnets, SUBNET)


def _subnets_of_database(references: References, resource: Resource) -> list[str]:
    group = references.find(references.one(resource, "dbSubnetGroupName", DB_SUBNET_GROUP), DB_SUBNET_GROUP)
    if group is None:
        references.undecide(resource, "dbSubnetGroupName", "means no subnet group of this program")
        return []
    return references.many(group, "subnetIds", SUBNET)


def _interface(
    references: References, resource: Resource, placing: Placing, subnet: Subnet, groups: Groups
) -> Interface:
    if resource.type == LOAD_BALANCER and not is_given(resource.get("securityGroups")):
        # A Network Load Balancer without groups takes what the ACLs let through.
        carried = frozenset({groups.add_open(f"{resource.urn}/no-groups", subnet.vpc)})
    else:
        carried = groups.named(resource, placing.groups, subnet.vpc)
    return Interface(
        f"{resource.urn}@{subnet.name}",
        subnet.id,
        carried,
        _addresses(resource, placing),
        _is_public(references, resource, placing, subnet),
        placing.kind,
        resource.name,
        _service(resource),
        f"{resource.name} in {subnet.name}",
        placing.ephemeral,
    )


def _service(resource: Resource) -> str:
    """The service of an interface endpoint; none for anything else."""
    if resource.type != VPC_ENDPOINT:
        return ""
    name = resource.get("serviceName")
    return "unknown" if isinstance(name, Unknown) else short_service(str(name or ""))


def _addresses(resource: Resource, placing: Placing) -> tuple[str, ...]:
    """The private addresses, when all are known; else none, which stands for any of the subnet."""
    values = [value for _, value in spread("", _at(resource, placing.addresses))] if placing.addresses else []
    return tuple(map(str, values)) if all(isinstance(value, str) for value in values) else ()


def _is_public(references: References, resource: Resource, placing: Placing, subnet: Subnet) -> bool:
    """Whether the interface has, or may have, a public IPv4 address."""
    if _has_elastic_address(references, resource):
        return True
    if placing.public is None:
        return False
    key, value = placing.public
    found = resource.given(key)
    if isinstance(found, Unknown):
        references.undecide(resource, key, "decides whether there is a public address, and is known later only")
        return True
    if found is None and resource.type == INSTANCE:
        declared = references.find(subnet.id, SUBNET)
        return declared is not None and is_given(declared.given("mapPublicIpOnLaunch"))
    return bool(found) == value


def _has_elastic_address(references: References, resource: Resource) -> bool:
    named = {
        urn
        for address in references.all(EIP, EIP_ASSOCIATION)
        for key, kind in (
            ("instance", INSTANCE),
            ("instanceId", INSTANCE),
            ("networkInterface", NETWORK_INTERFACE),
            ("networkInterfaceId", NETWORK_INTERFACE),
        )
        for urn in references.many(address, key, kind)
    }
    return resource.urn in named
