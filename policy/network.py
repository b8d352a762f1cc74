"""The VPC: no way to the internet, nothing open to more than it must be."""

from collections.abc import Sequence

from pulumi_policy import Severity

from policy.addresses import PRIVATE_BLOCKS, public
from policy.controls import INTERNET, checkov, cis, fsbp, hipaa, trivy
from policy.findings import Findings, each
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, resource_rule, stack_rule
from private_inference.graph.routes import Route, routes_of
from private_inference.graph.types import (
    CARRIER_GATEWAY,
    DEFAULT_ROUTE_TABLE,
    EGRESS_ONLY_GATEWAY,
    EIP,
    EIP_ASSOCIATION,
    FLOW_LOG,
    INTERNET_GATEWAY,
    INTERNET_GATEWAY_ATTACHMENT,
    MAIN_ROUTE_TABLE_ASSOCIATION,
    NAT_GATEWAY,
    ROUTE,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SUBNET,
    VPC,
    VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION,
)
from private_inference.graph.values import Unknown, known

WAYS_OUT = {
    INTERNET_GATEWAY: "is an internet gateway",
    INTERNET_GATEWAY_ATTACHMENT: "attaches an internet gateway",
    NAT_GATEWAY: "is a NAT gateway",
    EGRESS_ONLY_GATEWAY: "is an egress-only internet gateway",
    CARRIER_GATEWAY: "is a carrier gateway",
    EIP: "is a public IPv4 address",
    EIP_ASSOCIATION: "gives a public IPv4 address to a network interface",
    VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION: "excludes a network from VPC Block Public Access",
    "aws:ec2/defaultVpc:DefaultVpc": "adopts the default VPC, which has an internet gateway",
    "aws:ec2/defaultSubnet:DefaultSubnet": "adopts a default subnet, which is public",
    "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation": "lets other routers decide where packets go",
    "aws:s3/bucketAcl:BucketAcl": "grants access by an access list",
    "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration": "serves a bucket as a public website",
    "aws:lambda/functionUrl:FunctionUrl": "gives a function an address on the internet",
    "aws:apigatewayv2/api:Api": "is an HTTP or WebSocket API, which can't be private",
    "aws:ecrpublic/repository:Repository": "publishes images to the world",
    "aws:cloudfront/distribution:Distribution": "serves content on the internet",
    "aws:globalaccelerator/accelerator:Accelerator": "has addresses on the internet",
    "aws:amplify/app:App": "is a web site on the internet",
    "aws:lightsail/instance:Instance": "is an instance with a public address",
    "aws:lightsail/containerService:ContainerService": "is a service on the internet",
    "awsx:ec2:Vpc": "creates an internet gateway, whatever its arguments",
    "awsx:ec2:DefaultVpc": "is the default VPC, which has an internet gateway",
}
GATEWAYS_OUT = {
    "natGatewayId": "a NAT gateway",
    "egressOnlyGatewayId": "an egress-only internet gateway",
    "carrierGatewayId": "a carrier gateway",
    "localGatewayId": "an Outpost's network",
    "coreNetworkArn": "a core network, whose routes others decide",
    "networkInterfaceId": "a network interface, which may forward to anywhere",
    "instanceId": "an instance, which may forward to anywhere",
}


@resource_rule(
    types=WAYS_OUT,
    controls=[*INTERNET, checkov("CKV_AWS_258")],
    severity=Severity.CRITICAL,
    fix="remove it; reach AWS services through VPC endpoints, other networks through a transit or virtual private "
    "gateway, and offer services by a private API or an internal load balancer",
)
def no_ways_out(resource: Resource) -> Findings:
    """Nothing leads to the internet or exists there: what isn't there can't be opened by a mistake elsewhere."""
    yield resource.violation(WAYS_OUT[resource.type])


@resource_rule(
    types=[ROUTE, ROUTE_TABLE, DEFAULT_ROUTE_TABLE],
    controls=INTERNET,
    severity=Severity.CRITICAL,
    fix="remove the route, or narrow it to the private network that it is for",
    options=PRIVATE_BLOCKS,
)
def no_routes_out(resource: Resource, *, blocks: Sequence[str]) -> Findings:
    """Routes lead to private networks and gateway endpoints only: a default route is the other half of a way out."""
    routes = list(routes_of(resource))
    yield from each(resource, [(route.path, route) for route in routes], _leads_out)
    if resource.get("propagatingVgws"):
        yield resource.violation("lets other routers decide where packets go (propagatingVgws)")
    destinations = [entry for route in routes if not isinstance(route.properties, Unknown) for entry in route.blocks]
    yield from each(resource, destinations, lambda path, block: public(path, block, blocks, "routes to"))


def _leads_out(path: str, route: Route) -> str | None:
    known(route.properties)
    where = f" ({path})" if path else ""
    for key, what in GATEWAYS_OUT.items():
        if route.given(key):
            return f"routes to {what}{where}"
    for _, gateway in route.given("gatewayId"):
        if not isinstance(gateway, Unknown) and str(gateway).startswith("igw-"):
            return f"routes to an internet gateway{where}"
    return None


@stack_rule(
    controls=INTERNET,
    severity=Severity.HIGH,
    fix="associate the subnet with a route table of this stack, or adopt the VPC's main one with DefaultRouteTable",
)
@each_of(all_of(SUBNET))
def routes_are_this_stacks(stack: Stack, subnet: Resource) -> Findings:
    """Every subnet follows a route table that this stack declares, so that its routes are the ones that were judged."""
    if not route_table_of(stack, subnet) and subnet.get("vpcId") is not None:
        yield subnet.violation("follows the main route table of its VPC, which this stack does not declare")


def route_table_of(stack: Stack, subnet: Resource) -> Resource | None:
    """The route table in force for a subnet: its own association's, or the VPC's main one; None if not of the stack."""
    for association in stack.referring([ROUTE_TABLE_ASSOCIATION], ["subnetId"], subnet):
        return stack.target(association, "routeTableId", type_=ROUTE_TABLE)
    vpc = stack.target(subnet, "vpcId", type_=VPC)
    if vpc is None:
        return None
    for main in stack.referring([MAIN_ROUTE_TABLE_ASSOCIATION], ["vpcId"], vpc):
        return stack.target(main, "routeTableId", type_=ROUTE_TABLE)
    adopted = stack.referring([DEFAULT_ROUTE_TABLE], ["defaultRouteTableId"], vpc)
    return adopted[0] if adopted else None


@stack_rule(
    controls=[fsbp("EC2.6"), checkov("CKV2_AWS_11"), trivy("AWS-0178"), cis("3.7"), hipaa("164.312(b)")],
    severity=Severity.MEDIUM,
    fix="declare a FlowLog for the VPC with trafficType ALL",
)
def vpc_has_flow_logs(stack: Stack) -> Findings:
    """Every VPC logs its traffic, accepted and rejected: without it nobody can show afterwards what did not happen."""
    for vpc in stack.all(VPC):
        logs = stack.referring([FLOW_LOG], ["vpcId"], vpc)
        kinds = [log.get("trafficType") for log in logs]
        if not logs:
            yield vpc.violation("has no flow log")
        elif not any(isinstance(kind, Unknown) or kind == "ALL" for kind in kinds):
            yield logs[0].violation("logs only a part of the traffic (trafficType)")
        elif all(isinstance(kind, Unknown) for kind in kinds):
            yield logs[0].unverified("trafficType")
