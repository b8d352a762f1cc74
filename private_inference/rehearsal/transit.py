"""Which VPC endpoints of another VPC are reached over a transit gateway, by their names in private hosted zones.

So that a hub's endpoints are shared:
https://docs.aws.amazon.com/whitepapers/latest/building-scalable-secure-multi-vpc-network-infrastructure/centralized-access-to-vpc-private-endpoints.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from private_inference.reachability.from_ec2.describe import Reads

Endpoint = Mapping[str, Any]


def named_endpoints(aws: Reads, vpc: str, region: str) -> Iterator[Endpoint]:
    """The account's interface endpoints that the name of their service leads to in a VPC, by a zone of the VPC's."""
    zones = aws.get("route53", "list_hosted_zones_by_vpc", VPCId=vpc, VPCRegion=region)["HostedZoneSummaries"]
    if not zones:
        return
    endpoints = aws.all("ec2", "describe_vpc_endpoints", "VpcEndpoints")
    services = aws.all("ec2", "describe_vpc_endpoint_services", "ServiceDetails")
    private = {
        each["ServiceName"]: {one["PrivateDnsName"] for one in each.get("PrivateDnsNames", ())} for each in services
    }
    for zone in zones:
        targets = _aliases(aws, zone)
        for endpoint in endpoints:
            named = zone["Name"].rstrip(".") in private.get(endpoint["ServiceName"], ())
            if named and targets & {entry["DnsName"] for entry in endpoint["DnsEntries"]}:
                yield endpoint


def _aliases(aws: Reads, zone: Mapping[str, Any]) -> set[str]:
    """What the zone's own name is an alias of."""
    records = aws.all("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["HostedZoneId"])
    return {
        each["AliasTarget"]["DNSName"].rstrip(".")
        for each in records
        if each["Name"].rstrip(".") == zone["Name"].rstrip(".") and "AliasTarget" in each
    }


def gateways_between(aws: Reads, one: str, other: str) -> list[str]:
    """Ids of the transit gateways whose route tables lead from one VPC to the other and back, by propagated routes."""
    attachments = aws.all("ec2", "describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments")
    by_vpc = {
        vpc: {
            each["TransitGatewayId"]: each["TransitGatewayAttachmentId"]
            for each in attachments
            if each["VpcId"] == vpc and each["State"] == "available"
        }
        for vpc in (one, other)
    }
    ways = _ways(aws) if all(by_vpc.values()) else set()
    return [
        gateway
        for gateway in by_vpc[one].keys() & by_vpc[other].keys()
        for ends in [(by_vpc[one][gateway], by_vpc[other][gateway])]
        if {ends, ends[::-1]} <= ways
    ]


def _ways(aws: Reads) -> set[tuple[str, str]]:
    """Pairs of attachments: what comes from the first is led to the second by the first's route table."""
    tables = aws.all("ec2", "describe_transit_gateway_route_tables", "TransitGatewayRouteTables")
    ways = set()
    for table in (each["TransitGatewayRouteTableId"] for each in tables):
        come, go = (
            [each["TransitGatewayAttachmentId"] for each in aws.all("ec2", operation, member, **{KEY: table})]
            for operation, member in LISTS.items()
        )
        ways |= {(source, destination) for source in come for destination in go}
    return ways


KEY = "TransitGatewayRouteTableId"
LISTS = {
    "get_transit_gateway_route_table_associations": "Associations",
    "get_transit_gateway_route_table_propagations": "TransitGatewayRouteTablePropagations",
}
