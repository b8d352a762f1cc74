"""The way to on-premises networks: the gateway's attachment, and the names that resolve there."""

import ipaddress
from collections.abc import Iterator
from functools import partial

from components.settings.network import OnPremisesSettings
from private_inference.reachability.model import GatewayKind
from private_inference.verification.checks import AbsentError, Assertion, Result, equal, equal_sets, joined, result
from private_inference.verification.controls import BOUNDARY
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item
from private_inference.verification.desired import ACCESS

RESOLVER = "route53resolver"
SMALLEST = 28
"""Prefix length. https://docs.aws.amazon.com/vpc/latest/tgw/tgw-best-design-practices.html"""


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Nothing for a stack without clients there."""
    settings = stack.desired.settings.network.on_premises
    if settings is None:
        return
    expect = partial(Assertion, "On premises", controls=BOUNDARY)
    gateway = settings.gateway_id
    if settings.by_transit_gateway and stack.existing:
        yield expect(f"{gateway} is attached", lambda: _attached(stack, settings))
    elif settings.by_transit_gateway:
        yield expect(f"{gateway} is attached to a /{SMALLEST} in each zone", lambda: _transit(stack, settings))
        yield expect("nothing else is in these subnets", lambda: _alone(stack))
        yield expect("their route table leads nowhere but within the VPC", lambda: _transit_routes(stack))
        yield expect("their network ACL is their own, no rule but for intended paths", lambda: _transit_acl(stack))
    else:
        yield expect(f"{gateway} is attached", lambda: _virtual_private(stack, settings))
    if settings.inbound_resolver:
        place = "in the access subnets of two zones or more"
        yield expect(f"private names resolve: an inbound endpoint {place}", lambda: _resolver(stack))
        yield expect("its group lets in queries from on-premises blocks only", lambda: _resolver_group(stack))


def _attachment(stack: Deployed) -> Item:
    found = stack.in_vpc("describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments")
    for attachment in found:
        if attachment["State"] not in ("deleted", "deleting"):
            kept: Item = attachment
            return kept
    raise AbsentError("no transit gateway is attached to the VPC")


def _attached(stack: Deployed, settings: OnPremisesSettings) -> Result:
    return equal(_attachment(stack), {"TransitGatewayId": settings.gateway_id, "State": "available"})


def _transit(stack: Deployed, settings: OnPremisesSettings) -> Result:
    attachment = _attachment(stack)
    said = equal(attachment, {"TransitGatewayId": settings.gateway_id, "State": "available"})
    subnets = [each for each in stack.subnets if each["SubnetId"] in attachment["SubnetIds"]]
    zones = {subnet["AvailabilityZone"] for subnet in stack.tiers[ACCESS]}
    faults = [] if said.ok else [said.seen]
    faults += equal_sets((subnet["AvailabilityZone"] for subnet in subnets), zones).faults
    for subnet in subnets:
        if ipaddress.ip_network(subnet["CidrBlock"]).prefixlen != SMALLEST:
            faults.append(f"{subnet['SubnetId']} is {subnet['CidrBlock']}")
    shared = sorted(set(attachment["SubnetIds"]) & {s["SubnetId"] for tier in stack.tiers.values() for s in tier})
    faults += [f"{subnet} is a tier's of workloads" for subnet in shared]
    return result(f"{attachment['TransitGatewayAttachmentId']} in {joined(attachment['SubnetIds'])}", faults)


def _alone(stack: Deployed) -> Result:
    """AWS evaluates no network ACL between an attachment and what is in its subnets."""
    attached = set(_attachment(stack)["SubnetIds"])
    within = [one for one in stack.network.interfaces.values() if one.subnet in attached]
    return result("no other interface", [f"{one.id} ({one.name}) in {one.subnet}" for one in within])


def _transit_routes(stack: Deployed) -> Result:
    tables = {stack.network.subnets[subnet].route_table for subnet in _attachment(stack)["SubnetIds"]}
    workloads = {stack.network.subnets[each].route_table for tier in stack.tiers for each in stack.subnet_ids(tier)}
    faults = [f"{table} is a tier's of workloads" for table in sorted(tables & workloads)]
    for table in sorted(tables):
        faults += [f"{table}: {route.destination}" for route in stack.network.route_tables[table].routes]
    return result(joined(tables), faults)


def _transit_acl(stack: Deployed) -> Result:
    acls = {stack.network.subnets[subnet].acl for subnet in _attachment(stack)["SubnetIds"]}
    shared = acls & {acl for tier in stack.tiers for acl in stack.acls_of(tier)}
    faults = [f"{acl} is a tier's of workloads" for acl in sorted(shared)]
    faults += [fault for acl in sorted(acls) for fault in stack.needs.beyond_acl(acl)]
    return result(joined(acls), faults)


def _virtual_private(stack: Deployed, settings: OnPremisesSettings) -> Result:
    attached = [one for one in stack.network.gateways.values() if one.kind is GatewayKind.VIRTUAL_PRIVATE]
    found = stack.in_vpc("describe_vpn_gateways", "VpnGateways", "attachment.vpc-id")
    states = {
        gateway["VpnGatewayId"]: attachment["State"]
        for gateway in found
        for attachment in gateway["VpcAttachments"]
        if attachment["VpcId"] == stack.vpc["VpcId"]
    }
    faults = equal_sets((one.id for one in attached), [settings.gateway_id]).faults
    faults += [f"{gateway} is {state}" for gateway, state in states.items() if state != "attached"]
    return result(joined(states), faults)


def _endpoint(stack: Deployed) -> Item:
    named = [{"Name": "HostVPCId", "Values": [stack.vpc["VpcId"]]}]
    found = stack.aws.all(RESOLVER, "list_resolver_endpoints", "ResolverEndpoints", Filters=named)
    if len(found) != 1:
        raise AbsentError(f"the VPC has {len(found)} resolver endpoints, not one")
    endpoint: Item = found[0]
    return endpoint


def _resolver(stack: Deployed) -> Result:
    endpoint = _endpoint(stack)
    answered = equal(endpoint, {"Direction": "INBOUND", "Status": "OPERATIONAL"})
    faults = [] if answered.ok else [answered.seen]
    asked = {"ResolverEndpointId": endpoint["Id"]}
    listed = stack.aws.all(RESOLVER, "list_resolver_endpoint_ip_addresses", "IpAddresses", **asked)
    zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in stack.tiers[ACCESS]}
    faults += [f"{each['Ip']} is {each['Status']}" for each in listed if each["Status"] != "ATTACHED"]
    faults += [f"{each['SubnetId']} is not of the access tier" for each in listed if each["SubnetId"] not in zones]
    if len({zones.get(each["SubnetId"]) for each in listed}) < 2:
        faults.append("fewer than two zones")
    promised = stack.desired.contract.on_premises
    faults += equal_sets((each["Ip"] for each in listed), promised.resolver_addresses if promised else ()).faults
    return result(f"{endpoint['Id']}: {joined(each['Ip'] for each in listed)}", faults)


def _resolver_group(stack: Deployed) -> Result:
    groups = set(_endpoint(stack)["SecurityGroupIds"])
    faults = [f"{group} is another interface's" for group in sorted(groups & set(stack.groups.values()))]
    faults += [fault for group in sorted(groups) for fault in stack.needs.beyond_group(group)]
    return result(joined(groups), faults)
