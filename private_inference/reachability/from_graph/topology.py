"""The VPCs, subnets, gateways and route tables of a Pulumi program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from private_inference.graph.references import LATER, UNKNOWN, PulumiResource, References
from private_inference.graph.types import (
    ACL,
    ACL_ASSOCIATION,
    DEFAULT_ROUTE_TABLE,
    EGRESS_ONLY_GATEWAY,
    ENDPOINT,
    ENDPOINT_ROUTE_TABLE,
    INSTANCE,
    INTERNET_GATEWAY,
    INTERNET_GATEWAY_ATTACHMENT,
    MAIN_ROUTE_TABLE_ASSOCIATION,
    NAT_GATEWAY,
    NETWORK_INTERFACE,
    PEERING,
    PREFIX_LIST,
    ROUTE,
    ROUTE_PROPAGATION,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SUBNET,
    TRANSIT_GATEWAY,
    TRANSIT_GATEWAY_ATTACHMENT,
    VPC,
    VPC_BLOCK,
    VPN_GATEWAY,
    VPN_GATEWAY_ATTACHMENT,
)
from private_inference.reachability.from_graph.firewalls import OUTSIDE, acl_meant, default_acl
from private_inference.reachability.model import (
    Cidr,
    Gateway,
    GatewayKind,
    NetworkAcl,
    PrefixListRef,
    Route,
    RouteTable,
    Subnet,
    Vpc,
)
from private_inference.reachability.traffic import ANYWHERE, short_service

# A route's targets by the property that names them, with the resources that they may be and what they are.
TARGETS: Mapping[str, tuple[GatewayKind, tuple[str, ...]]] = {
    "gatewayId": (GatewayKind.OTHER, (INTERNET_GATEWAY, VPN_GATEWAY)),
    "natGatewayId": (GatewayKind.NAT, (NAT_GATEWAY,)),
    "egressOnlyGatewayId": (GatewayKind.EGRESS_ONLY, (EGRESS_ONLY_GATEWAY,)),
    "transitGatewayId": (GatewayKind.TRANSIT, (TRANSIT_GATEWAY,)),
    "vpcPeeringConnectionId": (GatewayKind.PEERING, (PEERING,)),
    "vpcEndpointId": (GatewayKind.OTHER, (ENDPOINT,)),
    "networkInterfaceId": (GatewayKind.OTHER, (NETWORK_INTERFACE,)),
    "instanceId": (GatewayKind.OTHER, (INSTANCE,)),
    "carrierGatewayId": (GatewayKind.OTHER, ("aws:ec2/carrierGateway:CarrierGateway",)),
    "coreNetworkArn": (GatewayKind.OTHER, ("aws:networkmanager/coreNetwork:CoreNetwork",)),
    "localGatewayId": (GatewayKind.OTHER, ()),
    "odbNetworkArn": (GatewayKind.OTHER, ()),
}
_KINDS_BY_PREFIX = {
    "igw": GatewayKind.INTERNET,
    "vgw": GatewayKind.VIRTUAL_PRIVATE,
}


def vpcs(references: References) -> dict[str, Vpc]:
    """The VPCs by URN, with all their blocks."""
    found = {}
    for resource in references.all(VPC):
        blocks = [references.text(resource, "cidrBlock"), _ipv6(references, resource)]
        dns = resource.properties.get("enableDnsSupport")
        found[resource.urn] = Vpc(resource.urn, tuple(filter(None, blocks)), resource.name, dns is not False)
        if not blocks[0]:
            references.undecide(resource, "cidrBlock", "isn't given, so the VPC's addresses aren't known")
    for resource in references.all(VPC_BLOCK):
        vpc, block = references.own_vpc(resource), references.text(resource, "cidrBlock")
        if vpc and block:
            found[vpc] = replace(found[vpc], cidrs=(*found[vpc].cidrs, block))
    return found


def _ipv6(references: References, resource: PulumiResource) -> str | None:
    """The IPv6 block of a VPC or subnet, which AWS chooses where the program has it generated."""
    if resource.properties.get("assignGeneratedIpv6CidrBlock") and not isinstance(
        resource.properties.get("ipv6CidrBlock"), str
    ):
        references.undecide(resource, "ipv6CidrBlock", LATER)
        return None
    return references.text(resource, "ipv6CidrBlock")


# Subnets, with what is in force in them


def default_table(vpc: str) -> str:
    """The id of the route table that a VPC comes with."""
    return f"{vpc}/default-route-table"


def route_tables(references: References, vpcs: Mapping[str, Vpc]) -> dict[str, RouteTable]:
    """The route tables, still without routes, by URN (VPCs' own by `default_table`)."""
    found = {default_table(vpc): RouteTable(default_table(vpc), vpc, name="default") for vpc in vpcs}
    for resource in references.all(ROUTE_TABLE):
        if vpc := references.own_vpc(resource):
            found[resource.urn] = RouteTable(resource.urn, vpc, name=resource.name)
    return found


def table_meant(references: References, resource: PulumiResource, path: str) -> str | None:
    """The id of the route table that a property means."""
    return _table(references, references.one(resource, path, ROUTE_TABLE, DEFAULT_ROUTE_TABLE))


def _table(references: References, urn: str | None) -> str | None:
    adopted = {one.urn: one for one in references.all(DEFAULT_ROUTE_TABLE)}
    vpc = references.own_vpc(adopted[urn], "defaultRouteTableId") if urn in adopted else urn
    return default_table(vpc) if vpc and references.is_vpc(vpc) else urn


def subnets(
    references: References, tables: Mapping[str, RouteTable], acls: Mapping[str, NetworkAcl]
) -> dict[str, Subnet]:
    """The subnets by URN, each with the route table and the ACL that are in force in it."""
    main, routed, guarded = _main_tables(references, tables), _routed(references, tables), _guarded(references, acls)
    found = {}
    for resource in references.all(SUBNET):
        vpc = references.own_vpc(resource)
        blocks = tuple(filter(None, [references.text(resource, "cidrBlock"), _ipv6(references, resource)]))
        if not blocks:
            references.undecide(resource, "cidrBlock", "isn't given, so the subnet's addresses aren't known")
        if vpc and blocks:
            table = routed.get(resource.urn) or main.get(vpc) or default_table(vpc)
            acl = guarded.get(resource.urn) or default_acl(vpc)
            zone = _zone(references, resource)
            found[resource.urn] = Subnet(resource.urn, vpc, zone, blocks, table, acl, resource.name)
    return found


def _zone(references: References, resource: PulumiResource) -> str:
    zone = references.text(resource, "availabilityZone") or references.text(resource, "availabilityZoneId")
    return zone or f"zone of {resource.name}"


def _main_tables(references: References, tables: Mapping[str, RouteTable]) -> dict[str, str]:
    """The main route table of each VPC that has one other than its own."""
    found: dict[str, str] = {}
    for resource in references.all(MAIN_ROUTE_TABLE_ASSOCIATION):
        table = table_meant(references, resource, "routeTableId")
        _bind(references, resource, found, references.own_vpc(resource), "routeTableId", table, tables)
    return found


def _routed(references: References, tables: Mapping[str, RouteTable]) -> dict[str, str]:
    """The route table that each subnet is associated with."""
    found: dict[str, str] = {}
    for resource in references.all(ROUTE_TABLE_ASSOCIATION):
        if references.given(resource, "gatewayId") is not None:
            references.undecide(resource, "gatewayId", "gives a gateway a route table, which isn't modelled")
            continue
        table = table_meant(references, resource, "routeTableId")
        _bind(references, resource, found, references.one(resource, "subnetId", SUBNET), "routeTableId", table, tables)
    return found


def _guarded(references: References, acls: Mapping[str, NetworkAcl]) -> dict[str, str]:
    """The ACL that each subnet is associated with; stand-alone associations win, as they do in AWS."""
    found: dict[str, str] = {}
    for resource in references.all(ACL_ASSOCIATION):
        acl = acl_meant(references, resource, "networkAclId")
        _bind(references, resource, found, references.one(resource, "subnetId", SUBNET), "networkAclId", acl, acls)
    for resource in references.all(ACL):
        for subnet in references.many(resource, "subnetIds", SUBNET):
            _bind(references, resource, found, subnet, "subnetIds", resource.urn, acls)
    return found


def _bind(
    references: References,
    resource: PulumiResource,
    found: dict[str, str],
    owner: str | None,
    path: str,
    other: str | None,
    known: Mapping[str, Any],
) -> None:
    """Note what is in force for an owner; of two different things one would have to be taken, so neither is sure."""
    if owner is None or other is None:
        return
    if other not in known:
        references.undecide(resource, path, f"names {other}, which {OUTSIDE}")
    elif found.setdefault(owner, other) != other:
        references.undecide(resource, path, "is a second one for what can have only one")


# Gateways


_ATTACHED = {
    INTERNET_GATEWAY: (GatewayKind.INTERNET, "", ""),
    INTERNET_GATEWAY_ATTACHMENT: (GatewayKind.INTERNET, "internetGatewayId", INTERNET_GATEWAY),
    VPN_GATEWAY: (GatewayKind.VIRTUAL_PRIVATE, "", ""),
    VPN_GATEWAY_ATTACHMENT: (GatewayKind.VIRTUAL_PRIVATE, "vpnGatewayId", VPN_GATEWAY),
    EGRESS_ONLY_GATEWAY: (GatewayKind.EGRESS_ONLY, "", ""),
}
"""Types that attach a gateway to the VPC in `vpcId`: its kind, and where an attachment says which one and its type."""


def gateways(
    references: References, vpcs: Mapping[str, Vpc], subnets: Mapping[str, Subnet], prefix_lists: set[str]
) -> dict[str, Gateway]:
    """The gateways by URN (or by id, if only their attachment is in the program), each in its VPC."""
    found = [
        *_attached(references),
        *_nat(references, subnets),
        *_transit(references, subnets),
        *_peering(references, vpcs),
        *_endpoints(references, prefix_lists),
    ]
    return {one.id: one for one in found}


def _attached(references: References) -> Iterator[Gateway]:
    for resource in references.all(*_ATTACHED):
        kind, path, of_type = _ATTACHED[resource.type]
        if references.given(resource, "vpcId") is None:
            continue
        gateway = references.one(resource, path, of_type) if path else resource.urn
        vpc = references.own_vpc(resource)
        if gateway and vpc:
            yield Gateway(gateway, vpc, kind, name=resource.name)


def _nat(references: References, subnets: Mapping[str, Subnet]) -> Iterator[Gateway]:
    for resource in references.all(NAT_GATEWAY):
        subnet = references.one(resource, "subnetId", SUBNET)
        if subnet is not None and subnet in subnets:
            yield Gateway(resource.urn, subnets[subnet].vpc, GatewayKind.NAT, (subnet,), name=resource.name)
        else:
            references.undecide(resource, "subnetId", "means no subnet of this program, so where it leads isn't known")


def _transit(references: References, subnets: Mapping[str, Subnet]) -> Iterator[Gateway]:
    for resource in references.all(TRANSIT_GATEWAY_ATTACHMENT):
        if vpc := references.own_vpc(resource):
            attached = tuple(one for one in references.many(resource, "subnetIds", SUBNET) if one in subnets)
            yield Gateway(resource.urn, vpc, GatewayKind.TRANSIT, attached, name=resource.name)


def _peering(references: References, vpcs: Mapping[str, Vpc]) -> Iterator[Gateway]:
    """One for each of the two VPCs that is in the program: what lies beyond it is the other."""
    for resource in references.all(PEERING):
        ends = [references.one(resource, key, VPC) for key in ("vpcId", "peerVpcId")]
        for vpc, other in (ends, ends[::-1]):
            if vpc is not None and vpc in vpcs:
                blocks = vpcs[other].cidrs if other is not None and other in vpcs else ()
                yield Gateway(_peering_id(resource.urn, vpc), vpc, GatewayKind.PEERING, (), blocks, name=resource.name)


def _peering_id(urn: str, vpc: str) -> str:
    return f"{urn}@{vpc}"


def _endpoints(references: References, prefix_lists: set[str]) -> Iterator[Gateway]:
    """Gateway endpoints: the prefix list by id, or before it has one by the service that it is named after."""
    for resource in references.all(ENDPOINT):
        if resource.properties.get("vpcEndpointType", "Gateway") != "Gateway":
            continue
        vpc, service = references.own_vpc(resource), references.text(resource, "serviceName") or ""
        known = [one for one in (resource.properties.get("prefixListId"), service) if one in prefix_lists]
        if not known:
            references.undecide(resource, "prefixListId", f"stands for blocks that aren't known (of {service})")
        if vpc:
            listed, name = known[0] if known else "", short_service(service)
            yield Gateway(resource.urn, vpc, GatewayKind.ENDPOINT, prefix_list=listed, service=name, name=resource.name)


# Routes


def routes(
    references: References, tables: Mapping[str, RouteTable], gateways: dict[str, Gateway]
) -> dict[str, RouteTable]:
    """The route tables with their routes; adds to `gateways` the targets that aren't in the program."""
    found: dict[str, list[Route]] = {key: [] for key in tables}
    for resource, table, raw, path in _raw_routes(references):
        if table is not None and table in tables:
            target = _target(references, resource, raw, path, tables[table].vpc, gateways)
            found[table] += (Route(one, target) for one in _destinations(references, resource, raw, path))
        elif table:
            references.undecide(resource, "routeTableId", f"names {table}, which {OUTSIDE}")
    for table, gateway in _endpoint_tables(references):
        if table in tables and gateway in gateways and table and gateway:
            listed = gateways[gateway].prefix_list
            peers = [PrefixListRef(listed)] if listed else list(map(Cidr, ANYWHERE))
            found[table] += (Route(peer, gateway) for peer in peers)
    _propagation(references)
    return {key: replace(table, routes=tuple(found[key])) for key, table in tables.items()}


def _raw_routes(references: References) -> Iterator[tuple[PulumiResource, str | None, Mapping[str, Any], str]]:
    """Every route, inline or stand-alone: its resource, route table, properties and path."""
    for resource in references.all(ROUTE_TABLE, DEFAULT_ROUTE_TABLE):
        values = references.given(resource, "routes")
        if values is UNKNOWN:
            references.undecide(resource, "routes", LATER)
        for position, raw in enumerate(values or () if values is not UNKNOWN else ()):
            path = f"routes.{position}"
            if raw is UNKNOWN:
                references.undecide(resource, path, LATER)
            else:
                yield resource, _table(references, resource.urn), raw, path
    for resource in references.all(ROUTE):
        yield resource, table_meant(references, resource, "routeTableId"), resource.properties, ""


def _destinations(
    references: References, resource: PulumiResource, raw: Mapping[str, Any], path: str
) -> Iterator[Cidr | PrefixListRef]:
    for key in ("cidrBlock", "ipv6CidrBlock", "destinationCidrBlock", "destinationIpv6CidrBlock"):
        if raw.get(key) is UNKNOWN:
            references.undecide(resource, f"{path}.{key}".lstrip("."), LATER)
            yield from map(Cidr, ANYWHERE)
        elif raw.get(key):
            yield Cidr(raw[key])
    if raw.get("destinationPrefixListId"):
        where = f"{path}.destinationPrefixListId".lstrip(".")
        yield from map(PrefixListRef, references.named(resource, where, raw["destinationPrefixListId"], PREFIX_LIST))


def _target(
    references: References,
    resource: PulumiResource,
    raw: Mapping[str, Any],
    path: str,
    vpc: str,
    gateways: dict[str, Gateway],
) -> str | None:
    """The gateway that a route leads to, added to `gateways` if it isn't there; None when it has no target."""
    for key, (kind, types) in TARGETS.items():
        if not raw.get(key) or raw[key] == "local":
            continue
        where = f"{path}.{key}".lstrip(".")
        named = references.named(resource, where, raw[key], *types)
        meant = named[0] if len(named) == 1 else f"unknown target of {resource.urn}"
        known = _known_gateway(references, meant, vpc, gateways)
        if known is None:
            kind = _KINDS_BY_PREFIX.get(meant.partition("-")[0], kind)
            known = f"{meant}@{vpc}"
            # A NAT gateway without its subnet would be one that nothing is known of.
            kind = GatewayKind.OTHER if kind is GatewayKind.NAT else kind
            gateways.setdefault(known, Gateway(known, vpc, kind, name=meant))
            references.undecide(resource, where, f"leads to {meant}, and nothing in the program says what that does")
        return known
    return None


def _known_gateway(references: References, meant: str, vpc: str, gateways: Mapping[str, Gateway]) -> str | None:
    """The gateway of a VPC that a target means: itself, a peering's own side, or a transit gateway's attachment."""
    for candidate in (meant, _peering_id(meant, vpc)):
        if candidate in gateways:
            return candidate
    for resource in references.all(TRANSIT_GATEWAY_ATTACHMENT):
        attached = references.one(resource, "transitGatewayId", TRANSIT_GATEWAY) == meant
        if attached and resource.urn in gateways and gateways[resource.urn].vpc == vpc:
            return resource.urn
    return None


def _endpoint_tables(references: References) -> Iterator[tuple[str | None, str | None]]:
    """The route tables that gateway endpoints are in."""
    for resource in references.all(ENDPOINT):
        for urn in references.many(resource, "routeTableIds", ROUTE_TABLE, DEFAULT_ROUTE_TABLE):
            yield _table(references, urn), resource.urn
    for resource in references.all(ENDPOINT_ROUTE_TABLE):
        yield table_meant(references, resource, "routeTableId"), references.one(resource, "vpcEndpointId", ENDPOINT)


def _propagation(references: References) -> None:
    for resource in references.all(ROUTE_PROPAGATION):
        references.undecide(resource, "vpnGatewayId", "propagates routes that only the other side of the VPN knows")
    for resource in references.all(ROUTE_TABLE, DEFAULT_ROUTE_TABLE):
        if references.given(resource, "propagatingVgws"):
            references.undecide(resource, "propagatingVgws", "propagates routes that only the other side knows")
