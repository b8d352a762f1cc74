"""Asks EC2 for everything that decides where packets of some VPCs go.

Needs these permissions, none of which EC2 can bound to a resource but the last: ec2:DescribeEgressOnlyInternetGateways,
DescribeInternetGateways, DescribeNatGateways, DescribeNetworkAcls, DescribeNetworkInterfaces, DescribePrefixLists,
DescribeRouteTables, DescribeSecurityGroups, DescribeSubnets, DescribeTransitGatewayVpcAttachments,
DescribeVpcAttribute, DescribeVpcBlockPublicAccessExclusions, DescribeVpcBlockPublicAccessOptions, DescribeVpcEndpoints,
DescribeVpcPeeringConnections, DescribeVpcs, DescribeVpnGateways; and GetManagedPrefixListEntries where a rule or route
names a prefix list of a customer's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Item = Mapping[str, Any]
Descriptions = Mapping[str, Sequence[Item]]
"""All elements of each list, by the name that EC2's answer gives the list, such as `Subnets`.

Three differ from what EC2 answers: the elements of `Vpcs` have EnableDnsSupport, a bool, and those of
`PrefixListEntries` have PrefixListId and Cidr; `VpcBlockPublicAccessOptions`, which EC2 has one of, is a list of it.
"""

_LISTS = {
    "describe_subnets": ("Subnets", "vpc-id"),
    "describe_route_tables": ("RouteTables", "vpc-id"),
    "describe_network_acls": ("NetworkAcls", "vpc-id"),
    "describe_security_groups": ("SecurityGroups", "vpc-id"),
    "describe_network_interfaces": ("NetworkInterfaces", "vpc-id"),
    "describe_vpc_endpoints": ("VpcEndpoints", "vpc-id"),
    "describe_internet_gateways": ("InternetGateways", "attachment.vpc-id"),
    "describe_egress_only_internet_gateways": ("EgressOnlyInternetGateways", ""),
    "describe_nat_gateways": ("NatGateways", "vpc-id"),
    "describe_vpn_gateways": ("VpnGateways", "attachment.vpc-id"),
    "describe_transit_gateway_vpc_attachments": ("TransitGatewayVpcAttachments", "vpc-id"),
    "describe_vpc_peering_connections": ("VpcPeeringConnections", ""),
    "describe_prefix_lists": ("PrefixLists", ""),
}
"""By operation: the list in its answer, and the filter that narrows it to VPCs where EC2 has one."""


class Reads(Protocol):
    """Reads AWS. `get` returns the answer to one call, `all` what the pages of an answer list under `member`."""

    def get(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any]: ...

    def all(self, service: str, operation: str, member: str, **parameters: Any) -> list[Any]: ...


def describe(aws: Reads, vpcs: Sequence[str]) -> Descriptions:
    """What EC2 describes of some VPCs, by their ids. Raises what `aws` raises, also for a VPC that doesn't exist."""
    found: dict[str, list[Item]] = {
        "Vpcs": [
            {**vpc, "EnableDnsSupport": _dns_support(aws, vpc["VpcId"])}
            for vpc in aws.all("ec2", "describe_vpcs", "Vpcs", VpcIds=list(vpcs))
        ]
    }
    for operation, (member, filter_name) in _LISTS.items():
        filters = {"Filters": [{"Name": filter_name, "Values": list(vpcs)}]} if filter_name else {}
        found[member] = aws.all("ec2", operation, member, **filters)
    found |= _block_public_access(aws)
    listed = {one["PrefixListId"] for one in found["PrefixLists"] if one.get("Cidrs")}
    found["PrefixListEntries"] = [
        {"PrefixListId": prefix_list, "Cidr": entry["Cidr"]}
        for prefix_list in sorted(_named_prefix_lists(found) - listed)
        for entry in aws.all("ec2", "get_managed_prefix_list_entries", "Entries", PrefixListId=prefix_list)
    ]
    return found


def _block_public_access(aws: Reads) -> dict[str, list[Item]]:
    """The Region's options, and all exclusions: botocore has no paginator for them."""
    options, listed = "VpcBlockPublicAccessOptions", "VpcBlockPublicAccessExclusions"
    exclusions: list[Item] = []
    page: dict[str, str] = {}
    while True:
        answer = aws.get("ec2", "describe_vpc_block_public_access_exclusions", **page)
        exclusions += answer.get(listed, ())
        if not answer.get("NextToken"):
            break
        page = {"NextToken": answer["NextToken"]}
    return {options: [aws.get("ec2", "describe_vpc_block_public_access_options")[options]], listed: exclusions}


def _dns_support(aws: Reads, vpc: str) -> bool:
    answer = aws.get("ec2", "describe_vpc_attribute", VpcId=vpc, Attribute="enableDnsSupport")
    return bool(answer["EnableDnsSupport"]["Value"])


def _named_prefix_lists(found: Descriptions) -> set[str]:
    """The prefix lists that rules, routes and gateway endpoints name."""
    permissions = [
        permission
        for group in found["SecurityGroups"]
        for permission in (*group["IpPermissions"], *group["IpPermissionsEgress"])
    ]
    named = {one["PrefixListId"] for permission in permissions for one in permission.get("PrefixListIds", ())}
    routes = [route for table in found["RouteTables"] for route in table["Routes"]]
    named |= {route["DestinationPrefixListId"] for route in routes if route.get("DestinationPrefixListId")}
    services = {endpoint["ServiceName"] for endpoint in found["VpcEndpoints"]}
    return named | {one["PrefixListId"] for one in found["PrefixLists"] if one["PrefixListName"] in services}
