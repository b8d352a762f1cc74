"""The network interfaces that the resources of a Pulumi program have in its subnets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from private_inference.graph.references import UNKNOWN, PulumiResource, References, at
from private_inference.graph.types import (
    DATABASE,
    DATABASE_SUBNETS,
    EIP,
    EIP_ASSOCIATION,
    ENDPOINT,
    INSTANCE,
    IRRELEVANT,
    LAMBDA,
    LOAD_BALANCER,
    MODEL,
    MODELLED,
    NETWORK,
    NETWORK_INTERFACE,
    SUBNET,
)
from private_inference.reachability.from_graph.firewalls import Groups
from private_inference.reachability.model import ANY_CLIENT_PORTS, LINUX_PORTS, Interface, Subnet
from private_inference.reachability.traffic import short_service


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
    ENDPOINT: Placing("interface endpoint", "subnetIds", "securityGroupIds"),
    MODEL: Placing("SageMaker model", "vpcConfig.subnets", "vpcConfig.securityGroupIds"),
    LAMBDA: Placing("Lambda function", "vpcConfig.subnetIds", "vpcConfig.securityGroupIds", ANY_CLIENT_PORTS),
    INSTANCE: Placing(
        "instance",
        "subnetId",
        "vpcSecurityGroupIds",
        public=("associatePublicIpAddress", True),
        addresses="privateIp",
    ),
    NETWORK_INTERFACE: Placing("network interface", "subnetId", "securityGroups", addresses="privateIps"),
    DATABASE: Placing("database", "dbSubnetGroupName", "vpcSecurityGroupIds", public=("publiclyAccessible", True)),
    LOAD_BALANCER: Placing("load balancer", "subnets", "securityGroups", ANY_CLIENT_PORTS, public=("internal", False)),
}
_PLACING_PROPERTIES = ("subnetId", "subnetIds", "subnets", "vpcConfig", "vpcSecurityGroupIds", "networkConfiguration")


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
    _look_for_others(references)


def _has_interfaces(resource: PulumiResource, placing: Placing) -> bool:
    if resource.type == ENDPOINT:
        return resource.properties.get("vpcEndpointType", "Gateway") not in ("Gateway", UNKNOWN)
    return at(resource, placing.subnets) is not None or bool(at(resource, "subnetMappings"))


def _subnets(references: References, resource: PulumiResource, placing: Placing) -> list[str]:
    if resource.type == DATABASE:
        return _subnets_of_database(references, resource)
    if mappings := at(resource, "subnetMappings"):
        return [
            urn
            for position, mapping in enumerate(mappings if mappings is not UNKNOWN else [UNKNOWN])
            for urn in references.named(
                resource,
                f"subnetMappings.{position}.subnetId",
                UNKNOWN if mapping is UNKNOWN else mapping.get("subnetId"),
                SUBNET,
            )
        ]
    return references.many(resource, placing.subnets, SUBNET)


def _subnets_of_database(references: References, resource: PulumiResource) -> list[str]:
    """The subnets of a database's subnet group, which it names by name."""
    named = at(resource, "dbSubnetGroupName")
    known = {one.properties.get("name"): one.urn for one in references.all(DATABASE_SUBNETS)}
    urn = known.get(named) if isinstance(named, str) else None
    urn = urn or references.one(resource, "dbSubnetGroupName", DATABASE_SUBNETS)
    groups = [one for one in references.all(DATABASE_SUBNETS) if one.urn == urn]
    if not groups:
        references.undecide(resource, "dbSubnetGroupName", "means no subnet group of this program")
    return [subnet for group in groups for subnet in references.many(group, "subnetIds", SUBNET)]


def _interface(
    references: References, resource: PulumiResource, placing: Placing, subnet: Subnet, groups: Groups
) -> Interface:
    service = short_service(str(resource.properties.get("serviceName", ""))) if resource.type == ENDPOINT else ""
    if resource.type == LOAD_BALANCER and not resource.properties.get("securityGroups"):
        # A Network Load Balancer without groups takes what the ACLs let through.
        carried = frozenset({groups.open(f"{resource.urn}/no-groups", subnet.vpc)})
    else:
        carried = groups.meant(resource, placing.groups, subnet.vpc)
    return Interface(
        f"{resource.urn}@{subnet.name}",
        subnet.id,
        carried,
        _addresses(resource, placing),
        _is_public(references, resource, placing, subnet),
        placing.kind,
        resource.name,
        service,
        f"{resource.name} in {subnet.name}",
        placing.ephemeral,
    )


def _addresses(resource: PulumiResource, placing: Placing) -> tuple[str, ...]:
    """The private addresses, when all are known; else none, which stands for any of the subnet."""
    value = at(resource, placing.addresses) if placing.addresses else None
    values = value if isinstance(value, list | tuple) else [value]
    known = tuple(one for one in values if isinstance(one, str))
    return known if len(known) == len(values) else ()


def _is_public(references: References, resource: PulumiResource, placing: Placing, subnet: Subnet) -> bool:
    """Whether the interface has, or may have, a public IPv4 address."""
    if _has_elastic_address(references, resource):
        return True
    if placing.public is None:
        return False
    key, value = placing.public
    found = references.given(resource, key)
    if found is UNKNOWN:
        references.undecide(resource, key, "decides whether there is a public address, and is known later only")
        return True
    if found is None and resource.type == INSTANCE:
        return _maps_public_addresses(references, subnet)
    return bool(found) == value


def _maps_public_addresses(references: References, subnet: Subnet) -> bool:
    return any(
        one.urn == subnet.id and bool(references.given(one, "mapPublicIpOnLaunch")) for one in references.all(SUBNET)
    )


def _has_elastic_address(references: References, resource: PulumiResource) -> bool:
    named = {
        urn
        for address in references.all(EIP, EIP_ASSOCIATION)
        for key, kind in (
            ("instance", INSTANCE),
            ("instanceId", INSTANCE),
            ("networkInterface", NETWORK_INTERFACE),
            ("networkInterfaceId", NETWORK_INTERFACE),
        )
        if references.given(address, key) is not None
        for urn in references.many(address, key, kind)
    }
    return resource.urn in named


def _look_for_others(references: References) -> None:
    """Say which resources take part in the network in a way that isn't modelled."""
    for resource in references.resources:
        if resource.type in MODELLED | IRRELEVANT:
            continue
        if resource.type.startswith(NETWORK):
            references.undecide(resource, "", "is of a type that isn't modelled")
        elif resource.type.startswith("aws:") and not resource.type.endswith("SubnetGroup"):
            placed = [key for key in _PLACING_PROPERTIES if references.given(resource, key) is not None]
            if placed:
                references.undecide(resource, placed[0], "places it in a network, and its type isn't modelled")
