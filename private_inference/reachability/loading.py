"""What both loaders share: how the target of a route becomes a gateway of the network, and which exclusion counts."""

from __future__ import annotations

from collections.abc import Mapping

from private_inference.reachability.model import ExclusionMode, Gateway, GatewayKind


def gateway_in(vpc: str, target: str) -> str:
    """The network's id, in one VPC, of what connects several: a peering connection or a transit gateway."""
    return f"{target}@{vpc}"


def find_gateway(gateways: Mapping[str, Gateway], vpc: str, target: str) -> str | None:
    """The gateway that a target of a VPC's routes means; None if it is none of `gateways`."""
    return next((key for key in (target, gateway_in(vpc, target)) if key in gateways), None)


def add_gateway(gateways: dict[str, Gateway], vpc: str, target: str, kind: GatewayKind = GatewayKind.OTHER) -> str:
    """Add a gateway for a target that nothing else is known of; returns its id."""
    key = gateway_in(vpc, target)
    gateways.setdefault(key, Gateway(key, vpc, kind, name=target))
    return key


def more_open(one: ExclusionMode | None, other: ExclusionMode) -> ExclusionMode:
    """Which of a subnet's exclusions counts, its own or its VPC's: AWS doesn't say, so the one that lets more pass."""
    return min(filter(None, (one, other)), key=list(ExclusionMode).index)
