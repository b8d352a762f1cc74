"""A hub: VPC endpoints of SageMaker Runtime and STS that VPCs share, over a transit gateway that keeps them apart.

Its first `up` makes the endpoints, which the platform's `callers` names; the second, with contracts, lets calls pass.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import pulumi
import pulumi_aws as aws

Document = Mapping[str, Any]
VERSION = "2012-10-17"
NOTHING = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
SERVICES = {"runtime.sagemaker": "sagemaker.runtime", "sts": "sts"}
"""The services that are shared, by what their names in DNS begin with."""


class Spoke(TypedDict):
    """A VPC behind the hub, in this account."""

    name: str
    vpcId: str
    block: str
    subnetIds: list[str]
    routeTableIds: list[str]


config = pulumi.Config()
region = aws.get_region().region
block = ipaddress.IPv4Network(config.get("block") or "10.100.0.0/24")
spokes: list[Spoke] = config.require_object("spokes")
contracts: list[Document] = config.get_object("contracts") or []
places = aws.get_availability_zones(state="available").names[:2]
*quarters, last = block.subnets(prefixlen_diff=2)

# The network: no gateway to the internet, and the spokes' blocks lead to the transit gateway.

vpc = aws.ec2.Vpc("hub", cidr_block=str(block), enable_dns_hostnames=True, tags={"Name": "models-hub"})
aws.ec2.DefaultSecurityGroup("default", vpc_id=vpc.id, ingress=[], egress=[])
table = aws.ec2.RouteTable("endpoints", vpc_id=vpc.id)


def subnets_of(tier: str, blocks: Iterable[ipaddress.IPv4Network]) -> dict[str, aws.ec2.Subnet]:
    """A subnet in each zone, by the zone."""
    return {
        place: aws.ec2.Subnet(f"{tier}-{place}", vpc_id=vpc.id, availability_zone=place, cidr_block=str(part))
        for place, part in zip(places, blocks, strict=False)
    }


shared, transit = subnets_of("endpoints", quarters), subnets_of("transit", last.subnets(prefixlen_diff=2))
for place, subnet in shared.items():
    aws.ec2.RouteTableAssociation(f"endpoints-{place}", subnet_id=subnet.id, route_table_id=table.id)
gateway = aws.ec2transitgateway.TransitGateway(
    "hub",
    description="Leads to the models' VPC endpoints",
    default_route_table_association="disable",
    default_route_table_propagation="disable",
)


def attached(name: str, vpc_id: pulumi.Input[str], subnet_ids: Sequence[pulumi.Input[str]]) -> Any:
    """A VPC's attachment, in no route table yet."""
    return aws.ec2transitgateway.VpcAttachment(
        name,
        transit_gateway_id=gateway.id,
        vpc_id=vpc_id,
        subnet_ids=subnet_ids,
        transit_gateway_default_route_table_association=False,
        transit_gateway_default_route_table_propagation=False,
    )


# Two route tables: from spokes to the hub alone, and back. No spoke has a way to another one.
hub = attached("hub", vpc.id, [subnet.id for subnet in transit.values()])
to_hub = aws.ec2transitgateway.RouteTable("to-hub", transit_gateway_id=gateway.id)
to_spokes = aws.ec2transitgateway.RouteTable("to-spokes", transit_gateway_id=gateway.id)


def leads(name: str, attachment: Any, asked: Any, told: Any) -> None:
    """What comes from an attachment goes where `asked` says, and what is for its VPC finds it in `told`."""
    for kind, made in (
        (aws.ec2transitgateway.RouteTableAssociation, asked),
        (aws.ec2transitgateway.RouteTablePropagation, told),
    ):
        kind(name, transit_gateway_attachment_id=attachment.id, transit_gateway_route_table_id=made.id)


leads("hub", hub, to_spokes, to_hub)
for spoke in spokes:
    attachment = attached(spoke["name"], spoke["vpcId"], spoke["subnetIds"])
    leads(spoke["name"], attachment, to_hub, to_spokes)
    routes: list[tuple[str, pulumi.Input[str], str]] = [(f"{spoke['name']}-back", table.id, spoke["block"])]
    routes += [(f"{spoke['name']}-{number}", each, str(block)) for number, each in enumerate(spoke["routeTableIds"])]
    for name, route_table, destination in routes:
        aws.ec2.Route(
            name,
            route_table_id=route_table,
            destination_cidr_block=destination,
            transit_gateway_id=gateway.id,
            opts=pulumi.ResourceOptions(depends_on=[hub, attachment]),  # a route needs its VPC's attachment
        )

# The endpoints: who may pass, under which names, and from where.

group = aws.ec2.SecurityGroup("endpoints", vpc_id=vpc.id, description="Calls from the spokes")
for spoke in spokes:
    aws.vpc.SecurityGroupIngressRule(
        spoke["name"],
        security_group_id=group.id,
        description=f"HTTPS from {spoke['name']}",
        cidr_ipv4=spoke["block"],
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
    )


def policy(documents: Iterable[Document]) -> str:
    """What all of these documents allow; nothing if there are none."""
    statements = [
        {**statement, "Sid": f"{statement['Sid']}{number}"}
        for number, document in enumerate(documents)
        for statement in document["Statement"]
    ]
    return json.dumps({"Version": VERSION, "Statement": statements or [NOTHING]})


passing = {
    "sagemaker.runtime": policy(contract["runtimeEndpointPolicy"] for contract in contracts),
    "sts": policy(contract["role"]["stsEndpointPolicy"] for contract in contracts if contract.get("role")),
}
for prefix, service in SERVICES.items():
    endpoint = aws.ec2.VpcEndpoint(
        service,
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{region}.{service}",
        vpc_endpoint_type="Interface",
        subnet_ids=[subnet.id for subnet in shared.values()],
        security_group_ids=[group.id],
        private_dns_enabled=False,  # it would resolve the name in the hub's VPC alone: the zone below does everywhere
        policy=passing[service],
    )
    name = f"{prefix}.{region}.amazonaws.com"
    served: list[pulumi.Input[str]] = [vpc.id, *(spoke["vpcId"] for spoke in spokes)]
    zone = aws.route53.Zone(service, name=name, vpcs=[aws.route53.ZoneVpcArgs(vpc_id=each) for each in served])
    target = endpoint.dns_entries[0]
    alias = aws.route53.RecordAliasArgs(
        name=target.dns_name, zone_id=target.hosted_zone_id, evaluate_target_health=False
    )
    aws.route53.Record(service, zone_id=zone.zone_id, name=name, type="A", aliases=[alias])
    pulumi.export(service, endpoint.id)
