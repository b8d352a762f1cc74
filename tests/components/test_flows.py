"""Firewall rules follow from the flows: every flow is let through at both ends, and nothing else is."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.acl_rules import (
    EPHEMERAL_PORTS,
    AclQuotaError,
    NotPublicError,
    NumberedAclRule,
    acl_rules,
    supernets,
)
from components.cidr import Tier
from components.flows import (
    DNS,
    HTTPS,
    Block,
    Flow,
    Gateway,
    GroupRule,
    Peer,
    Ports,
    Protocol,
    group_rules,
    through_transit,
)

TIER_BLOCKS: dict[Peer, list[str]] = {
    Tier.APP: ["10.0.0.0/18"],
    Tier.ACCESS: ["10.0.64.0/18"],
    Tier.MODEL: ["10.0.128.0/18"],
    Tier.TRANSIT: ["10.0.255.128/25"],
}
NetworkCase = tuple[list[Flow], list[str], dict[Peer, list[str]]]
PLENTY = 10_000
"""A quota that no ACL of these tests reaches."""


@st.composite
def blocks(draw: st.DrawFn) -> str:
    prefix = draw(st.integers(8, 32))
    first = draw(st.integers(0, 2**32 - 1)) >> (32 - prefix) << (32 - prefix)
    return str(IPv4Network((first, prefix)))


PRIVATE = [IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]
"""RFC 1918 and RFC 6598."""


def overlapping(block: str, others: list[IPv4Network]) -> bool:
    return any(IPv4Network(block).overlaps(other) for other in others)


def prefix_lists() -> st.SearchStrategy[list[str]]:
    first_octets = st.sampled_from(["3", "16", "18", "52", "54", "172", "192"])
    listed = st.builds("{}.{}.0.0/{}".format, first_octets, st.integers(64, 127), st.integers(16, 20))
    return st.lists(listed, min_size=1, max_size=12)


@st.composite
def port_ranges(draw: st.DrawFn) -> Ports:
    first, last = sorted([draw(st.integers(1, 65535)), draw(st.integers(1, 65535))])
    return first, last


@st.composite
def some_flows(draw: st.DrawFn) -> list[Flow]:
    source = st.sampled_from(list(Tier)) | blocks().map(Block)
    destination = st.sampled_from([*Tier, *Gateway]) | blocks().map(Block)
    pairs = draw(st.lists(st.tuples(source, destination), max_size=8, unique=True))
    ports = st.just(HTTPS) | port_ranges() | st.integers(1, 65535).map(lambda port: (port, port))
    protocols: st.SearchStrategy[Protocol] = st.sampled_from(("tcp", "udp"))
    return [
        Flow(source, destination, "why")
        if isinstance(destination, Gateway)
        else Flow(source, destination, "why", draw(ports), draw(protocols))
        for source, destination in pairs
    ]


@st.composite
def networks(draw: st.DrawFn) -> NetworkCase:
    """Flows, denied blocks, and the addresses of what the flows name."""
    addresses: dict[Peer, list[str]] = {**TIER_BLOCKS, **{gateway: draw(prefix_lists()) for gateway in Gateway}}
    return draw(some_flows()), draw(st.lists(blocks(), max_size=5, unique=True)), addresses


def blocks_of(peer: Peer, addresses: dict[Peer, list[str]]) -> list[IPv4Network]:
    listed = [peer.cidr] if isinstance(peer, Block) else addresses[peer]
    return [IPv4Network(block) for block in listed]


def lets_through(
    rules: tuple[NumberedAclRule, ...], flow: Flow, direction: str, address: IPv4Address, port: int
) -> bool:
    """Whether an ACL without denies allows a packet: by brute force, over each rule."""
    return any(
        rule.direction == direction
        and rule.action == "allow"
        and rule.protocol == flow.protocol
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
                assert all(lets_through(rules[flow.source], flow, "egress", address, port) for port in flow.ports)
                assert all(lets_through(rules[flow.source], flow, "ingress", address, port) for port in EPHEMERAL_PORTS)
        if isinstance(flow.destination, Tier):
            for address in [end for block in blocks_of(flow.source, addresses) for end in both_ends(block)]:
                assert all(lets_through(rules[flow.destination], flow, "ingress", address, port) for port in flow.ports)
                assert all(
                    lets_through(rules[flow.destination], flow, "egress", address, port) for port in EPHEMERAL_PORTS
                )


def opened_for(peer: Peer, addresses: dict[Peer, list[str]]) -> list[IPv4Network]:
    """What an ACL may open for a peer: of a gateway whole first octets, less private space."""
    exact = blocks_of(peer, addresses)
    if not isinstance(peer, Gateway):
        return exact
    wide = [block.supernet(new_prefix=8) for block in exact]
    for private in PRIVATE:
        wide = [left for block in wide for left in without(block, private)]
    return wide


def without(block: IPv4Network, part: IPv4Network) -> list[IPv4Network]:
    if part.subnet_of(block):
        return list(block.address_exclude(part))
    return [] if block.subnet_of(part) else [block]


@given(networks())
def test_an_acl_opens_nothing_that_no_flow_of_its_tier_needs(
    network: NetworkCase,
) -> None:
    allowed, _, addresses = network
    for tier in Tier:
        peers = [flow.destination for flow in allowed if flow.source == tier]
        peers += [flow.source for flow in allowed if flow.destination == tier]
        known = [block for peer in peers for block in opened_for(peer, addresses)]
        for rule in acl_rules(tier, allowed, [], addresses, PLENTY):
            used = {(ports, flow.protocol) for flow in allowed for ports in (EPHEMERAL_PORTS, flow.ports)}
            assert (rule.ports, rule.protocol) in used
            assert any(IPv4Network(rule.cidr).subnet_of(block) for block in known)


@given(prefix_lists())
def test_a_gateways_blocks_are_covered_by_few_public_ones(listed: list[str]) -> None:
    found = [IPv4Network(block) for block in supernets(listed)]
    assert all(any(IPv4Network(block).subnet_of(wide) for wide in found) for block in listed)
    assert all(wide.prefixlen >= 8 and wide.is_global and not overlapping(str(wide), PRIVATE) for wide in found)


def test_the_blocks_of_an_octet_are_one_rule() -> None:
    """Snapshots of us-east-1's list: https://ip-ranges.amazonaws.com/ip-ranges.json (service S3)."""
    listed = ["3.5.0.0/19", "16.15.176.0/20", "16.15.192.0/18", "16.182.0.0/16", "52.216.0.0/15", "54.231.0.0/16"]
    assert supernets(listed) == ["16.0.0.0/8", "3.0.0.0/8", "52.0.0.0/8", "54.0.0.0/8"]
    assert supernets([*listed, "3.5.32.0/22"]) == supernets(listed)


