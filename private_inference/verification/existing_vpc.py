"""A VPC that the stack did not make: what of it has to hold for the stack's subnets. The rest is its owner's."""

from collections.abc import Iterator
from functools import partial

from private_inference.reachability.stack_intent import TIERS
from private_inference.verification.checks import Assertion, Result, empty, equal, joined, result
from private_inference.verification.controls import BOUNDARY
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import ACCESS, MODEL


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Names, zones, public addresses and routes of the subnets that the settings name."""
    vpc = partial(Assertion, "VPC", controls=BOUNDARY)
    yield vpc("private names resolve", lambda: dns(stack))
    subnets = partial(Assertion, "Subnets", controls=BOUNDARY)
    yield subnets(
        "those that the settings name are in the VPC, in each tier one in each of its zones", lambda: _zones(stack)
    )
    yield subnets("no public addresses in them, nor at launch", lambda: empty(_public(stack)))
    routes = partial(Assertion, "Routes", controls=BOUNDARY)
    for tier in TIERS:
        claim = "within the VPC, to its gateway endpoints"
        premises = stack.desired.settings.network.on_premises if tier != MODEL else None
        claim += f" and to {premises.gateway_id}" if premises else ""
        yield routes(f"{tier}: {claim} alone", partial(_routes, stack, tier))


def dns(stack: Deployed) -> Result:
    """Both attributes that private DNS of endpoints needs."""
    found = {}
    for name in ("enableDnsSupport", "enableDnsHostnames"):
        answer = stack.aws.get("ec2", "describe_vpc_attribute", VpcId=stack.vpc["VpcId"], Attribute=name)
        found[name] = answer[name[0].upper() + name[1:]]["Value"]
    return equal(found, dict.fromkeys(found, True))


def _zones(stack: Deployed) -> Result:
    existing = stack.existing
    named = existing.subnets.by_tier if existing else {}
    found = {tier: sorted(subnet["AvailabilityZone"] for subnet in stack.tiers[tier]) for tier in TIERS}
    expected = sorted(set(found[ACCESS]))
    faults = [f"{tier}: {', '.join(zones) or 'none'}" for tier, zones in found.items() if zones != expected]
    there = {subnet["SubnetId"] for subnet in stack.subnets}
    faults += [f"{each} is not in the VPC" for tier in TIERS for each in named[tier] if each not in there]
    return result(", ".join(expected), faults)


def _public(stack: Deployed) -> Iterator[str]:
    own = {subnet["SubnetId"]: subnet for tier in TIERS for subnet in stack.tiers[tier]}
    for identity, subnet in own.items():
        if subnet.get("MapPublicIpOnLaunch") or subnet.get("AssignIpv6AddressOnCreation"):
            yield identity
    for interface in stack.in_vpc("describe_network_interfaces", "NetworkInterfaces"):
        public = interface.get("Association", {}).get("PublicIp")
        if interface["SubnetId"] in own and (public or interface.get("Ipv6Addresses")):
            yield f"{public or 'IPv6'} of {interface['NetworkInterfaceId']} in {interface['SubnetId']}"


def _routes(stack: Deployed, tier: str) -> Result:
    premises = stack.desired.settings.network.on_premises
    known = {endpoint["VpcEndpointId"] for endpoint in stack.vpc_endpoints}
    known |= {premises.gateway_id} if premises and tier != MODEL else set()
    tables = sorted({stack.network.subnets[subnet].route_table for subnet in stack.subnet_ids(tier)})
    faults = [
        f"{table}: {route.destination} → {route.target or 'nowhere (blackhole)'}"
        for table in tables
        for route in stack.network.route_tables[table].routes
        if (route.target or "").partition("@")[0] not in known
    ]
    return result(joined(tables), faults)
