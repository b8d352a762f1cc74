"""Subnets: where they lie, and which VPC has room for them."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.cidr import (
    SMALLEST_SUBNET,
    WORKLOADS,
    CidrError,
    SubnetPlan,
    Tier,
    check_room,
    plan_subnets,
    transit_block,
    zones_that_fit,
)

ZONES = [f"zone-{letter}" for letter in "abcdef"]


@st.composite
def vpcs(draw: st.DrawFn) -> str:
    """Any block that AWS takes for a VPC."""
    prefix = draw(st.integers(16, 28))
    first = draw(st.integers(0, 2**32 - 1)) >> (32 - prefix) << (32 - prefix)
    return str(IPv4Network((first, prefix)))


def every_subnet(plan: SubnetPlan) -> list[IPv4Network]:
    return [IPv4Network(block) for subnets in plan.subnets.values() for block in subnets.values()]


def has_room(vpc: str, zones: int) -> bool:
    try:
        check_room(vpc, zones)
    except CidrError:
        return False
    return True


@given(vpcs(), st.integers(1, 6))
def test_there_is_a_plan_exactly_where_there_is_room(vpc: str, zones: int) -> None:
    if has_room(vpc, zones):
        assert len(every_subnet(plan_subnets(vpc, ZONES[:zones]))) == zones * len(WORKLOADS)
    else:
        with pytest.raises(CidrError):
            plan_subnets(vpc, ZONES[:zones])


@given(vpcs(), st.integers(1, 6))
def test_subnets_never_overlap_and_lie_in_the_vpc_and_are_not_too_small(vpc: str, zones: int) -> None:
    assume(has_room(vpc, zones))
    subnets = every_subnet(plan_subnets(vpc, ZONES[:zones], transit=True))
    assert not any(one.overlaps(other) for one, other in combinations(subnets, 2))
    assert all(subnet.subnet_of(IPv4Network(vpc)) for subnet in subnets)
    assert all(subnet.prefixlen <= SMALLEST_SUBNET for subnet in subnets)


@given(vpcs(), st.integers(1, 6))
def test_a_tier_is_one_block_that_holds_its_subnets_and_no_other_tiers(vpc: str, zones: int) -> None:
    assume(has_room(vpc, zones))
    plan = plan_subnets(vpc, ZONES[:zones], transit=True)
    for tier in plan.blocks:
        for other in plan.blocks:
            for subnet in plan.subnets[other].values():
                assert IPv4Network(subnet).subnet_of(IPv4Network(plan.blocks[tier])) == (tier == other)


@given(vpcs(), st.integers(1, 5))
def test_a_further_zone_moves_no_subnet(vpc: str, zones: int) -> None:
    assume(has_room(vpc, zones + 1))
    before, after = (plan_subnets(vpc, ZONES[:count], transit=True) for count in (zones, zones + 1))
    assert all(after.subnets[tier].items() >= before.subnets[tier].items() for tier in Tier)


@given(vpcs(), st.integers(1, 6))
def test_a_transit_gateway_moves_no_subnet_and_has_the_smallest_at_the_end(vpc: str, zones: int) -> None:
    assume(has_room(vpc, zones))
    before, after = plan_subnets(vpc, ZONES[:zones]), plan_subnets(vpc, ZONES[:zones], transit=True)
    own = [IPv4Network(block) for block in after.subnets[Tier.TRANSIT].values()]
    assert {tier: after.subnets[tier] for tier in WORKLOADS} == before.subnets
    assert {block.prefixlen for block in own} == {SMALLEST_SUBNET}
    assert IPv4Network(transit_block(vpc)).broadcast_address == IPv4Network(vpc).broadcast_address
    assert sum(block.num_addresses for block in own) <= 128


@given(vpcs(), st.permutations(ZONES), st.integers(2, 6), st.permutations(ZONES), st.integers(2, 6))
def test_a_zone_in_use_keeps_its_blocks_whichever_come_and_go(
    vpc: str, first: list[str], before: int, then: list[str], after: int
) -> None:
    """New subnets are made before old ones go: they may not overlap."""
    assume(has_room(vpc, len({*first[:before], *then[:after]})))
    old = plan_subnets(vpc, first[:before], transit=True)
    new = plan_subnets(vpc, then[:after], old.subnets[Tier.APP], transit=True)
    for tier in Tier:
        stay = old.subnets[tier].keys() & new.subnets[tier].keys()
        assert {zone: new.subnets[tier][zone] for zone in stay} == {zone: old.subnets[tier][zone] for zone in stay}
        assert list(new.subnets[tier]) == then[:after]
        both = {*old.subnets[tier].items(), *new.subnets[tier].items()}
        assert len({block for _, block in both}) == len(both)


def test_a_vpc_without_a_free_block_says_which_zones_hold_them() -> None:
    old = plan_subnets("10.0.0.0/25", ZONES[:2])
    with pytest.raises(CidrError, match="no free block for zone-c while the subnets of zone-a, zone-b are there"):
        plan_subnets("10.0.0.0/25", ["zone-a", "zone-c"], old.subnets[Tier.APP])


def test_subnets_of_another_vpc_hold_no_block() -> None:
    old = plan_subnets("10.9.0.0/16", ZONES[:2])
    assert plan_subnets("10.0.0.0/16", ZONES[:2], old.subnets[Tier.APP]) == plan_subnets("10.0.0.0/16", ZONES[:2])


@given(vpcs(), st.integers(2, 6))
def test_the_error_names_the_largest_prefix_that_would_do(vpc: str, zones: int) -> None:
    prefix = IPv4Network(vpc).prefixlen
    fits = [candidate for candidate in range(16, 29) if zones_that_fit(candidate) >= zones]
    assume(prefix not in fits)
    with pytest.raises(CidrError, match=f"A /{max(fits)} would do"):
        check_room(vpc, zones)


def test_aws_keeps_five_addresses_of_each_subnet() -> None:
    plan = plan_subnets("10.0.0.0/23", ZONES[:2])
    assert plan.subnets[Tier.MODEL][ZONES[0]].endswith("/28")
    assert plan.usable_addresses(Tier.MODEL) == 16 - 5
