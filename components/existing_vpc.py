"""The facts of a VPC that is there already, read from EC2: its subnets by tier, and what decides about their packets.

Where there is no account to read, they are taken to be as the settings need them, and the program says so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components import clients
from components.cidr import WORKLOADS, Tier, plan_subnets
from components.endpoint_services import RUNTIME, runtime_service
from components.settings import ExistingVpcSettings, Settings, SettingsError

Item = Mapping[str, Any]
"""What EC2 describes, in its own words."""

EXAMPLE_BLOCK = "10.0.0.0/16"
OPEN_ENTRIES = tuple(
    {"RuleNumber": 100, "Egress": egress, "RuleAction": "allow", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}
    for egress in (False, True)
)
"""https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html"""
GATEWAY_KEYS = (
    "GatewayId", "NatGatewayId", "EgressOnlyInternetGatewayId", "TransitGatewayId", "VpcPeeringConnectionId",
    "NetworkInterfaceId", "InstanceId", "CarrierGatewayId", "LocalGatewayId", "CoreNetworkArn", "OdbNetworkArn",
)  # fmt: skip
"""Where a route leads: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Route.html."""


@dataclass(frozen=True, kw_only=True)
class ExistingVpc:
    """What EC2 describes of a VPC, and of the subnets that a stack is to use."""

    id: str
    vpc: Item | None
    """None if there is no such VPC."""
    dns: Mapping[str, bool]
    """Its attributes enableDnsSupport and enableDnsHostnames."""
    subnets: Mapping[str, Item]
    """Those of the tiers, and a transit gateway attachment's, by id. Those that don't exist are left out."""
    tiers: Mapping[Tier, Sequence[str]]
    """Ids of the subnets by tier, as they are set."""
    route_tables: Sequence[Item]
    """All of the VPC's."""
    acls: Sequence[Item]
    """All of the VPC's network ACLs."""
    endpoints: Sequence[Item]
    """All of the VPC's VPC endpoints."""
    flow_logs: Sequence[Item]
    groups: Mapping[str, Item]
    """The security groups of the interface endpoints that are reused, by id."""
    attachments: Sequence[Item]
    """Those of transit gateways."""
    prefix_lists: Sequence[Item]
    """AWS's own, of services with a gateway endpoint."""
    own: frozenset[str]
    """Ids of VPC endpoints and flow logs that are the stack's already."""
    own_interfaces: Mapping[str, int]
    """Addresses that the stack itself has already, by subnet."""

    def of(self, tier: Tier) -> list[Item]:
        """The subnets of a tier that exist."""
        return [self.subnets[each] for each in self.tiers[tier] if each in self.subnets]

    @property
    def zones(self) -> list[str]:
        """The zones of the access tier's subnets."""
        return [subnet["AvailabilityZone"] for subnet in self.of(Tier.ACCESS)]

    def by_zone(self, tier: Tier) -> dict[str, str]:
        """Ids of a tier's subnets by zone."""
        return {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in self.of(tier)}

    def route_table(self, subnet: str) -> Item:
        """The table in force: the one that is associated with the subnet, else the main one."""
        main: Item = {"RouteTableId": "", "Routes": [], "Associations": []}
        for table in self.route_tables:
            for association in table["Associations"]:
                if association.get("SubnetId") == subnet:
                    return table
                main = table if association.get("Main") else main
        return main

    def acl(self, subnet: str) -> Item:
        """The network ACL in force. Each subnet has one; the VPC's default is the last resort."""
        for acl in self.acls:
            if any(association["SubnetId"] == subnet for association in acl["Associations"]):
                return acl
        return next((acl for acl in self.acls if acl["IsDefault"]), {"NetworkAclId": "", "Entries": []})

    def endpoint(self, identity: str | None) -> Item | None:
        """The VPC's endpoint with an id, if it is there."""
        return next((each for each in self.endpoints if each["VpcEndpointId"] == identity), None)

    def tables_of(self, tiers: Iterable[Tier]) -> list[str]:
        """Ids of the route tables in force in some tiers, each once."""
        found = (self.route_table(subnet["SubnetId"])["RouteTableId"] for tier in tiers for subnet in self.of(tier))
        return list(dict.fromkeys(found))


def target_of(route: Item) -> str:
    """What a route leads to, by id."""
    return next((str(route[key]) for key in GATEWAY_KEYS if route.get(key)), "nothing that EC2 names")