def test_beside_private_space_the_rule_is_narrower() -> None:
    assert supernets(["172.96.97.0/24", "192.157.36.0/22"]) == ["172.64.0.0/10", "192.128.0.0/11"]


@pytest.mark.parametrize("block", ["10.3.0.0/16", "172.16.0.0/24", "192.168.7.0/24", "100.64.0.0/24", "0.0.0.0/0"])
def test_a_list_with_private_addresses_is_refused(block: str) -> None:
    with pytest.raises(NotPublicError, match=f"{block} is not public"):
        supernets(["54.231.0.0/16", block])


@st.composite
def rules_alone(draw: st.DrawFn) -> tuple[list[Flow], list[str], dict[Peer, list[str]]]:
    """Denied blocks, clients on premises, tiers on several ports, and a gateway's blocks."""
    clients = [Block(block) for block in draw(st.lists(blocks(), max_size=5, unique=True))]
    further = [Flow(Tier.APP, Tier.ACCESS, "why", ports) for ports in draw(st.lists(port_ranges(), max_size=5))]
    allowed = [Flow(client, Tier.ACCESS, "why") for client in clients] + [
        *further,
        Flow(Tier.APP, Tier.ACCESS, "why"),
        Flow(Tier.ACCESS, Gateway.S3, "why"),
    ]
    octets = draw(st.lists(st.sampled_from([3, 16, 18, 52, 54]), min_size=1, unique=True))
    addresses = {**TIER_BLOCKS, Gateway.S3: [f"{octet}.5.0.0/16" for octet in octets]}
    return allowed, draw(st.lists(blocks(), max_size=5, unique=True)), addresses


@given(rules_alone(), st.data())
def test_what_comes_or_goes_leaves_every_other_rule_its_number(network: NetworkCase, data: st.DataObject) -> None:
    """But for the seldom case that two rules want the same number, which `assume` leaves out."""
    allowed, denied, addresses = network
    alone = [*(acl_rules(Tier.ACCESS, [flow], [], addresses, PLENTY) for flow in allowed)]
    alone += [acl_rules(Tier.ACCESS, [], [block], addresses, PLENTY) for block in denied]
    apart = {rule for rules in alone for rule in rules}
    assume(len({(rule.direction, rule.number) for rule in apart}) == len(apart))
    assert set(acl_rules(Tier.ACCESS, allowed, denied, addresses, PLENTY)) == apart
    fewer = data.draw(st.lists(st.sampled_from(denied), unique=True)) if denied else []
    assert set(acl_rules(Tier.ACCESS, allowed[1:], fewer, addresses, PLENTY)) <= apart


