"""Which types of resources the loader reads, and which take part in a network without being read."""

from private_inference.graph.types import (
    DB_SUBNET_GROUP,
    DEFAULT_NETWORK_ACL,
    DEFAULT_ROUTE_TABLE,
    DEFAULT_SECURITY_GROUP,
    EGRESS_RULE,
    EIP,
    EIP_ASSOCIATION,
    FLOW_LOG,
    INGRESS_RULE,
    MAIN_ROUTE_TABLE_ASSOCIATION,
    NAT_GATEWAY,
    NETWORK_ACL,
    NETWORK_ACL_ASSOCIATION,
    NETWORK_ACL_RULE,
    PEERING_CONNECTION,
    PREFIX_LIST,
    ROUTE,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
    TRANSIT_GATEWAY,
    TRANSIT_GATEWAY_ATTACHMENT,
    VPC,
    VPC_CIDR_BLOCK,
    VPC_ENDPOINT,
    VPC_ENDPOINT_POLICY,
    VPC_ENDPOINT_ROUTE_TABLE,
    VPN_ROUTE_PROPAGATION,
)
from private_inference.reachability.from_graph.gateways import ATTACHED
from private_inference.reachability.from_graph.interfaces import PLACED
from private_inference.reachability.from_graph.references import References

DECIDING = frozenset(
    {
        *(VPC, SUBNET, ROUTE, ROUTE_TABLE, DEFAULT_ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION, MAIN_ROUTE_TABLE_ASSOCIATION),
        *(NETWORK_ACL, NETWORK_ACL_RULE, NETWORK_ACL_ASSOCIATION, DEFAULT_NETWORK_ACL),
        *(SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE, EGRESS_RULE, VPC_ENDPOINT),
    }
)
"""Types that decide what reaches an endpoint of the VPC."""

MODELLED = DECIDING | {
    DEFAULT_SECURITY_GROUP,
    *ATTACHED,
    *PLACED,
    *(VPC_CIDR_BLOCK, PREFIX_LIST, VPC_ENDPOINT_ROUTE_TABLE, VPN_ROUTE_PROPAGATION, EIP, EIP_ASSOCIATION),
    *(NAT_GATEWAY, TRANSIT_GATEWAY, TRANSIT_GATEWAY_ATTACHMENT, PEERING_CONNECTION, DB_SUBNET_GROUP),
}
"""Types that the loader reads."""

IRRELEVANT = frozenset(
    {
        "aws:ec2/ami:Ami",
        FLOW_LOG,
        "aws:ec2/keyPair:KeyPair",
        "aws:ec2/placementGroup:PlacementGroup",
        "aws:ec2/tag:Tag",
        "aws:ec2/vpcDhcpOptions:VpcDhcpOptions",
        "aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation",
        "aws:ec2/vpcEndpointConnectionNotification:VpcEndpointConnectionNotification",
        VPC_ENDPOINT_POLICY,
    }
)
"""Types of the packages in `NETWORK` that change no packet's path."""

NETWORK = ("aws:ec2/", "aws:vpc/", "aws:ec2transitgateway/")
"""Packages in which a type that is neither modelled nor irrelevant may open a path that nobody looked at."""

_PLACING_PROPERTIES = ("subnetId", "subnetIds", "subnets", "vpcConfig", "vpcSecurityGroupIds", "networkConfiguration")


def find_unmodelled(references: References) -> None:
    """Record as undecided which resources take part in the network in a way that isn't modelled."""
    for resource in references:
        if resource.type in MODELLED | IRRELEVANT:
            continue
        if resource.type.startswith(NETWORK):
            references.undecide(resource, "", "is of a type that isn't modelled")
        elif resource.type.startswith("aws:") and not resource.type.endswith("SubnetGroup"):
            placed = [key for key in _PLACING_PROPERTIES if references.given(resource, key) is not None]
            if placed:
                references.undecide(resource, placed[0], "places it in a network, and its type isn't modelled")
