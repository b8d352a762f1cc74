"""Handlers for VPCs, subnets, routes, VPC endpoints, VPN gateway attachments and flow logs.

What the provider does beyond the plain call follows the documentation of its resources: it takes over a VPC's default
resources and reads back what AWS filled in.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import Call, Created, Handler, select
from private_inference.rehearsal.handlers.ec2 import create, created, filters, hashed, modify, tag
from private_inference.rehearsal.inputs import Inputs, RefusedError
from private_inference.rehearsal.requests import request

ROUTE_DESTINATIONS = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
}
DEFAULT_LOG_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)
FLOW_LOG_SOURCES = {
    "vpcId": "VPC",
    "subnetId": "Subnet",
    "eniId": "NetworkInterface",
    "transitGatewayId": "TransitGateway",
}


# VPC and subnets


def vpc(account: Account, inputs: Inputs) -> Created:
    attributes = {
        "enableDnsSupport": inputs.get("enableDnsSupport", True),
        "enableDnsHostnames": inputs.get("enableDnsHostnames", False),
        "enableNetworkAddressUsageMetrics": inputs.get("enableNetworkAddressUsageMetrics", False),
    }
    renamed = {"assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock"}
    answer = create(account, inputs, "create_vpc", "vpc", renamed=renamed)["Vpc"]
    vpc_id = answer["VpcId"]
    modify(account, "modify_vpc_attribute", attributes, VpcId=vpc_id)
    ec2 = account.client("ec2")
    groups = ec2.describe_security_groups(Filters=filters(vpc_id=vpc_id, group_name="default"))
    tables = ec2.describe_route_tables(Filters=filters(vpc_id=vpc_id, association__main="true"))
    acls = ec2.describe_network_acls(Filters=filters(vpc_id=vpc_id, default="true"))
    outputs = select(
        {
            "instanceTenancy": "InstanceTenancy",
            "dhcpOptionsId": "DhcpOptionsId",
            "defaultSecurityGroupId": "SecurityGroups[0].GroupId",
            "defaultNetworkAclId": "NetworkAcls[0].NetworkAclId",
            "defaultRouteTableId": "RouteTables[0].RouteTableId",
            "mainRouteTableId": "RouteTables[0].RouteTableId",
        },
        {**answer, **groups, **tables, **acls},
    )
    ipv6 = dict.fromkeys(("ipv6AssociationId", "ipv6CidrBlock", "ipv6CidrBlockNetworkBorderGroup"), "")
    return created(account, "vpc", vpc_id, outputs | ipv6, {"assignGeneratedIpv6CidrBlock": False, **attributes})


def subnet(account: Account, inputs: Inputs) -> Created:
    names = ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation", "enableDns64")
    attributes = {name: inputs.get(name, False) for name in names}
    answer = create(account, inputs, "create_subnet", "subnet")["Subnet"]
    enabled = {name: value for name, value in attributes.items() if value}
    modify(account, "modify_subnet_attribute", enabled, SubnetId=answer["SubnetId"])
    outputs = {
        "availabilityZone": answer["AvailabilityZone"],
        "availabilityZoneId": answer["AvailabilityZoneId"],
        "ipv6CidrBlockAssociationId": "",
        "privateDnsHostnameTypeOnLaunch": "ip-name",
    }
    unset = ("enableResourceNameDnsARecordOnLaunch", "enableResourceNameDnsAaaaRecordOnLaunch", "ipv6Native")
    defaults = attributes | dict.fromkeys(unset, False) | {"ipv6CidrBlock": ""}
    return created(account, "subnet", answer["SubnetId"], outputs, defaults)


# Routes


def default_route_table(account: Account, inputs: Inputs) -> Created:
    """Takes over a VPC's main route table and empties it, as the provider does, before it adds the routes given."""
    ec2, table_id = account.client("ec2"), inputs["defaultRouteTableId"]
    table = ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"][0]
    for route in table["Routes"]:
        if route.get("GatewayId") != "local" and "DestinationPrefixListId" not in route:
            destination = {key: value for key, value in route.items() if key.startswith("Destination")}
            ec2.delete_route(RouteTableId=table_id, **destination)
    _add_routes(account, table_id, inputs.get("routes", []))
    tag(account, inputs, table_id)
    return created(account, "route-table", table_id, {"vpcId": table["VpcId"]}, {"routes": []})


def route_table(account: Account, inputs: Inputs) -> Created:
    routes = inputs.get("routes", [])
    table_id = create(account, inputs, "create_route_table", "route-table")["RouteTable"]["RouteTableId"]
    _add_routes(account, table_id, routes)
    return created(account, "route-table", table_id, defaults={"routes": [], "propagatingVgws": []})


