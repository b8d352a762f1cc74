"""The facts of an existing VPC in the words of the AWS provider, for rules and proofs that read a program's resources.

Nothing here is made: the program tells what is there, as far as packets from and to its subnets are concerned.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.cidr import WORKLOADS
from components.endpoint_services import RUNTIME
from components.existing_vpc import GATEWAY_KEYS, ExistingVpc, Item
from components.settings import Settings

Fact = Mapping[str, Any]
"""`type`, a token of the AWS provider; `properties`, with the `id` among them; and a `name`, if it is not the id."""

ROUTE_TARGETS = {
    "GatewayId": "gatewayId",
    "NatGatewayId": "natGatewayId",
    "EgressOnlyInternetGatewayId": "egressOnlyGatewayId",
    "TransitGatewayId": "transitGatewayId",
    "VpcPeeringConnectionId": "vpcPeeringConnectionId",
    "NetworkInterfaceId": "networkInterfaceId",
    "InstanceId": "instanceId",
    "CarrierGatewayId": "carrierGatewayId",
    "LocalGatewayId": "localGatewayId",
    "CoreNetworkArn": "coreNetworkArn",
    "OdbNetworkArn": "odbNetworkArn",
}


def facts(settings: Settings, vpc: ExistingVpc) -> list[Fact]:
    """What there is: the VPC, the subnets with their tables and ACLs, and the endpoints and gateways that they use."""
    return [
        *_vpc(vpc),
        *_subnets(vpc),
        *_tables(vpc),
        *_acls(vpc),
        *_endpoints(settings, vpc),
        *_groups(vpc),
        *_gateways(settings, vpc),
    ]


def _fact(kind: str, identity: str, **properties: Any) -> Fact:
    return {"type": kind, "properties": {"id": identity, **properties}}


def _vpc(vpc: ExistingVpc) -> Iterator[Fact]:
    described = vpc.vpc or {}
    main = described["CidrBlock"]
    yield _fact("aws:ec2/vpc:Vpc", vpc.id, cidrBlock=main, **vpc.dns)
    for association in described.get("CidrBlockAssociationSet", ()):
        block, state = association["CidrBlock"], association["CidrBlockState"]["State"]
        if block != main and state in ("associating", "associated"):
            kind = "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation"
            yield _fact(kind, association["AssociationId"], vpcId=vpc.id, cidrBlock=block)
    for log in vpc.flow_logs:
        if log["FlowLogStatus"] == "ACTIVE" and log["FlowLogId"] not in vpc.own:
            yield _fact("aws:ec2/flowLog:FlowLog", log["FlowLogId"], vpcId=vpc.id, trafficType=log["TrafficType"])


def _subnets(vpc: ExistingVpc) -> Iterator[Fact]:
    for identity, subnet in vpc.subnets.items():
        place = {"availabilityZone": subnet["AvailabilityZone"], "cidrBlock": subnet["CidrBlock"]}
        yield _fact("aws:ec2/subnet:Subnet", identity, vpcId=vpc.id, mapPublicIpOnLaunch=False, **place)
        table, kind = vpc.route_table(identity)["RouteTableId"], "aws:ec2/routeTableAssociation:RouteTableAssociation"
        yield _fact(kind, f"{table}/{identity}", routeTableId=table, subnetId=identity)


def _tables(vpc: ExistingVpc) -> Iterator[Fact]:
    """Of routes those to other networks: endpoints name their tables, and the local one is the VPC's."""
    tables = {table["RouteTableId"]: table for table in map(vpc.route_table, vpc.subnets)}
    endpoints = {each["VpcEndpointId"] for each in vpc.endpoints}
    for identity, table in tables.items():
        routes = [_route(each) for each in table["Routes"] if each.get("GatewayId") not in ("local", *endpoints)]
        yield _fact("aws:ec2/routeTable:RouteTable", identity, vpcId=vpc.id, routes=routes)


def _route(route: Item) -> dict[str, Any]:
    destinations = {
        "cidrBlock": "DestinationCidrBlock",
        "ipv6CidrBlock": "DestinationIpv6CidrBlock",
        "destinationPrefixListId": "DestinationPrefixListId",
    }
    made = {key: route[name] for key, name in destinations.items() if route.get(name)}
    return made | {ROUTE_TARGETS[key]: route[key] for key in GATEWAY_KEYS if route.get(key)}


def _acls(vpc: ExistingVpc) -> Iterator[Fact]:
    guarded: dict[str, list[str]] = {}
    for subnet in vpc.subnets:
        guarded.setdefault(vpc.acl(subnet)["NetworkAclId"], []).append(subnet)
    for identity, subnets in guarded.items():
        entries = vpc.acl(subnets[0])["Entries"]
        sides = {
            key: [_entry(each) for each in entries if each["Egress"] is out and each["RuleNumber"] < _LAST]
            for key, out in (("ingress", False), ("egress", True))
        }
        yield _fact("aws:ec2/networkAcl:NetworkAcl", identity, vpcId=vpc.id, subnetIds=subnets, **sides)


