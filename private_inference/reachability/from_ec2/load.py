"""Builds a network from what EC2 described. The network has EC2's ids; Name tags are its names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from private_inference.graph.endpoint_services import short_service
from private_inference.reachability.from_ec2.block_public_access import block_mode, exclusion
from private_inference.reachability.from_ec2.describe import Descriptions, Item
from private_inference.reachability.loading import add_gateway, find_gateway, gateway_in
from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    LINUX_PORTS,
    RESOLVER,
    AclRule,
    Cidr,
    Gateway,
    GatewayKind,
    GroupRef,
    Interface,
    Network,
    NetworkAcl,
    PrefixListRef,
    Route,
    RouteTable,
    SecurityGroup,
    SgRule,
    Subnet,
    Undecided,
    Vpc,
    open_rules,
)
from private_inference.reachability.traffic import ANYWHERE, acl_services, group_services

_FINAL_ACL_RULE = 32767
"""The number of the rule that denies everything. https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html"""
_GONE = frozenset(
    {"deleting", "deleted", "detaching", "detached", "expired", "failing", "failed", "rejecting", "rejected"}
)
"""States of what carries no packets any more. EC2 goes on describing it for a while."""


def load(described: Descriptions) -> Network:
    """The network that EC2 described. Raises ModelError for descriptions that don't fit together."""
    return _Loader(described).network()