def read(settings: Settings, existing: ExistingVpcSettings) -> ExistingVpc:
    """The facts of the VPC. Raises SettingsError where EC2 can't be read."""
    ec2 = clients.client("ec2", settings.region)
    if ec2 is None:
        pulumi.warn(
            f"network.existing: {existing.vpc_id} can't be read without an account, and is taken to be as the settings "
            "need it. `check --live` reads it."
        )
        return _assumed(settings, existing)
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return _described(_Reader(ec2), existing)
    except (BotoCoreError, ClientError) as error:
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else str(error)
        raise SettingsError(
            f"network.existing.vpcId: {existing.vpc_id!r} can't be read: {reason}. Use credentials that may describe "
            "VPCs, subnets, route tables, network ACLs, VPC endpoints, flow logs, security groups and interfaces."
        ) from None


class _Reader:
    """Reads what EC2 lists, page by page."""

    def __init__(self, ec2: Any) -> None:
        self.ec2 = ec2

    def list(self, operation: str, member: str, **filters: Sequence[str]) -> list[Item]:
        named = [{"Name": key.replace("_", "-"), "Values": list(values)} for key, values in filters.items()]
        pages = self.ec2.get_paginator(operation).paginate(**({"Filters": named} if named else {}))
        return [item for page in pages for item in page[member]]

    def attribute(self, vpc: str, name: str) -> bool:
        answer = self.ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)
        return bool(answer[name[0].upper() + name[1:]]["Value"])


def _described(aws: _Reader, existing: ExistingVpcSettings) -> ExistingVpc:
    vpc = [existing.vpc_id]
    found = aws.list("describe_vpcs", "Vpcs", vpc_id=vpc)
    attachments = aws.list("describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments", vpc_id=vpc)
    attached = [subnet for each in attachments for subnet in each["SubnetIds"]]
    tiers = {Tier(tier): subnets for tier, subnets in existing.subnets.by_tier.items()}
    wanted = [*attached, *(subnet for subnets in tiers.values() for subnet in subnets)]
    endpoints = [
        endpoint
        for endpoint in aws.list("describe_vpc_endpoints", "VpcEndpoints", vpc_id=vpc)
        if endpoint["State"].lower() not in ("deleting", "deleted")
    ]
    flow_logs = aws.list("describe_flow_logs", "FlowLogs", resource_id=vpc)
    reused = {*existing.interface_endpoints.values()}
    groups = [g["GroupId"] for e in endpoints if e["VpcEndpointId"] in reused for g in e.get("Groups", ())]
    return ExistingVpc(
        id=existing.vpc_id,
        vpc=found[0] if found else None,
        dns={name: aws.attribute(existing.vpc_id, name) for name in _DNS} if found else {},
        subnets={each["SubnetId"]: each for each in aws.list("describe_subnets", "Subnets", subnet_id=wanted)},
        tiers=tiers,
        route_tables=aws.list("describe_route_tables", "RouteTables", vpc_id=vpc),
        acls=aws.list("describe_network_acls", "NetworkAcls", vpc_id=vpc),
        endpoints=endpoints,
        flow_logs=flow_logs,
        groups={g["GroupId"]: g for g in aws.list("describe_security_groups", "SecurityGroups", group_id=groups)}
        if groups
        else {},
        attachments=attachments,
        prefix_lists=aws.list("describe_prefix_lists", "PrefixLists"),
        own=frozenset(
            each.get("VpcEndpointId") or each["FlowLogId"]
            for each in (*endpoints, *flow_logs)
            if _own_tags().items() <= _tags(each)
        ),
        own_interfaces=_own_interfaces(aws, vpc),
    )


_DNS = ("enableDnsSupport", "enableDnsHostnames")


def _own_tags() -> dict[str, str]:
    """What the resources of the stack, and no others, are tagged with."""
    return {"Project": pulumi.get_project(), "Stack": pulumi.get_stack()}


def _tags(item: Item) -> set[tuple[str, str]]:
    return {(tag["Key"], tag["Value"]) for tag in item.get("Tags", ())}


def _own_interfaces(aws: _Reader, vpc: Sequence[str]) -> dict[str, int]:
    """Addresses of interfaces with a security group that carries the stack's tags, by subnet."""
    tags = {f"tag:{key}": [value] for key, value in _own_tags().items()}
    groups = [group["GroupId"] for group in aws.list("describe_security_groups", "SecurityGroups", vpc_id=vpc, **tags)]
    found: dict[str, int] = {}
    for one in aws.list("describe_network_interfaces", "NetworkInterfaces", group_id=groups) if groups else ():
        found[one["SubnetId"]] = found.get(one["SubnetId"], 0) + len(one.get("PrivateIpAddresses", ()))
    return found


