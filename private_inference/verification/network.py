"""The VPC: its addresses, what is attached to it, its subnets and their route tables."""

from collections.abc import Iterable, Iterator
from functools import partial

from private_inference.reachability.model import GatewayKind
from private_inference.reachability.stack_intent import TIERS
from private_inference.verification import existing_vpc
from private_inference.verification.checks import (
    Assertion,
    Result,
    empty,
    equal_sets,
    joined,
    result,
)
from private_inference.verification.controls import BOUNDARY
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import ACCESS


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """VPC, subnets, route tables."""
    settings = stack.desired.settings.network
    if settings.existing:
        yield from existing_vpc.assertions(stack)
        return
    vpc = partial(Assertion, "VPC", controls=BOUNDARY)
    yield vpc(f"its only block is {settings.cidr}", lambda: _blocks(stack))
    yield vpc("private names resolve", lambda: existing_vpc.dns(stack))
    for kind in (GatewayKind.INTERNET, GatewayKind.EGRESS_ONLY, GatewayKind.NAT):
        yield vpc(f"no {kind}", partial(_no_gateway, stack, kind))
    yield vpc("no public address", lambda: empty(_public_addresses(stack)))
    premises = {settings.on_premises.gateway_id} if settings.on_premises else set()
    text = " but ".join(["no way to other networks", *premises])
    yield vpc(text, lambda: equal_sets(_other_networks(stack), premises))
    subnets = partial(Assertion, "Subnets", controls=BOUNDARY)
    zones = ", ".join(settings.zones) if isinstance(settings.zones, tuple) else f"each of {settings.zones} zones"
    yield subnets(f"in each tier one in {zones}", lambda: _zones(stack))
    yield subnets("no public addresses at launch", lambda: empty(_public_at_launch(stack)))
    routes = partial(Assertion, "Routes", controls=BOUNDARY)
    for tier in TIERS:
        yield routes(f"{tier}: no route but for intended paths", partial(_routes, stack, tier))
    yield routes("main table: within the VPC; it serves no subnet", lambda: _main_table(stack))


def _blocks(stack: Deployed) -> Result:
    vpc = stack.network.vpcs[stack.desired.contract.vpc_id]
    return equal_sets(vpc.cidrs, [stack.desired.settings.network.cidr])


def _gateways(stack: Deployed, *kinds: GatewayKind) -> Iterator[str]:
    """EC2's ids of the VPC's gateways of some kinds."""
    for gateway in stack.network.gateways.values():
        if gateway.kind in kinds:
            yield gateway.id.partition("@")[0]


def _no_gateway(stack: Deployed, kind: GatewayKind) -> Result:
    return empty(_gateways(stack, kind))


def _other_networks(stack: Deployed) -> Iterable[str]:
    return _gateways(stack, GatewayKind.VIRTUAL_PRIVATE, GatewayKind.TRANSIT, GatewayKind.PEERING)


def _public_addresses(stack: Deployed) -> Iterator[str]:
    interfaces = stack.in_vpc("describe_network_interfaces", "NetworkInterfaces")
    for interface in interfaces:
        if public := interface.get("Association", {}).get("PublicIp"):
            yield f"{public} of {interface['NetworkInterfaceId']}"
        if interface.get("Ipv6Addresses"):
            yield f"IPv6 of {interface['NetworkInterfaceId']}"
    own = {interface["NetworkInterfaceId"] for interface in interfaces}
    for address in stack.aws.all("ec2", "describe_addresses", "Addresses"):
        if address.get("NetworkInterfaceId") in own:
            yield f"{address['PublicIp']} of {address['NetworkInterfaceId']}"


def _zones(stack: Deployed) -> Result:
    wanted = stack.desired.settings.network.zones
    found = {tier: sorted(subnet["AvailabilityZone"] for subnet in stack.tiers[tier]) for tier in TIERS}
    expected = sorted(wanted) if isinstance(wanted, tuple) else sorted(set(found[ACCESS]))
    faults = [f"{tier}: {', '.join(zones) or 'none'}" for tier, zones in found.items() if zones != expected]
    if len(expected) != stack.desired.settings.network.zone_count:
        faults.append(f"{len(expected)} zones")
    return result(", ".join(expected), faults)


def _public_at_launch(stack: Deployed) -> Iterator[str]:
    for subnet in stack.subnets:
        if subnet.get("MapPublicIpOnLaunch") or subnet.get("AssignIpv6AddressOnCreation"):
            yield subnet["SubnetId"]


def _routes(stack: Deployed, tier: str) -> Result:
    tables = {stack.network.subnets[subnet].route_table for subnet in stack.subnet_ids(tier)}
    faults = [] if tables else ["it has no route table"]
    faults += [f"{table}: {fault}" for table in sorted(tables) for fault in stack.needs.beyond_table(table)]
    return result(joined(tables), faults)


def _main_table(stack: Deployed) -> Result:
    tables = stack.in_vpc("describe_route_tables", "RouteTables")
    links = [link for table in tables for link in table.get("Associations", [])]
    left = stack.network.subnets.keys() - {link.get("SubnetId") for link in links}
    faults = [f"{subnet} falls to it" for subnet in sorted(left)]
    main = [link["RouteTableId"] for link in links if link.get("Main")]
    faults += [f"→ {route.target}" for table in main for route in stack.network.route_tables[table].routes]
    return result(joined(main), faults)
