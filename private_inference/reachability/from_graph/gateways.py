"""The gateways of a Pulumi program's VPCs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from private_inference.graph.endpoint_services import short_service
from private_inference.graph.types import (
    EGRESS_ONLY_GATEWAY,
    INTERNET_GATEWAY,
    INTERNET_GATEWAY_ATTACHMENT,
    NAT_GATEWAY,
    PEERING_CONNECTION,
    SUBNET,
    TRANSIT_GATEWAY_ATTACHMENT,
    VPC,
    VPC_ENDPOINT,
    VPN_GATEWAY,
    VPN_GATEWAY_ATTACHMENT,
)
from private_inference.graph.values import Unknown
from private_inference.reachability.from_graph.references import References
from private_inference.reachability.loading import gateway_in
from private_inference.reachability.model import Gateway, GatewayKind, Subnet, Vpc

ATTACHED = {
    INTERNET_GATEWAY: (GatewayKind.INTERNET, "", ""),
    INTERNET_GATEWAY_ATTACHMENT: (GatewayKind.INTERNET, "internetGatewayId", INTERNET_GATEWAY),
    VPN_GATEWAY: (GatewayKind.VIRTUAL_PRIVATE, "", ""),
    VPN_GATEWAY_ATTACHMENT: (GatewayKind.VIRTUAL_PRIVATE, "vpnGatewayId", VPN_GATEWAY),
    EGRESS_ONLY_GATEWAY: (GatewayKind.EGRESS_ONLY, "", ""),
}
"""Types that attach a gateway to the VPC in `vpcId`: its kind, and where an attachment says which one and its type."""


def gateways(
    references: References, vpcs: Mapping[str, Vpc], subnets: Mapping[str, Subnet], prefix_lists: set[str]
) -> dict[str, Gateway]:
    """The gateways by URN (or by id, if only their attachment is in the program), each in its VPC."""
    found = [
        *_attached(references),
        *_nat(references, subnets),
        *_transit(references, subnets),
        *_peering(references, vpcs),
        *_endpoints(references, prefix_lists),
    ]
    return {one.id: one for one in found}


def _attached(references: References) -> Iterator[Gateway]:
    for resource in references.all(*ATTACHED):
        kind, path, of_type = ATTACHED[resource.type]
        if resource.given("vpcId") is None:
            continue
        gateway = references.one(resource, path, of_type) if path else resource.urn
        vpc = references.vpc_of(resource)
        if gateway and vpc:
            yield Gateway(gateway, vpc, kind, name=resource.name)


def _nat(references: References, subnets: Mapping[str, Subnet]) -> Iterator[Gateway]:
    for resource in references.all(NAT_GATEWAY):
        subnet = references.one(resource, "subnetId", SUBNET)
        if subnet is not None and subnet in subnets:
            yield Gateway(resource.urn, subnets[subnet].vpc, GatewayKind.NAT, (subnet,), name=resource.name)
        else:
            references.undecide(resource, "subnetId", "means no subnet of this program, so where it leads isn't known")


def _transit(references: References, subnets: Mapping[str, Subnet]) -> Iterator[Gateway]:
    for resource in references.all(TRANSIT_GATEWAY_ATTACHMENT):
        if vpc := references.vpc_of(resource):
            attached = tuple(one for one in references.many(resource, "subnetIds", SUBNET) if one in subnets)
            yield Gateway(resource.urn, vpc, GatewayKind.TRANSIT, attached, name=resource.name)


def _peering(references: References, vpcs: Mapping[str, Vpc]) -> Iterator[Gateway]:
    """One for each of the two VPCs that is in the program: what lies beyond it is the other."""
    for resource in references.all(PEERING_CONNECTION):
        ends = [references.one(resource, key, VPC) for key in ("vpcId", "peerVpcId")]
        for vpc, other in (ends, ends[::-1]):
            if vpc is not None and vpc in vpcs:
                blocks = vpcs[other].cidrs if other is not None and other in vpcs else ()
                yield Gateway(gateway_in(vpc, resource.urn), vpc, GatewayKind.PEERING, (), blocks, name=resource.name)


def _endpoints(references: References, prefix_lists: set[str]) -> Iterator[Gateway]:
    """Gateway endpoints: the prefix list by id, or before it has one by the service that it is named after."""
    for resource in references.all(VPC_ENDPOINT):
        kind = resource.get("vpcEndpointType")
        if isinstance(kind, Unknown) or kind not in (None, "Gateway"):
            continue
        vpc, service = references.vpc_of(resource), references.text(resource, "serviceName") or ""
        named = [resource.get("prefixListId"), service]
        known = [one for one in named if not isinstance(one, Unknown) and one in prefix_lists]
        if not known:
            references.undecide(resource, "prefixListId", f"stands for blocks that aren't known (of {service})")
        if vpc:
            listed, name = known[0] if known else "", short_service(service)
            yield Gateway(resource.urn, vpc, GatewayKind.ENDPOINT, prefix_list=listed, service=name, name=resource.name)