def _assumed(settings: Settings, existing: ExistingVpcSettings) -> ExistingVpc:
    """A VPC in which everything is as the settings need it."""
    tiers = {Tier(tier): subnets for tier, subnets in existing.subnets.by_tier.items()}
    zones = [f"{settings.region}{letter}" for letter in "abcdef"[: len(existing.subnets.access)]]
    blocks = plan_subnets(EXAMPLE_BLOCK, zones).subnets
    subnets = {
        identity: {
            "SubnetId": identity,
            "VpcId": existing.vpc_id,
            "AvailabilityZone": zone,
            "CidrBlock": blocks[tier][zone],
            "AvailableIpAddressCount": settings.model_interfaces + 100,
        }
        for tier in WORKLOADS
        for identity, zone in zip(tiers[tier], zones, strict=False)
    }
    return ExistingVpc(
        id=existing.vpc_id,
        vpc={"VpcId": existing.vpc_id, "CidrBlock": EXAMPLE_BLOCK},
        dns=dict.fromkeys(_DNS, True),
        subnets=subnets,
        tiers=tiers,
        route_tables=[*_assumed_tables(settings, existing)],
        acls=[{"NetworkAclId": "acl-assumed", "IsDefault": True, "Associations": [], "Entries": OPEN_ENTRIES}],
        endpoints=[*_assumed_endpoints(settings, existing)],
        flow_logs=[] if existing.flow_logs else [_ASSUMED_FLOW_LOG],
        groups={"sg-assumed": _assumed_group([blocks[Tier.APP][zone] for zone in zones])},
        attachments=[],
        prefix_lists=[],
        own=frozenset(),
        own_interfaces={},
    )


_ASSUMED_TABLE = "rtb-assumed"
_ASSUMED_FLOW_LOG = {"FlowLogId": "fl-assumed", "FlowLogStatus": "ACTIVE", "TrafficType": "ALL"}


def _assumed_group(clients: Sequence[str]) -> Item:
    ranges = [{"CidrIp": block} for block in clients]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": ranges}
    return {"GroupId": "sg-assumed", "IpPermissions": [https], "IpPermissionsEgress": []}


def _assumed_tables(settings: Settings, existing: ExistingVpcSettings) -> Iterator[Item]:
    """The tables that are named, or one, for clients and models, by turns; one for the access subnets."""
    premises = settings.network.on_premises
    key = "TransitGatewayId" if premises and premises.by_transit_gateway else "GatewayId"
    onwards = [{"DestinationCidrBlock": b, key: premises.gateway_id} for b in premises.cidrs] if premises else []
    tables = existing.route_tables or (_ASSUMED_TABLE,)
    users = [*existing.subnets.model, *existing.subnets.app]
    for position, table in enumerate(tables):
        associations = [{"SubnetId": subnet} for subnet in users[position :: len(tables)]]
        yield {"RouteTableId": table, "Routes": [], "Associations": associations}
    associations = [{"SubnetId": subnet} for subnet in existing.subnets.access]
    yield {"RouteTableId": f"{_ASSUMED_TABLE}-access", "Routes": onwards, "Associations": associations}


def _assumed_endpoints(settings: Settings, existing: ExistingVpcSettings) -> Iterator[Item]:
    def item(identity: str, service: str, kind: str, **more: Any) -> Item:
        name = f"com.amazonaws.{settings.region}.{service}"
        more |= {"VpcId": existing.vpc_id, "State": "available", "PolicyDocument": None}
        return {"VpcEndpointId": identity, "ServiceName": name, "VpcEndpointType": kind, **more}

    if existing.s3_gateway:
        yield item(existing.s3_gateway, "s3", "Gateway", RouteTableIds=[_ASSUMED_TABLE])
    for service, identity in existing.interface_endpoints.items():
        name = runtime_service(settings.private_access.fips) if service == RUNTIME else service
        subnets, groups = list(existing.subnets.access), [{"GroupId": "sg-assumed"}]
        names = [{"DnsName": f"{identity}.{name}.{settings.region}.vpce.amazonaws.com"}]
        yield item(
            identity, name, "Interface", SubnetIds=subnets, Groups=groups, PrivateDnsEnabled=True, DnsEntries=names
        )