class _Loader:
    def __init__(self, described: Descriptions) -> None:
        self._described = described
        self._undecided: dict[Undecided, None] = {}
        self._vpcs = {one["VpcId"] for one in described["Vpcs"]}
        self._prefix_lists = {
            one["PrefixListId"]: list(one["Cidrs"]) for one in described["PrefixLists"] if one.get("Cidrs")
        }
        for entry in described["PrefixListEntries"]:
            self._prefix_lists.setdefault(entry["PrefixListId"], []).append(entry["Cidr"])
        self._groups = {one["GroupId"] for one in described["SecurityGroups"]}
        self._gateways = {one.id: one for one in self._all_gateways()}

    def network(self) -> Network:
        tables = [self._route_table(raw) for raw in self._described["RouteTables"]]  # finds further gateways
        return Network.of(
            [
                *map(self._vpc, self._described["Vpcs"]),
                *self._subnets(),
                *tables,
                *map(_acl, self._described["NetworkAcls"]),
                *map(self._group, self._described["SecurityGroups"]),
                *self._unfiltered(),
                *self._gateways.values(),
                *self._interfaces(),
            ],
            self._prefix_lists,
            self._undecided,
        )

    def _undecide(self, resource: str, key: str, reason: str) -> None:
        self._undecided[Undecided(resource, key, reason)] = None

    # VPCs and subnets

    def _vpc(self, raw: Item) -> Vpc:
        blocks = [
            one["CidrBlock"]
            for one in raw.get("CidrBlockAssociationSet", ())
            if one["CidrBlockState"]["State"] in ("associating", "associated")
        ]
        blocks = blocks or [raw["CidrBlock"]]
        mode = block_mode(self._described, raw)
        return Vpc(raw["VpcId"], (*blocks, *_ipv6_blocks(raw)), _name(raw), raw.get("EnableDnsSupport", True), mode)

    def _subnets(self) -> Iterator[Subnet]:
        tables, main = self._associations()
        acls = {
            association["SubnetId"]: acl["NetworkAclId"]
            for acl in self._described["NetworkAcls"]
            for association in acl["Associations"]
        }
        for raw in self._described["Subnets"]:
            key, vpc = raw["SubnetId"], raw["VpcId"]
            blocks = [raw["CidrBlock"]] if raw.get("CidrBlock") else []
            blocks += _ipv6_blocks(raw)
            table = tables.get(key) or main.get(vpc, "")
            zone, acl, excluded = raw["AvailabilityZone"], acls.get(key, ""), exclusion(self._described, key, vpc)
            yield Subnet(key, vpc, zone, tuple(blocks), table, acl, _name(raw), exclusion=excluded)

    def _associations(self) -> tuple[dict[str, str], dict[str, str]]:
        """The route tables of subnets, and the main ones of VPCs."""
        subnets, main = {}, {}
        for table in self._described["RouteTables"]:
            for association in table["Associations"]:
                if association.get("Main"):
                    main[table["VpcId"]] = table["RouteTableId"]
                elif association.get("SubnetId"):
                    subnets[association["SubnetId"]] = table["RouteTableId"]
                elif association.get("GatewayId"):
                    reason = "gives a gateway a route table, which isn't modelled"
                    self._undecide(table["RouteTableId"], "Associations", reason)
        return subnets, main

    # Gateways and routes

    def _all_gateways(self) -> Iterator[Gateway]:
        yield from self._attached("InternetGateways", "InternetGatewayId", GatewayKind.INTERNET)
        yield from self._attached("EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId", GatewayKind.EGRESS_ONLY)
        yield from self._attached("VpnGateways", "VpnGatewayId", GatewayKind.VIRTUAL_PRIVATE)
        for raw in self._described["NatGateways"]:
            if raw["State"] not in _GONE:
                subnets = (raw["SubnetId"],)
                yield Gateway(raw["NatGatewayId"], raw["VpcId"], GatewayKind.NAT, subnets, name=_name(raw))
        for raw in self._described["TransitGatewayVpcAttachments"]:
            if raw["State"] not in _GONE:
                vpc, transit = raw["VpcId"], raw["TransitGatewayId"]
                key, name = gateway_in(vpc, transit), _name(raw) or transit
                yield Gateway(key, vpc, GatewayKind.TRANSIT, tuple(raw["SubnetIds"]), name=name)
        yield from self._peerings()
        yield from self._endpoints()

    def _attached(self, answer: str, key: str, kind: GatewayKind) -> Iterator[Gateway]:
        """Gateways that are attached to one of the VPCs, or are being attached."""
        for raw in self._described[answer]:
            for attachment in raw.get("VpcAttachments", raw.get("Attachments", ())):
                if attachment["VpcId"] in self._vpcs and attachment["State"] not in _GONE:
                    yield Gateway(raw[key], attachment["VpcId"], kind, name=_name(raw))

    def _peerings(self) -> Iterator[Gateway]:
        """Each side of a peering connection that is in a described VPC: beyond it lie the other side's blocks."""
        for raw in self._described["VpcPeeringConnections"]:
            if raw["Status"]["Code"] in _GONE:
                continue
            ends = (raw["RequesterVpcInfo"], raw["AccepterVpcInfo"])
            for near, far in (ends, ends[::-1]):
                if near.get("VpcId") in self._vpcs:
                    blocks = [one["CidrBlock"] for one in far.get("CidrBlockSet", ())]
                    blocks += [one["Ipv6CidrBlock"] for one in far.get("Ipv6CidrBlockSet", ())]
                    key = gateway_in(near["VpcId"], raw["VpcPeeringConnectionId"])
                    yield Gateway(key, near["VpcId"], GatewayKind.PEERING, (), tuple(blocks), name=_name(raw))

    def _endpoints(self) -> Iterator[Gateway]:
        by_name = {one["PrefixListName"]: one["PrefixListId"] for one in self._described["PrefixLists"]}
        for raw in self._described["VpcEndpoints"]:
            if raw["VpcEndpointType"] == "Gateway" and raw["State"].lower() not in _GONE:
                prefix_list = by_name.get(raw["ServiceName"], "")
                if prefix_list not in self._prefix_lists:
                    prefix_list = ""
                    self._undecide(raw["VpcEndpointId"], "ServiceName", "stands for blocks that EC2 doesn't list")
                service = short_service(raw["ServiceName"])
                yield Gateway(
                    raw["VpcEndpointId"],
                    raw["VpcId"],
                    GatewayKind.ENDPOINT,
                    prefix_list=prefix_list,
                    service=service,
                    name=_name(raw) or service,
                )

    def _route_table(self, raw: Item) -> RouteTable:
        routes = [
            Route(destination, self._target(raw, route), route.get("Origin") == "EnableVgwRoutePropagation")
            for route in raw["Routes"]
            if route.get("GatewayId") != "local"
            for destination in self._destinations(raw, route)
        ]
        return RouteTable(raw["RouteTableId"], raw["VpcId"], tuple(routes), _name(raw))

    def _destinations(self, table: Item, route: Item) -> Iterator[Cidr | PrefixListRef]:
        for key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock"):
            if route.get(key):
                yield Cidr(route[key])
        if prefix_list := route.get("DestinationPrefixListId"):
            yield from self._prefix_list(table["RouteTableId"], "Routes", prefix_list)

    def _prefix_list(self, resource: str, key: str, prefix_list: str) -> Iterator[Cidr | PrefixListRef]:
        """A prefix list that a property names; every address, and undecided, if EC2 doesn't list its blocks."""
        if prefix_list in self._prefix_lists:
            yield PrefixListRef(prefix_list)
        else:
            self._undecide(resource, key, f"names prefix list {prefix_list}, whose blocks EC2 hides")
            yield from map(Cidr, ANYWHERE)

    def _target(self, table: Item, route: Item) -> str | None:
        """The gateway that a route leads to; None where it drops packets."""
        if route.get("State") == "blackhole":
            return None
        meant = next((str(route[key]) for key in _TARGETS if route.get(key)), "nothing that is known")
        vpc = table["VpcId"]
        if found := find_gateway(self._gateways, vpc, meant):
            return found
        self._undecide(table["RouteTableId"], "Routes", f"leads to {meant}, and what that does isn't modelled")
        return add_gateway(self._gateways, vpc, meant)

    # Security groups and interfaces

    def _group(self, raw: Item) -> SecurityGroup:
        def rules(key: str) -> tuple[SgRule, ...]:
            return tuple(rule for permission in raw[key] for rule in self._group_rules(raw["GroupId"], permission))

        ingress, egress = rules("IpPermissions"), rules("IpPermissionsEgress")
        return SecurityGroup(raw["GroupId"], raw["VpcId"], ingress, egress, _name(raw) or raw["GroupName"])

    def _unfiltered(self) -> Iterator[SecurityGroup]:
        """For interfaces without security groups, such as a Network Load Balancer's: a group that admits everything."""
        for vpc in sorted(self._vpcs):
            yield SecurityGroup(_no_groups(vpc), vpc, open_rules(), open_rules(), "no security groups")

    def _group_rules(self, group: str, permission: Item) -> Iterator[SgRule]:
        services = group_services(permission["IpProtocol"], permission.get("FromPort"), permission.get("ToPort"))
        return (SgRule(services, peer) for peer in self._peers(group, permission))

    def _peers(self, group: str, permission: Item) -> Iterator[Cidr | PrefixListRef | GroupRef]:
        yield from (Cidr(one["CidrIp"]) for one in permission.get("IpRanges", ()))
        yield from (Cidr(one["CidrIpv6"]) for one in permission.get("Ipv6Ranges", ()))
        for one in permission.get("PrefixListIds", ()):
            yield from self._prefix_list(group, "PrefixListIds", one["PrefixListId"])
        for one in permission.get("UserIdGroupPairs", ()):
            if one["GroupId"] in self._groups:
                yield GroupRef(one["GroupId"])
            else:
                self._undecide(group, "UserIdGroupPairs", f"names {one['GroupId']}, which is in another VPC")

    def _interfaces(self) -> Iterator[Interface]:
        endpoints = {
            interface: endpoint
            for endpoint in self._described["VpcEndpoints"]
            for interface in endpoint.get("NetworkInterfaceIds", ())
        }
        for raw in self._described["NetworkInterfaces"]:
            if raw.get("InterfaceType") not in ("nat_gateway", "transit_gateway"):  # these are gateways themselves
                yield _interface(raw, endpoints.get(raw["NetworkInterfaceId"]))


