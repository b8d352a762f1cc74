"""Which types of resources the loader reads, and which take part in a network without being read."""

from private_inference.graph import types
from private_inference.graph.hidden import hidden_by
from private_inference.reachability.from_graph.gateways import ATTACHED
from private_inference.reachability.from_graph.interfaces import PLACED
from private_inference.reachability.from_graph.references import References

DECIDING = frozenset(
    {
        types.VPC,
        types.SUBNET,
        types.ROUTE,
        types.ROUTE_TABLE,
        types.DEFAULT_ROUTE_TABLE,
        types.ROUTE_TABLE_ASSOCIATION,
        types.MAIN_ROUTE_TABLE_ASSOCIATION,
        types.NETWORK_ACL,
        types.NETWORK_ACL_RULE,
        types.NETWORK_ACL_ASSOCIATION,
        types.DEFAULT_NETWORK_ACL,
        types.SECURITY_GROUP,
        types.SECURITY_GROUP_RULE,
        types.INGRESS_RULE,
        types.EGRESS_RULE,
        types.VPC_ENDPOINT,
    }
)
"""Types that decide what reaches an endpoint of the VPC."""

MODELLED = DECIDING | {
    types.DEFAULT_SECURITY_GROUP,
    *ATTACHED,
    *PLACED,
    types.VPC_CIDR_BLOCK,
    types.VPC_BLOCK_PUBLIC_ACCESS,
    types.VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION,
    types.PREFIX_LIST,
    types.VPC_ENDPOINT_ROUTE_TABLE,
    types.VPN_ROUTE_PROPAGATION,
    types.EIP,
    types.EIP_ASSOCIATION,
    types.NAT_GATEWAY,
    types.TRANSIT_GATEWAY,
    types.TRANSIT_GATEWAY_ATTACHMENT,
    types.PEERING_CONNECTION,
    types.DB_SUBNET_GROUP,
}
"""Types that the loader reads."""

IRRELEVANT = frozenset(
    {
        "aws:ec2/ami:Ami",
        types.FLOW_LOG,
        "aws:ec2/keyPair:KeyPair",
        "aws:ec2/placementGroup:PlacementGroup",
        "aws:ec2/tag:Tag",
        "aws:ec2/vpcDhcpOptions:VpcDhcpOptions",
        "aws:ec2/vpcDhcpOptionsAssociation:VpcDhcpOptionsAssociation",
        "aws:ec2/vpcEndpointConnectionNotification:VpcEndpointConnectionNotification",
        types.VPC_ENDPOINT_POLICY,
    }
)
"""Types of the packages in `NETWORK` that change no packet's path."""

NETWORK = ("aws:ec2/", "aws:vpc/", "aws:ec2transitgateway/")
"""Packages in which a type that is neither modelled nor irrelevant may open a path that nobody looked at."""

_PLACING_PROPERTIES = ("subnetId", "subnetIds", "subnets", "vpcConfig", "vpcSecurityGroupIds", "networkConfiguration")


def find_unmodelled(references: References) -> None:
    """Record as undecided which resources take part in the network in a way that isn't modelled."""
    for resource in references:
        for what in hidden_by(resource):
            references.undecide(resource, "", what)
        if resource.type in MODELLED | IRRELEVANT:
            continue
        if resource.type.startswith(NETWORK):
            references.undecide(resource, "", "is of a type that isn't modelled")
        elif resource.type.startswith("aws:") and not resource.type.endswith("SubnetGroup"):
            placed = [key for key in _PLACING_PROPERTIES if resource.given(key) is not None]
            if placed:
                references.undecide(resource, placed[0], "places it in a network, and its type isn't modelled")