def test_where_two_rules_want_one_number_the_second_takes_the_next() -> None:
    every = [f"10.{second}.{third}.0/24" for second in range(8) for third in range(200)]
    by_number: dict[int, list[str]] = {}
    for block in every:
        by_number.setdefault(acl_rules(Tier.APP, [], [block], TIER_BLOCKS, PLENTY)[0].number, []).append(block)
    number, pair = next((number, found) for number, found in by_number.items() if len(found) == 2)
    assert number + 1 not in by_number
    for denied in (pair, pair[::-1]):
        ingress = [rule for rule in acl_rules(Tier.APP, [], denied, TIER_BLOCKS, PLENTY) if rule.direction == "ingress"]
        assert [(rule.number, rule.cidr) for rule in ingress] == [(number, pair[0]), (number + 1, pair[1])]


def test_other_ports_are_another_number() -> None:
    """A changed rule can be made before the old one goes."""
    flow = Flow(Block("192.168.0.0/16"), Tier.ACCESS, "why")
    back = Flow(Tier.ACCESS, Block("192.168.0.0/16"), "why")
    numbers = {rule.number for rule in acl_rules(Tier.ACCESS, [flow, back], [], TIER_BLOCKS, PLENTY)}
    assert len(numbers) == 2
    tiers = [Flow(Tier.APP, Tier.APP, "why", ports) for ports in (HTTPS, (5432, 5432), (9092, 9098))]
    assert len({rule.number for rule in acl_rules(Tier.APP, tiers, [], TIER_BLOCKS, PLENTY)}) == 4


def test_the_stacks_own_rules_have_the_numbers_that_they_were_deployed_with() -> None:
    """AWS knows a rule by its number: another one would be another rule, made and deleted while the stack serves."""
    flow = Flow(Tier.APP, Tier.ACCESS, "why")
    assert {rule.number for rule in acl_rules(Tier.APP, [flow], [], TIER_BLOCKS, PLENTY)} == {10010, 10011}
    assert {rule.number for rule in acl_rules(Tier.ACCESS, [flow], [], TIER_BLOCKS, PLENTY)} == {10000, 10001}


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
        GroupRule(flow.source, "egress", flow.destination, flow.ports, flow.purpose, flow.protocol)
        for flow in allowed
        if isinstance(flow.source, Tier)
    } | {
        GroupRule(flow.destination, "ingress", flow.source, flow.ports, flow.purpose, flow.protocol)
        for flow in allowed
        if isinstance(flow.destination, Tier)
    }
    assert set(group_rules(allowed)) == expected


def test_a_transit_gateways_acl_judges_the_end_in_the_vpc_alone() -> None:
    """Nothing but what comes from other networks or goes there passes it, whatever block that is."""
    vpc, site, other = "10.0.0.0/16", Block("192.168.0.0/16"), Block("172.16.0.0/12")
    inside = [Flow(Tier.APP, Tier.ACCESS, "why"), Flow(Block("10.0.192.0/24"), Tier.ACCESS, "why")]
    queries = [Flow(site, Tier.ACCESS, "why", DNS, "udp"), Flow(other, Tier.ACCESS, "why", DNS, "udp")]
    found = through_transit([*inside, *queries, Flow(Tier.APP, site, "why", (5432, 5432))], vpc)
    assert found == (
        Flow(Tier.TRANSIT, Tier.ACCESS, "why", DNS, "udp"),
        Flow(Tier.APP, Tier.TRANSIT, "why", (5432, 5432)),
    )
    app, access = TIER_BLOCKS[Tier.APP][0], TIER_BLOCKS[Tier.ACCESS][0]
    rules = {
        (rule.direction, rule.cidr, rule.protocol, rule.ports)
        for rule in acl_rules(Tier.TRANSIT, found, [], TIER_BLOCKS, PLENTY)
    }
    assert rules == {
        ("egress", access, "udp", DNS),
        ("ingress", access, "udp", EPHEMERAL_PORTS),
        ("ingress", app, "tcp", (5432, 5432)),
        ("egress", app, "tcp", EPHEMERAL_PORTS),
    }
