"""The addresses of a VPC's subnets: pure arithmetic.

The VPC is cut into quarters. Three of them are the tiers of workloads, the fourth stays free, but for the subnets of a
transit gateway's attachment at its end. A subnet's address depends on the VPC's size, its tier and the position of its
zone only, and a zone keeps its position while it has subnets: zones or a gateway that come or go move no subnet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network

TIER_BITS = 2
ZONE_BITS = 3
SMALLEST_SUBNET = 28
"""Prefix length of the smallest subnet of a VPC (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)."""
RESERVED_ADDRESSES = 5
"""Addresses that AWS keeps in each subnet (same page)."""


class Tier(StrEnum):
    """A tier of subnets. NACLs are not evaluated inside one subnet, so what must be kept apart has a tier."""

    APP = "app"
    ACCESS = "access"
    MODEL = "model"
    TRANSIT = "transit"
    """Of a transit gateway's attachment alone, in a VPC that has one."""


WORKLOADS = (Tier.APP, Tier.ACCESS, Tier.MODEL)
"""The tiers that every VPC has."""


class CidrError(ValueError):
    """The VPC's block can't hold the subnets; the message says which prefix would do."""


@dataclass(frozen=True)
class SubnetPlan:
    """The CIDR blocks of a VPC's subnets."""

    blocks: Mapping[Tier, str]
    """The one block of each tier."""
    subnets: Mapping[Tier, Mapping[str, str]]
    """The block of each subnet, by tier and zone."""

    def usable_addresses(self, tier: Tier) -> int:
        """Addresses that AWS leaves for use in the smallest subnet of the tier."""
        return min(IPv4Network(block).num_addresses for block in self.subnets[tier].values()) - RESERVED_ADDRESSES


def tier_blocks(vpc: str) -> dict[Tier, str]:
    """The quarter of a VPC that each tier of workloads has."""
    return dict(zip(WORKLOADS, _quarters(vpc), strict=False))


def free_block(vpc: str) -> str:
    """The quarter of a VPC that no tier of workloads has: room for further subnets."""
    return _quarters(vpc)[-1]


def transit_block(vpc: str) -> str:
    """The end of the free quarter, where a transit gateway's attachment has its subnets: eight /28, or all there is.

    A small subnet for each zone, and nothing else in it, is AWS's advice:
    https://docs.aws.amazon.com/vpc/latest/tgw/tgw-best-design-practices.html.
    """
    quarter = IPv4Network(free_block(vpc))
    prefix = max(SMALLEST_SUBNET - ZONE_BITS, quarter.prefixlen)
    return str(list(quarter.subnets(new_prefix=prefix))[-1])


def _quarters(vpc: str) -> list[str]:
    return [str(quarter) for quarter in IPv4Network(vpc).subnets(prefixlen_diff=TIER_BITS)]


def subnet_prefix(vpc_prefix: int) -> int:
    """Prefix length of every subnet in a VPC of the given prefix length."""
    return min(vpc_prefix + TIER_BITS + ZONE_BITS, SMALLEST_SUBNET)


def zones_that_fit(vpc_prefix: int) -> int:
    """How many zones a VPC of the given prefix length has room for."""
    bits = subnet_prefix(vpc_prefix) - (vpc_prefix + TIER_BITS)
    return int(2**bits) if bits >= 0 else 0


def check_room(vpc: str, zones: int) -> None:
    """Raises CidrError if the VPC's block is too small for so many zones."""
    prefix = IPv4Network(vpc).prefixlen
    if zones_that_fit(prefix) < zones:
        enough = next(p for p in range(prefix, 0, -1) if zones_that_fit(p) >= zones)
        raise CidrError(
            f"{vpc} has room for {zones_that_fit(prefix)} zones of {len(WORKLOADS)} tiers, not for {zones}: "
            f"a subnet is a /{SMALLEST_SUBNET} at least. A /{enough} would do"
        )


def plan_subnets(
    vpc: str, zones: Sequence[str], in_use: Mapping[str, str] | None = None, *, transit: bool = False
) -> SubnetPlan:
    """One subnet for each tier and zone, none overlapping, all inside `vpc`.

    `in_use` has the block of the app tier's subnet of each zone that has one: it stays, and another zone gets none that
    is taken. `transit` adds the tier of a transit gateway's attachment. Raises CidrError if there is no room.
    """
    check_room(vpc, len(zones))
    tiers = tier_blocks(vpc) | ({Tier.TRANSIT: transit_block(vpc)} if transit else {})
    prefix = subnet_prefix(IPv4Network(vpc).prefixlen)
    prefixes = dict.fromkeys(WORKLOADS, prefix) | {Tier.TRANSIT: SMALLEST_SUBNET}
    subnets = {
        tier: [str(subnet) for subnet in IPv4Network(block).subnets(new_prefix=prefixes[tier])]
        for tier, block in tiers.items()
    }
    positions = _positions(vpc, zones, subnets[Tier.APP], in_use or {})
    return SubnetPlan(
        blocks=tiers,
        subnets={tier: {zone: cut[positions[zone]] for zone in zones} for tier, cut in subnets.items()},
    )


def _positions(vpc: str, zones: Sequence[str], cut: Sequence[str], in_use: Mapping[str, str]) -> dict[str, int]:
    taken = {zone: cut.index(block) for zone, block in in_use.items() if block in cut}
    free = [position for position in range(len(cut)) if position not in taken.values()]
    new = [zone for zone in zones if zone not in taken]
    if len(new) > len(free):
        raise CidrError(
            f"{vpc} has no free block for {', '.join(new)} while the subnets of {', '.join(taken)} are there: new "
            "subnets are made before old ones go. Keep the zones in use"
        )
    return taken | dict(zip(new, free, strict=False))
