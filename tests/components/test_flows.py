"""Firewall rules follow from the flows: every flow is let through at both ends, and nothing else is."""

from ipaddress import IPv4Address, IPv4Network, collapse_addresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.cidr import Tier
from components.flows import (
    EPHEMERAL_PORTS,
    HTTPS,
    AclQuotaError,
    Block,
    Flow,
    Gateway,
    GroupRule,
    NumberedAclRule,
    Peer,
    acl_rules,
    group_rules,
)

TIER_BLOCKS: dict[Peer, list[str]] = {
    Tier.APP: ["10.0.0.0/18"],
    Tier.ACCESS: ["10.0.64.0/18"],
    Tier.MODEL: ["10.0.128.0/18"],
}
NetworkCase = tuple[list[Flow], list[str], dict[Peer, list[str]]]
PLENTY = 10_000
"""A quota that no ACL of these tests reaches."""


@st.composite
def blocks(draw: st.DrawFn) -> str:
    prefix = draw(st.integers(8, 32))
    first = draw(st.integers(0, 2**32 - 1)) >> (32 - prefix) << (32 - prefix)
    return str(IPv4Network((first, prefix)))


def prefix_lists() -> st.SearchStrategy[list[str]]:
    return st.lists(blocks(), min_size=1, max_size=12)


@st.composite
def some_flows(draw: st.DrawFn) -> list[Flow]:
    source = st.sampled_from(list(Tier)) | blocks().map(Block)
    destination = st.sampled_from([*Tier, *Gateway])
    pairs = draw(st.lists(st.tuples(source, destination), max_size=8, unique=True))
    return [Flow(source, destination, "why") for source, destination in pairs]


@st.composite
def networks(draw: st.DrawFn) -> NetworkCase:
    """Flows, denied blocks, and the addresses of what the flows name."""
    addresses: dict[Peer, list[str]] = {**TIER_BLOCKS, **{gateway: draw(prefix_lists()) for gateway in Gateway}}
    return draw(some_flows()), draw(st.lists(blocks(), max_size=5, unique=True)), addresses


def blocks_of(peer: Peer, addresses: dict[Peer, list[str]]) -> list[IPv4Network]:
    listed = [peer.cidr] if isinstance(peer, Block) else addresses[peer]
    return [IPv4Network(block) for block in listed]


def lets_through(rules: tuple[NumberedAclRule, ...], direction: str, address: IPv4Address, port: int) -> bool:
    """Whether an ACL without denies allows a packet: by brute force, over each rule."""
    return any(
        rule.direction == direction
        and rule.action == "allow"
        and address in IPv4Network(rule.cidr)
        and (rule.ports is None or rule.ports[0] <= port <= rule.ports[1])
        for rule in rules
    )


def both_ends(network: IPv4Network) -> tuple[IPv4Address, IPv4Address]:
    return network[0], network[-1]


@given(networks())
def test_rule_numbers_are_unique_in_a_direction(
    network: NetworkCase,
) -> None:
    allowed, denied, addresses = network
    for tier in Tier:
        rules = acl_rules(tier, allowed, denied, addresses, PLENTY)
        numbers = [(rule.direction, rule.number) for rule in rules]
        assert len(set(numbers)) == len(numbers)
        assert all(1 <= rule.number <= 32766 for rule in rules)


@given(networks())
def test_every_deny_is_numbered_before_every_allow_in_both_directions(
    network: NetworkCase,
) -> None:
    allowed, denied, addresses = network
    for tier in Tier:
        rules = acl_rules(tier, allowed, denied, addresses, PLENTY)
        for direction in ("ingress", "egress"):
            denies = [rule for rule in rules if rule.direction == direction and rule.action == "deny"]
            allows = [rule for rule in rules if rule.direction == direction and rule.action == "allow"]
            assert {rule.cidr for rule in denies} == set(denied)
            assert all(rule.ports is None for rule in denies)
            assert all(deny.number < allow.number for deny in denies for allow in allows)


@given(networks())
def test_each_flow_and_its_answers_pass_the_acls_of_both_sides(
    network: NetworkCase,
) -> None:
    allowed, _, addresses = network
    rules = {tier: acl_rules(tier, allowed, [], addresses, PLENTY) for tier in Tier}
    for flow in allowed:
        if isinstance(flow.source, Tier):
            for address in [end for block in blocks_of(flow.destination, addresses) for end in both_ends(block)]:
                assert lets_through(rules[flow.source], "egress", address, HTTPS)
                assert all(lets_through(rules[flow.source], "ingress", address, port) for port in EPHEMERAL_PORTS)
        if isinstance(flow.destination, Tier):
            for address in [end for block in blocks_of(flow.source, addresses) for end in both_ends(block)]:
                assert lets_through(rules[flow.destination], "ingress", address, HTTPS)
                assert all(lets_through(rules[flow.destination], "egress", address, port) for port in EPHEMERAL_PORTS)


@given(networks())
def test_an_acl_opens_nothing_that_no_flow_of_its_tier_needs(
    network: NetworkCase,
) -> None:
    allowed, _, addresses = network
    for tier in Tier:
        peers = [flow.destination for flow in allowed if flow.source == tier]
        peers += [flow.source for flow in allowed if flow.destination == tier]  # type: ignore[misc]
        known = [block for peer in peers for block in blocks_of(peer, addresses)]
        for rule in acl_rules(tier, allowed, [], addresses, PLENTY):
            assert rule.ports in ((HTTPS, HTTPS), EPHEMERAL_PORTS)
            assert all(any(end in block for block in known) for end in both_ends(IPv4Network(rule.cidr)))


@given(prefix_lists())
def test_merging_a_prefix_list_changes_no_address(listed: list[str]) -> None:
    flow = Flow(Tier.MODEL, Gateway.S3, "why")
    rules = acl_rules(Tier.MODEL, [flow], [], {**TIER_BLOCKS, Gateway.S3: listed}, PLENTY)
    merged = [IPv4Network(rule.cidr) for rule in rules if rule.direction == "egress"]
    assert sorted(merged) == list(collapse_addresses(IPv4Network(block) for block in listed))


@given(networks(), st.integers(1, 40))
def test_the_quota_is_an_error_exactly_when_it_does_not_suffice(network: NetworkCase, quota: int) -> None:
    allowed, denied, addresses = network
    for tier in Tier:
        rules = acl_rules(tier, allowed, denied, addresses, PLENTY)
        needed = 1 + max(sum(rule.direction == direction for rule in rules) for direction in ("ingress", "egress"))
        if needed <= quota:
            assert acl_rules(tier, allowed, denied, addresses, quota) == rules
        else:
            with pytest.raises(AclQuotaError, match=f"the {tier} tier needs .* allows {quota}"):
                acl_rules(tier, allowed, denied, addresses, quota)


@given(some_flows())
def test_security_groups_hold_the_ends_of_each_flow_and_nothing_else(allowed: list[Flow]) -> None:
    expected = {
        GroupRule(flow.source, "egress", flow.destination, flow.purpose)
        for flow in allowed
        if isinstance(flow.source, Tier)
    } | {
        GroupRule(flow.destination, "ingress", flow.source, flow.purpose)
        for flow in allowed
        if isinstance(flow.destination, Tier)
    }
    assert set(group_rules(allowed)) == expected