def _add_routes(account: Account, table_id: str, routes: Iterable[Mapping[str, Any]]) -> None:
    ec2 = account.client("ec2")
    for route in routes:
        properties = {ROUTE_DESTINATIONS.get(key, key): value for key, value in route.items()}
        ec2.create_route(RouteTableId=table_id, **request(ec2, "create_route", properties))


def route(account: Account, inputs: Inputs) -> Created:
    sent = create(account, inputs, "create_route", "", renamed=ROUTE_DESTINATIONS)["request"]
    destination = next(value for key, value in sent.items() if key.startswith("Destination"))
    unused = dict.fromkeys(("instanceId", "instanceOwnerId", "networkInterfaceId"), "")
    identity = f"r-{sent['RouteTableId']}{hashed(destination)}"
    return Created(identity, {"origin": "CreateRoute", "state": "active"}, unused)


# Private access


def vpc_endpoint(account: Account, inputs: Inputs) -> Created:
    more = {
        "vpcEndpointType": inputs.get("vpcEndpointType", "Gateway"),
        "privateDnsEnabled": inputs.get("privateDnsEnabled", False),
    }
    renamed = {"policy": "PolicyDocument"}
    answer = create(account, inputs, "create_vpc_endpoint", "vpc-endpoint", renamed=renamed, **more)["VpcEndpoint"]
    prefix_list: dict[str, Any] = {"PrefixListId": "", "Cidrs": []}
    if answer["VpcEndpointType"] == "Gateway":
        named = filters(prefix_list_name=answer["ServiceName"])
        prefix_list = account.client("ec2").describe_prefix_lists(Filters=named)["PrefixLists"][0]
    outputs = select(
        {
            "vpcEndpointType": "VpcEndpointType",
            "policy": "PolicyDocument",
            "privateDnsEnabled": "PrivateDnsEnabled",
            "ipAddressType": "IpAddressType || ''",
            "prefixListId": "PrefixListId",
            "cidrBlocks": "Cidrs",
            "routeTableIds": "RouteTableIds || `[]`",
            "subnetIds": "SubnetIds || `[]`",
            "securityGroupIds": "Groups[].GroupId || `[]`",
            "networkInterfaceIds": "NetworkInterfaceIds || `[]`",
            "dnsEntries": "DnsEntries[].{dnsName: DnsName, hostedZoneId: HostedZoneId || ''} || `[]`",
        },
        {**answer, **prefix_list},
    )
    outputs |= {"state": answer["State"].lower(), "requesterManaged": False, "serviceRegion": account.region}
    return created(account, "vpc-endpoint", answer["VpcEndpointId"], outputs)


# On premises


def vpn_gateway_attachment(account: Account, inputs: Inputs) -> Created:
    sent = create(account, inputs, "attach_vpn_gateway", "")["request"]
    attached = f"{sent['VpcId']}-{sent['VpnGatewayId']}"
    return Created(f"vpn-attachment-{hashed(attached):x}")


# Flow logs


def flow_log(account: Account, inputs: Inputs) -> Created:
    source = inputs.only(*FLOW_LOG_SOURCES)
    more = {
        "resourceIds": [inputs[source]],
        "resourceType": FLOW_LOG_SOURCES[source],
        "logDestinationType": inputs.get("logDestinationType", "cloud-watch-logs"),
    }
    renamed = {"iamRoleArn": "DeliverLogsPermissionArn"}
    answer = create(account, inputs, "create_flow_logs", "vpc-flow-log", renamed=renamed, **more)
    if answer.get("Unsuccessful"):
        raise RefusedError(answer["Unsuccessful"][0]["Error"]["Message"])
    identity = answer["FlowLogIds"][0]
    defaults = {
        "logDestinationType": "cloud-watch-logs",
        "maxAggregationInterval": 600,
        "logFormat": DEFAULT_LOG_FORMAT,
    }
    return Created(identity, {"arn": account.arn("ec2", f"vpc-flow-log/{identity}")}, defaults)


HANDLERS = {
    "aws:ec2/vpc:Vpc": Handler(vpc),
    "aws:ec2/subnet:Subnet": Handler(subnet),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": Handler(default_route_table),
    "aws:ec2/routeTable:RouteTable": Handler(route_table),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Handler(
        Call("ec2", "associate_route_table", id="AssociationId"), taggable=False
    ),
    "aws:ec2/route:Route": Handler(route, taggable=False),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Handler(vpc_endpoint, ignored=("autoAccept",)),
    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy": Handler(
        Call("ec2", "modify_vpc_endpoint", id="request.VpcEndpointId", renamed={"policy": "PolicyDocument"}),
        taggable=False,
    ),
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment": Handler(vpn_gateway_attachment, taggable=False),
    "aws:ec2/flowLog:FlowLog": Handler(flow_log),
}
