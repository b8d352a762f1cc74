"""Rows for Amazon EC2's network: VPC, subnets, routes, network ACLs, security groups, endpoints, flow logs.

What the provider does beyond the plain call (taking over a VPC's default resources, removing the allow-all egress rule
of a new security group, reading back what AWS filled in) follows the documentation of the AWS provider's resources.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from private_inference.rehearsal.inputs import Inputs, RefusedError, pairs, request, tag_parameters
from private_inference.rehearsal.rows import Account, Call, Made, Row

ROUTE_DESTINATIONS = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
}
PROTOCOL_NUMBERS = {"all": "-1", "icmp": "1", "tcp": "6", "udp": "17", "icmpv6": "58"}
ALLOW_ALL = [
    {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
]
DEFAULT_NACL_DENY = 32767
"""The number that AWS shows for the final deny, which can't be removed."""
DEFAULT_LOG_FORMAT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} "
    "${bytes} ${start} ${end} ${action} ${log-status}"
)


def hashed(text: str) -> int:
    """The hash that the AWS provider builds ids from."""
    return zlib.crc32(text.encode())


def _filters(**values: str) -> list[dict[str, Any]]:
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in values.items()]


def _tag(account: Account, inputs: Inputs, identity: str) -> None:
    if inputs.tags:
        account.client("ec2").create_tags(Resources=[identity], Tags=pairs(inputs.tags))


# VPC and subnets


def vpc(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    attributes = {
        "EnableDnsSupport": inputs.get("enableDnsSupport", True),
        "EnableDnsHostnames": inputs.get("enableDnsHostnames", False),
        "EnableNetworkAddressUsageMetrics": inputs.get("enableNetworkAddressUsageMetrics", False),
    }
    renamed = {"assignGeneratedIpv6CidrBlock": "AmazonProvidedIpv6CidrBlock"}
    parameters = request(ec2, "create_vpc", inputs.rest(), renamed)
    made = ec2.create_vpc(**parameters, **tag_parameters(ec2, "create_vpc", inputs.tags, "vpc"))["Vpc"]
    for attribute, value in attributes.items():
        ec2.modify_vpc_attribute(VpcId=made["VpcId"], **{attribute: {"Value": value}})
    return Made(
        made["VpcId"], _vpc_outputs(account, made), {"assignGeneratedIpv6CidrBlock": False, **_camel(attributes)}
    )


def _vpc_outputs(account: Account, made: Mapping[str, Any]) -> dict[str, Any]:
    ec2, vpc_id = account.client("ec2"), made["VpcId"]
    groups = ec2.describe_security_groups(Filters=_filters(vpc_id=vpc_id, group_name="default"))["SecurityGroups"]
    tables = ec2.describe_route_tables(Filters=_filters(vpc_id=vpc_id) + _filters(**{"association.main": "true"}))
    acls = ec2.describe_network_acls(Filters=_filters(vpc_id=vpc_id, default="true"))["NetworkAcls"]
    main = tables["RouteTables"][0]["RouteTableId"]
    return {
        "arn": account.arn("ec2", f"vpc/{vpc_id}"),
        "ownerId": account.id,
        "instanceTenancy": made["InstanceTenancy"],
        "dhcpOptionsId": made["DhcpOptionsId"],
        "defaultSecurityGroupId": groups[0]["GroupId"],
        "defaultNetworkAclId": acls[0]["NetworkAclId"],
        "defaultRouteTableId": main,
        "mainRouteTableId": main,
        "ipv6AssociationId": "",
        "ipv6CidrBlock": "",
        "ipv6CidrBlockNetworkBorderGroup": "",
    }


def _camel(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in attributes.items()}


SUBNET_ATTRIBUTES = {
    "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
    "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
    "enableDns64": "EnableDns64",
}


def subnet(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    attributes = {name: inputs.get(name, False) for name in SUBNET_ATTRIBUTES}
    parameters = request(ec2, "create_subnet", inputs.rest(), {})
    made = ec2.create_subnet(**parameters, **tag_parameters(ec2, "create_subnet", inputs.tags, "subnet"))["Subnet"]
    for name, value in attributes.items():
        if value:
            ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], **{SUBNET_ATTRIBUTES[name]: {"Value": value}})
    outputs = {
        "arn": account.arn("ec2", f"subnet/{made['SubnetId']}"),
        "ownerId": account.id,
        "availabilityZone": made["AvailabilityZone"],
        "availabilityZoneId": made["AvailabilityZoneId"],
        "ipv6CidrBlockAssociationId": "",
        "privateDnsHostnameTypeOnLaunch": "ip-name",
    }
    unset = ("enableResourceNameDnsARecordOnLaunch", "enableResourceNameDnsAaaaRecordOnLaunch", "ipv6Native")
    return Made(made["SubnetId"], outputs, attributes | dict.fromkeys(unset, False) | {"ipv6CidrBlock": ""})


