"""The VPC: its addresses, what is attached to it, its subnets and their routes."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from private_inference.verification.checks import Finding, Question, exactly, nothing, sound, values
from private_inference.verification.deployed import Deployed, Item, associated
from private_inference.verification.desired import ACCESS, GATEWAYS, TIERS

LIVE_PEERING = ("active", "pending-acceptance", "provisioning", "initiating-request")
GONE = ("deleted", "deleting", "detached", "failed", "rejected", "rejecting")
"""States of what no longer leads anywhere."""
TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
    "InstanceId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
)


def questions(stack: Deployed) -> Iterator[Question]:
    """VPC, subnets, route tables."""
    settings = stack.desired.settings.network
    vpc = partial(Question, "VPC")
    yield vpc(f"its only block is {settings.cidr}", lambda: exactly(_blocks(stack), [settings.cidr]))
    yield vpc("private names resolve", lambda: _dns(stack))
    yield vpc("no internet gateway", lambda: nothing(_internet_gateways(stack)))
    yield vpc("no egress-only internet gateway", lambda: nothing(_egress_only_gateways(stack)))
    yield vpc("no NAT gateway", lambda: nothing(_nat_gateways(stack)))
    yield vpc("no public address", lambda: nothing(_public_addresses(stack)))
    premises = sorted(set(stack.desired.on_premises.values()))
    asked = f"no way to other networks but {premises[0]}" if premises else "no way to other networks"
    yield vpc(asked, lambda: exactly(_other_networks(stack), premises))
    subnets = partial(Question, "Subnets")
    zones = settings.zones if isinstance(settings.zones, tuple) else None
    asked = (
        f"in each tier one in {', '.join(zones)}" if zones else f"in each tier one in each of {settings.zones} zones"
    )
    yield subnets(asked, lambda: _zones(stack))
    yield subnets("no public addresses at launch", lambda: nothing(_public_at_launch(stack)))
    routes = partial(Question, "Routes")
    for tier in TIERS:
        yield routes(f"of the {tier} tier: {_routes_in_words(stack, tier)}", partial(_routes_of_tier, stack, tier))
    yield routes("of the main table: within the VPC; it serves no subnet", lambda: _main_table(stack))


def _blocks(stack: Deployed) -> Iterator[str]:
    for family, block in (("", "CidrBlock"), ("Ipv6", "Ipv6CidrBlock")):
        for link in stack.vpc.get(f"{family}CidrBlockAssociationSet", []):
            if link.get(f"{block}State", {}).get("State") in ("associated", "associating"):
                yield link[block]


def _dns(stack: Deployed) -> Finding:
    names = ("enableDnsSupport", "enableDnsHostnames")
    found = {}
    for name in names:
        answer = stack.aws.get("ec2", "describe_vpc_attribute", VpcId=stack.vpc["VpcId"], Attribute=name)
        found[name] = answer.get(name[0].upper() + name[1:], {}).get("Value")
    return values(found, dict.fromkeys(names, True))


def _internet_gateways(stack: Deployed) -> list[str]:
    found = stack.in_vpc("describe_internet_gateways", "InternetGateways", "attachment.vpc-id")
    return [item["InternetGatewayId"] for item in found]


def _egress_only_gateways(stack: Deployed) -> list[str]:
    # EC2 has no filter for their VPC.
    found = stack.aws.all("ec2", "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways")
    vpc = stack.vpc["VpcId"]
    return [
        item["EgressOnlyInternetGatewayId"]
        for item in found
        if any(link["VpcId"] == vpc for link in item.get("Attachments", []))
    ]


def _nat_gateways(stack: Deployed) -> list[str]:
    found = stack.in_vpc("describe_nat_gateways", "NatGateways")
    return [item["NatGatewayId"] for item in found if item["State"] not in GONE]


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


def _other_networks(stack: Deployed) -> Iterator[str]:
    """Gateways and peerings that lead out of the VPC."""
    vpc = stack.vpc["VpcId"]
    for gateway in stack.in_vpc("describe_vpn_gateways", "VpnGateways", "attachment.vpc-id"):
        if any(link["VpcId"] == vpc and link["State"] not in GONE for link in gateway.get("VpcAttachments", [])):
            yield gateway["VpnGatewayId"]
    for link in stack.in_vpc("describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments"):
        if link["State"] not in GONE:
            yield link["TransitGatewayId"]
    for side in ("requester", "accepter"):
        for peering in stack.in_vpc(
            "describe_vpc_peering_connections", "VpcPeeringConnections", f"{side}-vpc-info.vpc-id"
        ):
            if peering["Status"]["Code"] in LIVE_PEERING:
                yield peering["VpcPeeringConnectionId"]


def _zones(stack: Deployed) -> Finding:
    wanted = stack.desired.settings.network.zones
    found = {tier: sorted(subnet["AvailabilityZone"] for subnet in stack.tiers[tier]) for tier in TIERS}
    expected = sorted(wanted) if isinstance(wanted, tuple) else sorted(set(found[ACCESS]))
    wrong = [f"{tier}: {', '.join(zones) or 'none'}" for tier, zones in found.items() if zones != expected]
    if len(expected) != stack.desired.settings.network.zone_count:
        wrong.append(f"{len(expected)} zones")
    return sound(", ".join(expected), wrong)


def _public_at_launch(stack: Deployed) -> Iterator[str]:
    for subnet in stack.subnets:
        if subnet.get("MapPublicIpOnLaunch") or subnet.get("AssignIpv6AddressOnCreation"):
            yield subnet["SubnetId"]


def _routes_in_words(stack: Deployed, tier: str) -> str:
    ways = [f"{gateway} gateway" for gateway in GATEWAYS if gateway in stack.desired.opens(tier)]
    ways += [f"{block} through {gateway}" for block, gateway in _premises_of(stack, tier).items()]
    return ", ".join(["within the VPC", *ways])


def _premises_of(stack: Deployed, tier: str) -> dict[str, str]:
    return dict(stack.desired.on_premises) if tier == ACCESS else {}


def _routes_of_tier(stack: Deployed, tier: str) -> Finding:
    desired = stack.desired
    wanted = {f"{desired.settings.network.cidr} → local"}
    wanted |= {f"{block} → {gateway}" for block, gateway in _premises_of(stack, tier).items()}
    for gateway in set(GATEWAYS) & desired.opens(tier):
        endpoint = stack.vpc_endpoint(gateway, "Gateway")["VpcEndpointId"]
        wanted.add(f"{stack.prefix_lists[gateway]['PrefixListId']} → {endpoint}")
    tables = stack.tables_of(tier)
    served = {subnet for table in tables for subnet in associated(table)}
    wrong = [f"{subnet} has no table of its tier" for subnet in sorted(stack.subnet_ids(tier) - served)]
    if not tables:
        wrong.append("it has no route table")
    for table in tables:
        found = exactly(map(_route, table["Routes"]), wanted)
        wrong += [] if found.good else [f"{table['RouteTableId']}: {found.seen}"]
    return sound(f"{', '.join(table['RouteTableId'] for table in tables)}: {', '.join(sorted(wanted))}", wrong)


def _route(route: Item) -> str:
    destination = next((route[key] for key in route if key.startswith("Destination") and route[key]), "?")
    target: Any = next((route[key] for key in TARGETS if route.get(key)), "?")
    return f"{destination} → {target}" + (" (blackhole)" if route.get("State") == "blackhole" else "")


def _main_table(stack: Deployed) -> Finding:
    main = [table for table in stack.route_tables if any(link.get("Main") for link in table.get("Associations", []))]
    own = {subnet for table in stack.route_tables for subnet in associated(table)}
    left = [f"{subnet['SubnetId']} falls to it" for subnet in stack.subnets if subnet["SubnetId"] not in own]
    local = f"{stack.desired.settings.network.cidr} → local"
    routes = exactly((_route(route) for table in main for route in table["Routes"]), [local])
    return sound(routes.seen, [*left, *([] if routes.good else [routes.seen])])
