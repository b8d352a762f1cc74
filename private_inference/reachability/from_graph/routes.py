"""The route tables of a Pulumi program, and where their routes lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from private_inference.graph import routes as declared
from private_inference.graph.resources import Resource
from private_inference.graph.types import (
    CARRIER_GATEWAY,
    CORE_NETWORK,
    DEFAULT_ROUTE_TABLE,
    EGRESS_ONLY_GATEWAY,
    INSTANCE,
    INTERNET_GATEWAY,
    NAT_GATEWAY,
    NETWORK_INTERFACE,
    PEERING_CONNECTION,
    PREFIX_LIST,
    ROUTE,
    ROUTE_TABLE,
    TRANSIT_GATEWAY,
    TRANSIT_GATEWAY_ATTACHMENT,
    VPC_ENDPOINT,
    VPC_ENDPOINT_ROUTE_TABLE,
    VPN_GATEWAY,
    VPN_ROUTE_PROPAGATION,
)
from private_inference.graph.values import Unknown, is_given
from private_inference.reachability.from_graph.references import LATER, OUTSIDE, References, default_of
from private_inference.reachability.loading import add_gateway, find_gateway
from private_inference.reachability.model import Cidr, Gateway, GatewayKind, PrefixListRef, Route, RouteTable, Vpc
from private_inference.reachability.traffic import ANYWHERE

# A route's targets by the property that names them, with the resources that they may be and what they are.
TARGETS: Mapping[str, tuple[GatewayKind, tuple[str, ...]]] = {
    "gatewayId": (GatewayKind.OTHER, (INTERNET_GATEWAY, VPN_GATEWAY)),
    "natGatewayId": (GatewayKind.NAT, (NAT_GATEWAY,)),
    "egressOnlyGatewayId": (GatewayKind.EGRESS_ONLY, (EGRESS_ONLY_GATEWAY,)),
    "transitGatewayId": (GatewayKind.TRANSIT, (TRANSIT_GATEWAY,)),
    "vpcPeeringConnectionId": (GatewayKind.PEERING, (PEERING_CONNECTION,)),
    "vpcEndpointId": (GatewayKind.OTHER, (VPC_ENDPOINT,)),
    "networkInterfaceId": (GatewayKind.OTHER, (NETWORK_INTERFACE,)),
    "instanceId": (GatewayKind.OTHER, (INSTANCE,)),
    "carrierGatewayId": (GatewayKind.OTHER, (CARRIER_GATEWAY,)),
    "coreNetworkArn": (GatewayKind.OTHER, (CORE_NETWORK,)),
    "localGatewayId": (GatewayKind.OTHER, ()),
    "odbNetworkArn": (GatewayKind.OTHER, ()),
}
_KINDS_BY_PREFIX = {
    "igw": GatewayKind.INTERNET,
    "vgw": GatewayKind.VIRTUAL_PRIVATE,
}


def route_tables(references: References, vpcs: Mapping[str, Vpc]) -> dict[str, RouteTable]:
    """The route tables, still without routes, by URN (VPCs' own by `default_of`)."""
    defaults = [RouteTable(default_of(vpc, ROUTE_TABLE), vpc, name="default") for vpc in vpcs]
    found = {table.id: table for table in defaults}
    for resource in references.all(ROUTE_TABLE):
        if vpc := references.vpc_of(resource):
            found[resource.urn] = RouteTable(resource.urn, vpc, name=resource.name)
    return found


def with_routes(
    references: References, tables: Mapping[str, RouteTable], gateways: dict[str, Gateway]
) -> dict[str, RouteTable]:
    """The route tables with their routes; adds to `gateways` the targets that aren't in the program."""
    found: dict[str, list[Route]] = {key: [] for key in tables}
    for resource, table, route in _declared(references):
        if table is not None and table in tables:
            target = _target(references, resource, route, tables[table].vpc, gateways)
            found[table] += (Route(one, target) for one in _destinations(references, resource, route))
        elif table:
            references.undecide(resource, "routeTableId", f"names {table}, which {OUTSIDE}")
    for table, gateway in _endpoint_tables(references):
        if table in tables and gateway in gateways and table and gateway:
            listed = gateways[gateway].prefix_list
            peers = [PrefixListRef(listed)] if listed else list(map(Cidr, ANYWHERE))
            found[table] += (Route(peer, gateway) for peer in peers)
    _find_propagation(references)
    return {key: replace(table, routes=tuple(found[key])) for key, table in tables.items()}


def _declared(references: References) -> Iterator[tuple[Resource, str | None, declared.Route]]:
    """Every route, inline or stand-alone, with its resource and the id of its route table."""
    for resource in references.all(ROUTE_TABLE, DEFAULT_ROUTE_TABLE):
        for route in declared.routes_of(resource):
            if isinstance(route.properties, Unknown):
                references.undecide(resource, route.path, LATER)
            else:
                yield resource, references.id_of(resource.urn, ROUTE_TABLE), route
    for resource in references.all(ROUTE):
        for route in declared.routes_of(resource):
            yield resource, references.one_id(resource, "routeTableId", ROUTE_TABLE), route


def _destinations(references: References, resource: Resource, route: declared.Route) -> Iterator[Cidr | PrefixListRef]:
    for path, block in route.blocks:
        if isinstance(block, Unknown):
            references.undecide(resource, path, LATER)
            yield from map(Cidr, ANYWHERE)
        else:
            yield Cidr(block)
    for path, value in route.given("destinationPrefixListId"):
        yield from map(PrefixListRef, references.named(resource, path, value, PREFIX_LIST))


def _target(
    references: References, resource: Resource, route: declared.Route, vpc: str, gateways: dict[str, Gateway]
) -> str | None:
    """The gateway that a route leads to, added to `gateways` if it isn't there; None when it has no target."""
    for key, (kind, types) in TARGETS.items():
        for path, value in route.given(key):
            if not isinstance(value, Unknown) and value == "local":
                continue
            named = references.named(resource, path, value, *types)
            meant = named[0] if len(named) == 1 else f"unknown target of {resource.urn}"
            known = _known_gateway(references, meant, vpc, gateways)
            if known is None:
                known = _add_unknown_gateway(meant, vpc, kind, gateways)
                reason = f"leads to {meant}, and nothing in the program says what that does"
                references.undecide(resource, path, reason)
            return known
    return None


def _known_gateway(references: References, meant: str, vpc: str, gateways: Mapping[str, Gateway]) -> str | None:
    """The gateway of a VPC that a target means: itself, a peering's own side, or a transit gateway's attachment."""
    if found := find_gateway(gateways, vpc, meant):
        return found
    for resource in references.all(TRANSIT_GATEWAY_ATTACHMENT):
        attached = references.one(resource, "transitGatewayId", TRANSIT_GATEWAY) == meant
        if attached and resource.urn in gateways and gateways[resource.urn].vpc == vpc:
            return resource.urn
    return None


def _add_unknown_gateway(meant: str, vpc: str, kind: GatewayKind, gateways: dict[str, Gateway]) -> str:
    kind = _KINDS_BY_PREFIX.get(meant.partition("-")[0], kind)
    # A NAT gateway without its subnet would be one that nothing is known of.
    kind = GatewayKind.OTHER if kind is GatewayKind.NAT else kind
    return add_gateway(gateways, vpc, meant, kind)


def _endpoint_tables(references: References) -> Iterator[tuple[str | None, str | None]]:
    """The route tables that gateway endpoints are in."""
    for resource in references.all(VPC_ENDPOINT):
        for urn in references.many(resource, "routeTableIds", ROUTE_TABLE, DEFAULT_ROUTE_TABLE):
            yield references.id_of(urn, ROUTE_TABLE), resource.urn
    for resource in references.all(VPC_ENDPOINT_ROUTE_TABLE):
        endpoint = references.one(resource, "vpcEndpointId", VPC_ENDPOINT)
        yield references.one_id(resource, "routeTableId", ROUTE_TABLE), endpoint


def _find_propagation(references: References) -> None:
    for resource in references.all(VPN_ROUTE_PROPAGATION):
        references.undecide(resource, "vpnGatewayId", "propagates routes that only the other side of the VPN knows")
    for resource in references.all(ROUTE_TABLE, DEFAULT_ROUTE_TABLE):
        if is_given(resource.given("propagatingVgws")):
            references.undecide(resource, "propagatingVgws", "propagates routes that only the other side knows")