_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "EgressOnlyInternetGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
)


def _name(raw: Item) -> str:
    tags = {tag["Key"]: tag["Value"] for tag in raw.get("Tags") or raw.get("TagSet") or ()}
    return str(tags.get("Name", ""))


def _ipv6_blocks(raw: Item) -> list[str]:
    return [
        one["Ipv6CidrBlock"]
        for one in raw.get("Ipv6CidrBlockAssociationSet", ())
        if one["Ipv6CidrBlockState"]["State"] in ("associating", "associated")
    ]


def _acl(raw: Item) -> NetworkAcl:
    def rules(egress: bool) -> tuple[AclRule, ...]:
        return tuple(_acl_rules(entry for entry in raw["Entries"] if entry["Egress"] is egress))

    return NetworkAcl(raw["NetworkAclId"], raw["VpcId"], rules(False), rules(True), _name(raw))


def _acl_rules(entries: Iterable[Item]) -> Iterator[AclRule]:
    for entry in entries:
        if entry["RuleNumber"] == _FINAL_ACL_RULE:
            continue
        ports, icmp = entry.get("PortRange", {}), entry.get("IcmpTypeCode", {})
        offered = acl_services(
            str(entry["Protocol"]), ports.get("From"), ports.get("To"), icmp.get("Type"), icmp.get("Code")
        )
        for block in filter(None, (entry.get("CidrBlock"), entry.get("Ipv6CidrBlock"))):
            yield AclRule(entry["RuleNumber"], entry["RuleAction"] == "allow", offered, block)


def _no_groups(vpc: str) -> str:
    return f"{vpc}/no-groups"


def _interface(raw: Item, endpoint: Item | None) -> Interface:
    description = raw.get("Description", "")
    kind, ephemeral = "network interface", LINUX_PORTS
    if endpoint:
        kind = "interface endpoint"
    elif raw.get("InterfaceType") == "lambda" or description.startswith("AWS Lambda VPC ENI"):
        kind, ephemeral = "Lambda function", ANY_CLIENT_PORTS
    elif raw.get("InterfaceType") == "network_load_balancer" or description.startswith("ELB "):
        kind, ephemeral = "load balancer", ANY_CLIENT_PORTS
    elif description.startswith("Route 53 Resolver: "):
        kind = RESOLVER
    private = raw.get("PrivateIpAddresses", ())
    return Interface(
        raw["NetworkInterfaceId"],
        raw["SubnetId"],
        frozenset(group["GroupId"] for group in raw.get("Groups", ())) or frozenset({_no_groups(raw["VpcId"])}),
        (
            *(one["PrivateIpAddress"] for one in private),
            *(one["Ipv6Address"] for one in raw.get("Ipv6Addresses", ())),
        ),
        any(one.get("Association", {}).get("PublicIp") for one in private),
        kind,
        (_name(endpoint) or endpoint["VpcEndpointId"]) if endpoint else "",
        short_service(endpoint["ServiceName"]) if endpoint else "",
        _name(raw) or description or raw["NetworkInterfaceId"],
        ephemeral,
    )