# Routes


def default_route_table(account: Account, inputs: Inputs) -> Made:
    """Takes over a VPC's main route table and empties it, as the provider does, before it adds the routes given."""
    ec2, table_id = account.client("ec2"), inputs["defaultRouteTableId"]
    table = ec2.describe_route_tables(RouteTableIds=[table_id])["RouteTables"][0]
    for route in table["Routes"]:
        if route.get("GatewayId") != "local" and "DestinationPrefixListId" not in route:
            ec2.delete_route(
                RouteTableId=table_id, **{key: value for key, value in route.items() if key.startswith("Destination")}
            )
    _add_routes(account, table_id, inputs.get("routes", []))
    _tag(account, inputs, table_id)
    outputs = {"arn": account.arn("ec2", f"route-table/{table_id}"), "ownerId": account.id, "vpcId": table["VpcId"]}
    return Made(table_id, outputs, {"routes": []})


def route_table(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    tags = tag_parameters(ec2, "create_route_table", inputs.tags, "route-table")
    table_id = ec2.create_route_table(VpcId=inputs["vpcId"], **tags)["RouteTable"]["RouteTableId"]
    _add_routes(account, table_id, inputs.get("routes", []))
    outputs = {"arn": account.arn("ec2", f"route-table/{table_id}"), "ownerId": account.id}
    return Made(table_id, outputs, {"routes": [], "propagatingVgws": []})


def _add_routes(account: Account, table_id: str, routes: Iterable[Mapping[str, Any]]) -> None:
    ec2 = account.client("ec2")
    for route in routes:
        ec2.create_route(RouteTableId=table_id, **request(ec2, "create_route", route, ROUTE_DESTINATIONS))


def route(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    parameters = request(ec2, "create_route", inputs.rest(), ROUTE_DESTINATIONS)
    ec2.create_route(**parameters)
    destination = next(value for key, value in parameters.items() if key.startswith("Destination"))
    identity = f"r-{parameters['RouteTableId']}{hashed(destination)}"
    unused = dict.fromkeys(("instanceId", "instanceOwnerId", "networkInterfaceId"), "")
    return Made(identity, {"origin": "CreateRoute", "state": "active"}, unused)


# Network ACLs


def network_acl(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    tags = tag_parameters(ec2, "create_network_acl", inputs.tags, "network-acl")
    acl_id = ec2.create_network_acl(VpcId=inputs["vpcId"], **tags)["NetworkAcl"]["NetworkAclId"]
    _add_entries(account, acl_id, inputs)
    for subnet_id in inputs.get("subnetIds", []):
        _associate(account, acl_id, subnet_id)
    return Made(acl_id, _acl_outputs(account, acl_id), {"ingress": [], "egress": [], "subnetIds": []})


def default_network_acl(account: Account, inputs: Inputs) -> Made:
    """Takes over a VPC's default network ACL and removes its allow-all entries before it adds those given."""
    ec2, acl_id = account.client("ec2"), inputs["defaultNetworkAclId"]
    acl = ec2.describe_network_acls(NetworkAclIds=[acl_id])["NetworkAcls"][0]
    for entry in acl["Entries"]:
        if entry["RuleNumber"] != DEFAULT_NACL_DENY:
            ec2.delete_network_acl_entry(NetworkAclId=acl_id, RuleNumber=entry["RuleNumber"], Egress=entry["Egress"])
    _add_entries(account, acl_id, inputs)
    for subnet_id in inputs.get("subnetIds", []):
        _associate(account, acl_id, subnet_id)
    _tag(account, inputs, acl_id)
    return Made(acl_id, _acl_outputs(account, acl_id) | {"vpcId": acl["VpcId"]})


def _acl_outputs(account: Account, acl_id: str) -> dict[str, Any]:
    return {"arn": account.arn("ec2", f"network-acl/{acl_id}"), "ownerId": account.id}


def _add_entries(account: Account, acl_id: str, inputs: Inputs) -> None:
    for direction in ("ingress", "egress"):
        for entry in inputs.get(direction, []):
            given = dict(entry)
            renamed = {"ruleNumber": given.pop("ruleNo"), "ruleAction": given.pop("action")}
            _add_entry(account, given | renamed | {"networkAclId": acl_id, "egress": direction == "egress"})


def _add_entry(account: Account, entry: Mapping[str, Any]) -> None:
    """One entry in the provider's flat form; AWS wants ports and ICMP types in structures of their own."""
    ec2, flat = account.client("ec2"), dict(entry)
    number = protocol_number(str(flat["protocol"]))
    nested: dict[str, Any] = {"protocol": number}
    ports = (flat.pop("fromPort", None), flat.pop("toPort", None))
    icmp = (flat.pop("icmpType", None), flat.pop("icmpCode", None))
    if number in (PROTOCOL_NUMBERS["tcp"], PROTOCOL_NUMBERS["udp"]):
        nested["portRange"] = {"from": ports[0] or 0, "to": ports[1] or 0}
    if number in (PROTOCOL_NUMBERS["icmp"], PROTOCOL_NUMBERS["icmpv6"]):
        nested["icmpTypeCode"] = {"type": icmp[0] or 0, "code": icmp[1] or 0}
    ec2.create_network_acl_entry(**request(ec2, "create_network_acl_entry", flat | nested, {}))


def protocol_number(protocol: str) -> str:
    """A network ACL's protocol as EC2 takes it: IANA's number, -1 for all. Raises RefusedError for an unknown name."""
    number = PROTOCOL_NUMBERS.get(protocol.lower(), protocol)
    if not number.lstrip("-").isdigit():
        raise RefusedError(f"protocol is {protocol!r}; a network ACL takes a number or {', '.join(PROTOCOL_NUMBERS)}")
    return number


def network_acl_rule(account: Account, inputs: Inputs) -> Made:
    entry = {"egress": False, **inputs.rest()}
    _add_entry(account, entry)
    key = f"{entry['networkAclId']}-{entry['ruleNumber']}-{str(entry['egress']).lower()}-{entry['protocol']}-"
    return Made(f"nacl-{hashed(key)}", {}, {"egress": False})


def network_acl_association(account: Account, inputs: Inputs) -> Made:
    return Made(_associate(account, inputs["networkAclId"], inputs["subnetId"]))


def _associate(account: Account, acl_id: str, subnet_id: str) -> str:
    """Move a subnet to a network ACL; the new association's id."""
    ec2 = account.client("ec2")
    acls = ec2.describe_network_acls(Filters=_filters(**{"association.subnet-id": subnet_id}))["NetworkAcls"]
    present = [a["NetworkAclAssociationId"] for acl in acls for a in acl["Associations"] if a["SubnetId"] == subnet_id]
    if not present:
        raise RefusedError(f"the subnet {subnet_id} does not exist")
    answer = ec2.replace_network_acl_association(AssociationId=present[0], NetworkAclId=acl_id)
    return str(answer["NewAssociationId"])


# Security groups


def security_group(account: Account, inputs: Inputs) -> Made:
    """AWS gives a new group an allow-all egress rule; the provider removes it."""
    ec2 = account.client("ec2")
    inputs.ignore("revokeRulesOnDelete", "it matters only when the group is deleted")
    tags = tag_parameters(ec2, "create_security_group", inputs.tags, "security-group")
    answer = ec2.create_security_group(
        GroupName=inputs["name"], Description=inputs["description"], VpcId=inputs["vpcId"], **tags
    )
    ec2.revoke_security_group_egress(GroupId=answer["GroupId"], IpPermissions=ALLOW_ALL)
    _add_permissions(account, answer["GroupId"], inputs)
    outputs = {"arn": account.arn("ec2", f"security-group/{answer['GroupId']}"), "ownerId": account.id}
    return Made(answer["GroupId"], outputs, {"ingress": [], "egress": [], "revokeRulesOnDelete": False})


def default_security_group(account: Account, inputs: Inputs) -> Made:
    """Takes over a VPC's default group and removes its rules before it adds those given."""
    ec2 = account.client("ec2")
    inputs.ignore("revokeRulesOnDelete", "it matters only when the group is deleted")
    found = ec2.describe_security_groups(Filters=_filters(vpc_id=inputs["vpcId"], group_name="default"))
    if not found["SecurityGroups"]:
        raise RefusedError(f"the VPC {inputs['vpcId']} does not exist")
    group = found["SecurityGroups"][0]
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    _add_permissions(account, group["GroupId"], inputs)
    _tag(account, inputs, group["GroupId"])
    outputs = {
        "arn": account.arn("ec2", f"security-group/{group['GroupId']}"),
        "ownerId": account.id,
        "name": group["GroupName"],
        "namePrefix": "",
        "description": group["Description"],
    }
    return Made(group["GroupId"], outputs, {"ingress": [], "egress": []})


def _add_permissions(account: Account, group_id: str, inputs: Inputs) -> None:
    """The rules that are given inline, in the group itself."""
    ec2 = account.client("ec2")
    for direction, authorize in (
        ("ingress", ec2.authorize_security_group_ingress),
        ("egress", ec2.authorize_security_group_egress),
    ):
        for rule in inputs.get(direction, []):
            authorize(GroupId=group_id, IpPermissions=[_inline_permission(rule, group_id)])


def _inline_permission(rule: Mapping[str, Any], group_id: str) -> dict[str, Any]:
    description = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*rule.get("securityGroups", []), *([group_id] if rule.get("self") else [])]
    permission = {
        "IpProtocol": rule["protocol"],
        "FromPort": rule["fromPort"],
        "ToPort": rule["toPort"],
        "IpRanges": [{"CidrIp": cidr, **description} for cidr in rule.get("cidrBlocks", [])],
        "Ipv6Ranges": [{"CidrIpv6": cidr, **description} for cidr in rule.get("ipv6CidrBlocks", [])],
        "PrefixListIds": [{"PrefixListId": item, **description} for item in rule.get("prefixListIds", [])],
        "UserIdGroupPairs": [{"GroupId": group, **description} for group in groups],
    }
    return {key: value for key, value in permission.items() if value != []}


def security_group_rule(direction: str) -> Any:
    """The create function of a stand-alone rule; `direction` is ingress or egress."""

    def create(account: Account, inputs: Inputs) -> Made:
        operation = f"authorize_security_group_{direction}"
        ec2 = account.client("ec2")
        tags = tag_parameters(ec2, operation, inputs.tags, "security-group-rule")
        permission = _permission(inputs)
        answer = getattr(ec2, operation)(GroupId=inputs["securityGroupId"], IpPermissions=[permission], **tags)
        rule_id = answer["SecurityGroupRules"][0]["SecurityGroupRuleId"]
        outputs = {"arn": account.arn("ec2", f"security-group-rule/{rule_id}"), "securityGroupRuleId": rule_id}
        return Made(rule_id, outputs)

    return create


def _permission(inputs: Inputs) -> dict[str, Any]:
    """One rule in AWS's form. Exactly one peer, as the provider demands."""
    description = {"Description": inputs["description"]} if "description" in inputs else {}
    peers = {
        "cidrIpv4": ("IpRanges", "CidrIp"),
        "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "prefixListId": ("PrefixListIds", "PrefixListId"),
        "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }
    given = [peer for peer in peers if peer in inputs]
    if len(given) != 1:
        raise RefusedError(f"exactly one of {', '.join(peers)} is needed; given: {', '.join(given) or 'none'}")
    parent, child = peers[given[0]]
    ports = {name: inputs[key] for key, name in (("fromPort", "FromPort"), ("toPort", "ToPort")) if key in inputs}
    return {"IpProtocol": inputs["ipProtocol"], **ports, parent: [{child: inputs[given[0]], **description}]}


# Private access


def vpc_endpoint(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    kind = inputs.get("vpcEndpointType", "Gateway")
    inputs.ignore("autoAccept", "it concerns services of other accounts")
    private_dns = inputs.get("privateDnsEnabled", False)
    policy = {"policyDocument": inputs["policy"]} if "policy" in inputs else {}
    parameters = {"vpcEndpointType": kind, "privateDnsEnabled": private_dns, **inputs.rest(), **policy}
    answer = ec2.create_vpc_endpoint(
        **request(ec2, "create_vpc_endpoint", parameters, {}),
        **tag_parameters(ec2, "create_vpc_endpoint", inputs.tags, "vpc-endpoint"),
    )
    return Made(answer["VpcEndpoint"]["VpcEndpointId"], _endpoint_outputs(account, answer["VpcEndpoint"]))


def _endpoint_outputs(account: Account, made: Mapping[str, Any]) -> dict[str, Any]:
    ec2, prefix_list, cidrs = account.client("ec2"), "", []
    if made["VpcEndpointType"] == "Gateway":
        found = ec2.describe_prefix_lists(Filters=_filters(prefix_list_name=made["ServiceName"]))["PrefixLists"]
        prefix_list, cidrs = found[0]["PrefixListId"], found[0]["Cidrs"]
    return {
        "arn": account.arn("ec2", f"vpc-endpoint/{made['VpcEndpointId']}"),
        "ownerId": account.id,
        "state": made["State"].lower(),
        "requesterManaged": False,
        "vpcEndpointType": made["VpcEndpointType"],
        "policy": made["PolicyDocument"],
        "privateDnsEnabled": made["PrivateDnsEnabled"],
        "ipAddressType": made.get("IpAddressType", ""),
        "serviceRegion": account.region,
        "prefixListId": prefix_list,
        "cidrBlocks": cidrs,
        "routeTableIds": made.get("RouteTableIds", []),
        "subnetIds": made.get("SubnetIds", []),
        "securityGroupIds": [group["GroupId"] for group in made.get("Groups", [])],
        "networkInterfaceIds": made.get("NetworkInterfaceIds", []),
        "dnsEntries": [
            {"dnsName": entry["DnsName"], "hostedZoneId": entry.get("HostedZoneId", "")}
            for entry in made.get("DnsEntries", [])
        ],
    }


# On premises


def vpn_gateway_attachment(account: Account, inputs: Inputs) -> Made:
    vpc_id, gateway = inputs["vpcId"], inputs["vpnGatewayId"]
    account.client("ec2").attach_vpn_gateway(VpcId=vpc_id, VpnGatewayId=gateway)
    return Made(f"vpn-attachment-{hashed(f'{vpc_id}-{gateway}'):x}")


def transit_gateway_attachment(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    options = {
        "applianceModeSupport": inputs.get("applianceModeSupport", "disable"),
        "dnsSupport": inputs.get("dnsSupport", "enable"),
        "ipv6Support": inputs.get("ipv6Support", "disable"),
    }
    if "securityGroupReferencingSupport" in inputs:
        options["securityGroupReferencingSupport"] = inputs["securityGroupReferencingSupport"]
    operation = "create_transit_gateway_vpc_attachment"
    parameters = request(ec2, operation, inputs.rest() | {"options": options}, {})
    tags = tag_parameters(ec2, operation, inputs.tags, "transit-gateway-attachment")
    made = ec2.create_transit_gateway_vpc_attachment(**parameters, **tags)["TransitGatewayVpcAttachment"]
    identity = made["TransitGatewayAttachmentId"]
    outputs = {"arn": account.arn("ec2", f"transit-gateway-attachment/{identity}"), "vpcOwnerId": account.id}
    return Made(identity, outputs, options)


# Flow logs


def flow_log(account: Account, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    targets = {"vpcId": "VPC", "subnetId": "Subnet", "eniId": "NetworkInterface", "transitGatewayId": "TransitGateway"}
    given = [key for key in targets if key in inputs]
    if len(given) != 1:
        raise RefusedError(f"exactly one of {', '.join(targets)} is needed; given: {', '.join(given) or 'none'}")
    parameters = {"resourceIds": [inputs[given[0]]], "resourceType": targets[given[0]], **inputs.rest()}
    parameters.setdefault("logDestinationType", "cloud-watch-logs")
    answer = ec2.create_flow_logs(
        **request(ec2, "create_flow_logs", parameters, {"iamRoleArn": "DeliverLogsPermissionArn"}),
        **tag_parameters(ec2, "create_flow_logs", inputs.tags, "vpc-flow-log"),
    )
    if answer.get("Unsuccessful"):
        raise RefusedError(answer["Unsuccessful"][0]["Error"]["Message"])
    flow_log_id = answer["FlowLogIds"][0]
    defaults = {
        "logDestinationType": "cloud-watch-logs",
        "maxAggregationInterval": 600,
        "logFormat": DEFAULT_LOG_FORMAT,
    }
    return Made(flow_log_id, {"arn": account.arn("ec2", f"vpc-flow-log/{flow_log_id}")}, defaults)


ROWS = {
    "aws:ec2/vpc:Vpc": Row(vpc),
    "aws:ec2/subnet:Subnet": Row(subnet),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": Row(default_route_table),
    "aws:ec2/routeTable:RouteTable": Row(route_table),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Row(
        Call("ec2", "associate_route_table", id="AssociationId"), taggable=False
    ),
    "aws:ec2/route:Route": Row(route, taggable=False),
    "aws:ec2/networkAcl:NetworkAcl": Row(network_acl),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": Row(default_network_acl),
    "aws:ec2/networkAclRule:NetworkAclRule": Row(network_acl_rule, taggable=False),
    "aws:ec2/networkAclAssociation:NetworkAclAssociation": Row(network_acl_association, taggable=False),
    "aws:ec2/securityGroup:SecurityGroup": Row(security_group, auto_name="name"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Row(default_security_group),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Row(security_group_rule("ingress")),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Row(security_group_rule("egress")),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Row(vpc_endpoint),
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment": Row(vpn_gateway_attachment, taggable=False),
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment": Row(transit_gateway_attachment),
    "aws:ec2/flowLog:FlowLog": Row(flow_log),
}