_LAST = 32767


def _entry(entry: Item) -> dict[str, Any]:
    ports, icmp = entry.get("PortRange", {}), entry.get("IcmpTypeCode", {})
    made = {
        "ruleNo": entry["RuleNumber"],
        "action": entry["RuleAction"],
        "protocol": str(entry["Protocol"]),
        "cidrBlock": entry.get("CidrBlock"),
        "ipv6CidrBlock": entry.get("Ipv6CidrBlock"),
        "fromPort": ports.get("From", 0),
        "toPort": ports.get("To", 0),
        "icmpType": icmp.get("Type"),
        "icmpCode": icmp.get("Code"),
    }
    return {key: value for key, value in made.items() if value is not None}


def _endpoints(settings: Settings, vpc: ExistingVpc) -> Iterator[Fact]:
    """Gateway endpoints in the tiers' tables, and interface endpoints that are reused.

    Those that calls of models or their artifacts go through have the names that the stack's own would have.
    """
    existing = settings.network.existing
    names = {identity: service for service, identity in existing.interface_endpoints.items()} if existing else {}
    gateways = {existing.s3_gateway: "s3"} if existing else {}
    tables, listed = set(vpc.tables_of(WORKLOADS)), {each["PrefixListName"]: each for each in vpc.prefix_lists}
    for endpoint in vpc.endpoints:
        identity, kind = endpoint["VpcEndpointId"], endpoint["VpcEndpointType"]
        used = [table for table in endpoint.get("RouteTableIds", ()) if table in tables]
        if identity in vpc.own or not (used or identity in names):
            continue
        found = listed.get(endpoint["ServiceName"], {})
        properties = {
            "id": identity,
            "vpcId": vpc.id,
            "serviceName": endpoint["ServiceName"],
            "vpcEndpointType": kind,
            "policy": endpoint.get("PolicyDocument"),
            "routeTableIds": used or None,
            "prefixListId": found.get("PrefixListId"),
            "cidrBlocks": found.get("Cidrs"),
            "subnetIds": endpoint.get("SubnetIds"),
            "securityGroupIds": [group["GroupId"] for group in endpoint.get("Groups", ())] or None,
            "privateDnsEnabled": endpoint.get("PrivateDnsEnabled", False),
        }
        known = {key: value for key, value in properties.items() if value is not None}
        name = gateways.get(identity) or (RUNTIME if names.get(identity) == RUNTIME else identity)
        yield {"type": "aws:ec2/vpcEndpoint:VpcEndpoint", "properties": known, "name": name}


def _groups(vpc: ExistingVpc) -> Iterator[Fact]:
    for identity, group in vpc.groups.items():
        sides = {"ingress": group["IpPermissions"], "egress": group["IpPermissionsEgress"]}
        rules = {key: [_rule(each) for each in found] for key, found in sides.items()}
        yield _fact("aws:ec2/securityGroup:SecurityGroup", identity, vpcId=vpc.id, **rules)


def _rule(permission: Item) -> dict[str, Any]:
    def peers(member: str, key: str) -> Sequence[str]:
        return [each[key] for each in permission.get(member, ())]

    return {
        "protocol": str(permission["IpProtocol"]),
        "fromPort": permission.get("FromPort", 0),
        "toPort": permission.get("ToPort", 0),
        "cidrBlocks": peers("IpRanges", "CidrIp"),
        "ipv6CidrBlocks": peers("Ipv6Ranges", "CidrIpv6"),
        "prefixListIds": peers("PrefixListIds", "PrefixListId"),
        "securityGroups": peers("UserIdGroupPairs", "GroupId"),
    }


def _gateways(settings: Settings, vpc: ExistingVpc) -> Iterator[Fact]:
    """The gateway that leads to the premises. There is no other: a route to one would have been refused."""
    premises = settings.network.on_premises
    if premises and premises.by_transit_gateway:
        for each in vpc.attachments:
            if each["TransitGatewayId"] == premises.gateway_id:
                kind, identity = "aws:ec2transitgateway/vpcAttachment:VpcAttachment", each["TransitGatewayAttachmentId"]
                subnets = list(each["SubnetIds"])
                yield _fact(kind, identity, vpcId=vpc.id, transitGatewayId=premises.gateway_id, subnetIds=subnets)
    elif premises:
        kind = "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment"
        yield _fact(kind, f"{vpc.id}/{premises.gateway_id}", vpcId=vpc.id, vpnGatewayId=premises.gateway_id)
