"""The VPCs of a Pulumi program and their subnets, each with the route table and network ACL in force in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from private_inference.graph.resources import Resource
from private_inference.graph.types import (
    MAIN_ROUTE_TABLE_ASSOCIATION,
    NETWORK_ACL,
    NETWORK_ACL_ASSOCIATION,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SUBNET,
    VPC,
    VPC_CIDR_BLOCK,
)
from private_inference.graph.values import is_given
from private_inference.reachability.from_graph.references import LATER, OUTSIDE, References, default_of
from private_inference.reachability.model import NetworkAcl, RouteTable, Subnet, Vpc

Association = tuple[Resource, str | None, str, str | None]
"""The resource that declares it, the subnet or VPC, the property that names the table or ACL, and that one's id."""


def vpcs(references: References) -> dict[str, Vpc]:
    """The VPCs by URN, with all their blocks."""
    found = {}
    for resource in references.all(VPC):
        blocks = [references.text(resource, "cidrBlock"), _ipv6(references, resource)]
        dns = resource.get("enableDnsSupport")
        found[resource.urn] = Vpc(resource.urn, tuple(filter(None, blocks)), resource.name, dns is not False)
        if not blocks[0]:
            references.undecide(resource, "cidrBlock", "isn't given, so the VPC's addresses aren't known")
    for resource in references.all(VPC_CIDR_BLOCK):
        vpc, block = references.vpc_of(resource), references.text(resource, "cidrBlock")
        if vpc and block:
            found[vpc] = replace(found[vpc], cidrs=(*found[vpc].cidrs, block))
    return found


def subnets(
    references: References, tables: Mapping[str, RouteTable], acls: Mapping[str, NetworkAcl]
) -> dict[str, Subnet]:
    """The subnets by URN, each with the route table and the ACL that are in force in it."""
    main = _in_force(references, _main_tables(references), tables)
    table_of = _in_force(references, _table_associations(references), tables)
    acl_of = _in_force(references, _acl_associations(references), acls)
    found = {}
    for resource in references.all(SUBNET):
        vpc = references.vpc_of(resource)
        blocks = tuple(filter(None, [references.text(resource, "cidrBlock"), _ipv6(references, resource)]))
        if not blocks:
            references.undecide(resource, "cidrBlock", "isn't given, so the subnet's addresses aren't known")
        if vpc and blocks:
            table = table_of.get(resource.urn) or main.get(vpc) or default_of(vpc, ROUTE_TABLE)
            acl = acl_of.get(resource.urn) or default_of(vpc, NETWORK_ACL)
            zone = _zone(references, resource)
            found[resource.urn] = Subnet(resource.urn, vpc, zone, blocks, table, acl, resource.name)
    return found


def _ipv6(references: References, resource: Resource) -> str | None:
    """The IPv6 block of a VPC or subnet, which AWS chooses where the program has it generated."""
    generated = is_given(resource.get("assignGeneratedIpv6CidrBlock"))
    if generated and not isinstance(resource.get("ipv6CidrBlock"), str):
        references.undecide(resource, "ipv6CidrBlock", LATER)
        return None
    return references.text(resource, "ipv6CidrBlock")


def _zone(references: References, resource: Resource) -> str:
    zone = references.text(resource, "availabilityZone") or references.text(resource, "availabilityZoneId")
    return zone or f"zone of {resource.name}"


def _main_tables(references: References) -> Iterable[Association]:
    """The main route table of each VPC that has one other than its own."""
    for resource in references.all(MAIN_ROUTE_TABLE_ASSOCIATION):
        table = references.one_id(resource, "routeTableId", ROUTE_TABLE)
        yield resource, references.vpc_of(resource), "routeTableId", table


def _table_associations(references: References) -> Iterable[Association]:
    for resource in references.all(ROUTE_TABLE_ASSOCIATION):
        if resource.given("gatewayId") is not None:
            references.undecide(resource, "gatewayId", "gives a gateway a route table, which isn't modelled")
            continue
        table = references.one_id(resource, "routeTableId", ROUTE_TABLE)
        yield resource, references.one(resource, "subnetId", SUBNET), "routeTableId", table


def _acl_associations(references: References) -> Iterable[Association]:
    """The stand-alone ones first: they win, as they do in AWS."""
    for resource in references.all(NETWORK_ACL_ASSOCIATION):
        acl = references.one_id(resource, "networkAclId", NETWORK_ACL)
        yield resource, references.one(resource, "subnetId", SUBNET), "networkAclId", acl
    for resource in references.all(NETWORK_ACL):
        for subnet in references.many(resource, "subnetIds", SUBNET):
            yield resource, subnet, "subnetIds", resource.urn


def _in_force(
    references: References, associations: Iterable[Association], modelled: Mapping[str, object]
) -> dict[str, str]:
    """The table or ACL of each subnet or VPC: the first one, and undecided where there is a second."""
    found: dict[str, str] = {}
    for resource, owner, path, other in associations:
        if owner is None or other is None:
            continue
        if other not in modelled:
            references.undecide(resource, path, f"names {other}, which {OUTSIDE}")
        elif found.setdefault(owner, other) != other:
            references.undecide(resource, path, "is a second one for what can have only one")
    return found
