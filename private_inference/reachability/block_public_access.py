"""VPC Block Public Access as stages of a path: what an account and Region refuse of an internet gateway's packets.

https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa-basics.html says which gateways it is about, and its
example (security-vpc-bpa-example.html) what is left of them: with block-ingress, NAT gateways and egress-only internet
gateways; with block-bidirectional, nothing. An exclusion with allow-egress counts with block-bidirectional only, and
leaves what block-ingress leaves. Private ways (VPN, transit gateway, peering, gateway endpoints) aren't touched.

Where AWS doesn't say more, more passes here, so that what is proved absent is absent: with block-ingress, a request
through an internet gateway may leave, though no answer comes back; behind a NAT gateway, one exclusion is enough, that
of its subnet or of the workload's; and gateways of an unknown kind, carrier gateways among them, are not refused.
"""

from collections.abc import Iterator, Mapping

from private_inference.reachability.intervals import EMPTY, Intervals, Region
from private_inference.reachability.model import BlockMode, ExclusionMode, Gateway, GatewayKind, Network, Subnet
from private_inference.reachability.path import Direction, End, Stage
from private_inference.reachability.traffic import ALL_TRAFFIC, EVERYWHERE


def mode_in(network: Network, subnet: Subnet) -> BlockMode:
    """The mode that is in force in a subnet, exclusions considered."""
    mode = network.vpcs[subnet.vpc].block_mode
    if subnet.exclusion is ExclusionMode.BIDIRECTIONAL:
        return BlockMode.OFF
    if subnet.exclusion is ExclusionMode.EGRESS and mode is BlockMode.BIDIRECTIONAL:
        return BlockMode.INGRESS
    return mode


def outward(network: Network, gateway: Gateway, here: Subnet, ephemeral: tuple[int, int]) -> Iterator[Stage]:
    """What refuses requests that leave a subnet through a gateway, or their answers to the ports of the client."""
    mode = mode_in(network, here)
    if gateway.kind in (GatewayKind.INTERNET, GatewayKind.EGRESS_ONLY) and mode is BlockMode.BIDIRECTIONAL:
        yield _stage("egress", "destination", EMPTY, here)
    elif gateway.kind is GatewayKind.INTERNET and mode is BlockMode.INGRESS:
        yield _stage("ingress", "destination", EMPTY, here, ephemeral)


def translated(network: Network, here: Subnet, there: Subnet, targets: Mapping[str, Intervals]) -> Iterator[Stage]:
    """What refuses requests from one subnet that a NAT gateway in another one sends on to these targets."""
    if {mode_in(network, here), mode_in(network, there)} == {BlockMode.BIDIRECTIONAL}:
        refused = Intervals.union(targets[key] for key in targets if _is_internet(network, key))
        yield _stage("egress", "destination", Region.of(EVERYWHERE - refused, ALL_TRAFFIC), there)


def inward(network: Network, gateway: Gateway, there: Subnet) -> Iterator[Stage]:
    """What refuses requests that come into a subnet through a gateway."""
    if gateway.kind is GatewayKind.INTERNET and mode_in(network, there) is not BlockMode.OFF:
        yield _stage("ingress", "source", EMPTY, there)


def _is_internet(network: Network, target: str) -> bool:
    return target in network.gateways and network.gateways[target].kind is GatewayKind.INTERNET


def _stage(
    direction: Direction, about: End, admits: Region, subnet: Subnet, replies_to: tuple[int, int] | None = None
) -> Stage:
    return Stage("VPC Block Public Access", (), direction, about, admits, replies_to, subnet.id)
