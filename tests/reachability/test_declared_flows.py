"""Declared flows are proved: their rules, all of them and no others, make what the settings ask for work."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.acl_rules import acl_rules
from components.cidr import WORKLOADS, Tier, plan_subnets
from components.flows import Block, Gateway, GroupRule, Peer, flows, group_rules, tier_of
from components.network import routed_blocks
from components.settings import Settings, SettingsError
from private_inference.reachability import model
from private_inference.reachability.intent import Report, check, completed
from private_inference.reachability.model import Cidr, GatewayKind, GroupRef, Network, PrefixListRef
from private_inference.reachability.picture import render_svg
from private_inference.reachability.stack_intent import intent_from
from private_inference.reachability.traffic import ALL_TRAFFIC, addresses, services, usable
from private_inference.reachability.transition import transition
from private_inference.verification.needs import Needs
from tests.support.stacks import settings

ZONES = ("us-east-1a", "us-east-1b")
S3 = ["54.231.0.0/16"]
VPC, FREE, PREMISES, GATEWAY = "10.20.0.0/16", "10.20.192.0/18", "192.168.0.0/16", "vgw-0a1b2c3d"
NAMES = {Tier.APP: "client", Tier.ACCESS: "access", Tier.MODEL: "model"}
GROUPS = {tier: f"sg-{tier}" for tier in WORKLOADS}
BECAUSE = "a service of a team needs it"
ALL_OF_THE_VPC = (model.AclRule(100, True, ALL_TRAFFIC, VPC),)


def declared(*found: dict[str, Any], premises: bool = True) -> Settings:
    """The settings of a stack without endpoints, with some flows."""
    on_premises = {"onPremises": {"cidrs": [PREMISES], "gatewayId": GATEWAY}} if premises else {}
    network = {"cidr": VPC, "naclRuleQuota": 40, "flows": list(found), **on_premises}
    return settings({"owner": "ml-platform", "costCenter": "research", "network": network})


def flow(source: str, destination: str, *ports: int | str) -> dict[str, Any]:
    return {"from": source, "to": destination, "ports": list(ports), "because": BECAUSE}


def network(given_: Settings, further: Sequence[str] = ()) -> Network:
    """The network that the program derives from settings, with a team's subnets, whose own ACL lets everything pass."""
    plan, allowed = plan_subnets(VPC, ZONES), flows(given_)
    blocks: dict[Peer, Sequence[str]] = {tier: [block] for tier, block in plan.blocks.items()}
    things: list[model.Thing] = [
        model.Vpc("vpc", (VPC,)),
        model.Gateway("s3", "vpc", GatewayKind.ENDPOINT, prefix_list="pl", service="s3"),
        model.RouteTable("further", "vpc"),
        model.NetworkAcl("further", "vpc", ALL_OF_THE_VPC, ALL_OF_THE_VPC),
        *(model.Subnet(block, "vpc", ZONES[0], (block,), "further", "further") for block in further),
    ]
    if given_.network.on_premises:
        things.append(model.Gateway(GATEWAY, "vpc", GatewayKind.VIRTUAL_PRIVATE))
    routes = [(tier, model.Route(Cidr(block), GATEWAY)) for tier, block in routed_blocks(allowed, VPC)]
    routes.append((Tier.MODEL, model.Route(PrefixListRef("pl"), "s3")))
    for tier in WORKLOADS:
        rules = acl_rules(tier, allowed, (), blocks | {Gateway.S3: S3}, 40)
        ingress, egress = (
            tuple(
                model.AclRule(one.number, True, services("tcp", *one.ports), one.cidr)
                for one in rules
                if one.ports and one.direction == direction
            )
            for direction in ("ingress", "egress")
        )
        things.append(model.NetworkAcl(tier, "vpc", ingress, egress))
        things.append(model.RouteTable(tier, "vpc", tuple(route for whose, route in routes if whose == tier)))
        let_in, let_out = (tuple(_rules(tier, direction, group_rules(allowed))) for direction in ("ingress", "egress"))
        things.append(model.SecurityGroup(GROUPS[tier], "vpc", let_in, let_out, NAMES[tier]))
        for zone, block in plan.subnets[tier].items():
            things.append(model.Subnet(f"{tier}-{zone}", "vpc", zone, (block,), tier, tier))
    for zone in ZONES:
        things.append(
            model.Interface(
                f"runtime-{zone}", f"access-{zone}", frozenset({GROUPS[Tier.ACCESS]}), service="sagemaker.runtime"
            )
        )
    return Network.of(things, {"pl": S3})


def _rules(tier: Tier, direction: str, rules: Iterator[GroupRule]) -> Iterator[model.SgRule]:
    for rule in rules:
        if (rule.tier, rule.direction) == (tier, direction):
            yield model.SgRule(services("tcp", *rule.ports), _peer(rule.peer))


def _peer(peer: Peer) -> Cidr | PrefixListRef | GroupRef:
    if isinstance(peer, Block):
        return Cidr(peer.cidr)
    return PrefixListRef("pl") if isinstance(peer, Gateway) else GroupRef(GROUPS[tier_of(peer)])


def prove(given_: Settings, found: Network) -> Report:
    return check(found, intent_from(given_, found))


def problems(report: Report) -> set[str]:
    return {*map(str, report.failures), *report.unmet}


# Any flows that the settings take


@st.composite
def blocks(draw: st.DrawFn, within: str, widest: int) -> str:
    outer = IPv4Network(within)
    prefix = draw(st.integers(widest, 32))
    position = draw(st.integers(0, 2 ** (prefix - outer.prefixlen) - 1))
    return str(IPv4Network((int(outer.network_address) + (position << (32 - prefix)), prefix)))


PORTS = st.lists(
    st.integers(1, 65535)
    | st.builds(lambda low, more: f"{low}-{low + more}", st.integers(1, 35000), st.integers(1, 29999)),
    min_size=1,
    max_size=2,
)
FURTHER = blocks(FREE, 18)
SITES = blocks(PREMISES, 16) | st.just("onPremises")
ENDS = st.one_of(
    st.tuples(st.just("clients"), FURTHER | SITES | st.just("clients")),
    st.tuples(FURTHER | SITES, st.just("clients")),
    st.tuples(FURTHER, st.just("access")),
)


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Settings, list[str]]:
    """Settings with flows, and a team's subnets in some of the places."""
    found: list[dict[str, Any]] = []
    for source, destination in draw(st.lists(ENDS, min_size=1, max_size=4)):
        more = flow(source, destination, *([443] if destination == "access" else draw(PORTS)))
        try:
            declared(*found, more)
        except SettingsError:
            continue  # it has something in common with another one
        found.append(more)
    assume(found)
    named = {end for one in found for end in (one["from"], one["to"]) if end.startswith("10.20.")}
    further: list[str] = []
    for block in sorted(named):
        apart = not any(IPv4Network(block).overlaps(IPv4Network(other)) for other in further)
        if apart and IPv4Network(block).prefixlen <= 28 and draw(st.booleans()):
            further.append(block)
    return declared(*found), further


SLOW = hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(stacks())
def test_whatever_flows_are_declared_the_derived_rules_are_proved(stack: tuple[Settings, list[str]]) -> None:
    given_, further = stack
    report = prove(given_, network(given_, further))
    assert problems(report) == set()
    reasons = {cell.why for cell in report.cells if cell.required}
    assert any(BECAUSE in why for why in reasons)


Change = Callable[[Network], Network]


def removals(found: Network) -> Iterator[tuple[str, Change]]:
    """Each rule and route of the stack by itself, but for those that another one covers."""
    for kind, keys in (("acls", [*WORKLOADS]), ("groups", GROUPS.values())):
        for key in keys:
            control = getattr(found, kind)[key]
            for direction in ("ingress", "egress"):
                rules = getattr(control, direction)
                for rule in rules:
                    left = tuple(other for other in rules if other is not rule)
                    if not any(_covers(other, rule) for other in left):
                        changed = {**getattr(found, kind), key: replace(control, **{direction: left})}
                        yield f"{key} {direction} {rule}", lambda n, k=kind, c=changed: replace(n, **{k: c})  # type: ignore[misc]
    for key in WORKLOADS:
        table = found.route_tables[key]
        for route in table.routes:
            left = tuple(other for other in table.routes if other is not route)
            if not any(_leads_too(other, route) for other in left):
                changed = {**found.route_tables, key: replace(table, routes=left)}
                yield f"{key} {route}", lambda n, c=changed: replace(n, route_tables=c)  # type: ignore[misc]


def _covers(one: Any, other: Any) -> bool:
    if not other.services <= one.services:
        return False
    if isinstance(one, model.AclRule):
        return addresses(other.block) <= addresses(one.block)
    return one.peer == other.peer or (
        isinstance(one.peer, Cidr)
        and isinstance(other.peer, Cidr)
        and addresses(other.peer.block) <= addresses(one.peer.block)
    )


def _leads_too(one: model.Route, other: model.Route) -> bool:
    return (
        isinstance(one.destination, Cidr)
        and isinstance(other.destination, Cidr)
        and addresses(other.destination.block) <= addresses(one.destination.block)
    )


@hypothesis_settings(SLOW, max_examples=15)
@given(stacks())
def test_without_any_one_of_the_rules_a_path_is_missing(stack: tuple[Settings, list[str]]) -> None:
    given_, further = stack
    whole = network(given_, further)
    for what, removed in removals(whole):
        report = prove(given_, removed(whole))
        assert any(failure.kind == "missing" for failure in report.failures), what


@hypothesis_settings(SLOW, max_examples=15)
@given(stacks())
def test_without_the_declaration_what_its_rules_open_is_surplus(stack: tuple[Settings, list[str]]) -> None:
    given_, _ = stack
    named = [end for one in given_.network.flows for end in (one.source, one.destination) if end.startswith("10.20.")]
    assume(all(addresses(end) & usable(FREE) for end in named))  # AWS keeps some addresses of a subnet for itself
    report = prove(declared(), network(given_, [FREE]))
    assert report.failures
    assert {failure.kind for failure in report.failures} == {"surplus"}


@hypothesis_settings(SLOW, max_examples=15)
@given(stacks())
def test_the_verification_finds_every_rule_needed_and_none_beyond(stack: tuple[Settings, list[str]]) -> None:
    given_, further = stack
    found = network(given_, further)
    intent = intent_from(given_, found)
    needs = Needs(completed(found, intent), intent, frozenset(GROUPS.values()), addresses())
    for tier in WORKLOADS:
        if tier != Tier.MODEL:  # no model is there that would need its rules
            assert [*needs.beyond_acl(tier), *needs.beyond_group(GROUPS[tier]), *needs.beyond_table(tier)] == []
    without = intent_from(declared(), found)
    before = Needs(completed(found, without), without, frozenset(GROUPS.values()), addresses())
    assert [*before.beyond_group(GROUPS[Tier.APP]), *before.beyond_group(GROUPS[Tier.ACCESS])]


@hypothesis_settings(SLOW, max_examples=15)
@given(stacks())
def test_while_flows_come_no_path_is_surplus(stack: tuple[Settings, list[str]]) -> None:
    """With all of their rules or none, between the settings without them and with them."""
    given_, further = stack
    for found in (network(declared(), further), network(given_, further)):
        report = check(found, transition(intent_from(declared(), found), intent_from(given_, found)))
        assert problems(report) == set()


# One by one

DATABASE = "10.20.192.0/24"
FEATURES = flow("clients", DATABASE, 5432)


def with_database(found: Network, *let_in: int) -> Network:
    """A team's database, whose group lets clients in on some ports."""
    rules = tuple(model.SgRule(services("tcp", port, port), GroupRef(GROUPS[Tier.APP])) for port in let_in)
    group = model.SecurityGroup("database", "vpc", rules, name="database")
    one = model.Interface("database", DATABASE, frozenset({"database"}))
    return replace(found, groups={**found.groups, "database": group}, interfaces={**found.interfaces, "database": one})


def test_a_service_that_is_there_has_to_listen() -> None:
    given_ = declared(FEATURES)
    assert problems(prove(given_, with_database(network(given_, [DATABASE]), 5432))) == set()
    (said,) = problems(prove(given_, with_database(network(given_, [DATABASE]), 3306)))
    assert said == (
        f"the settings ask for clients → {DATABASE}, tcp 5432, and no security group of a workload there lets that in"
    )


def test_two_services_in_one_place_need_not_listen_on_each_others_ports() -> None:
    given_ = declared(FEATURES, flow("clients", DATABASE, 6379))
    found = with_database(network(given_, [DATABASE]), 5432)
    cache_rules = (model.SgRule(services("tcp", 6379, 6379), GroupRef(GROUPS[Tier.APP])),)
    cache = model.SecurityGroup("cache", "vpc", cache_rules, name="cache")
    one = model.Interface("cache", DATABASE, frozenset({"cache"}))
    both = replace(found, groups={**found.groups, "cache": cache}, interfaces={**found.interfaces, "cache": one})
    report = prove(given_, both)
    assert problems(report) == set()
    required = {(cell.source, cell.destination) for cell in report.cells if cell.required}
    assert {("clients", f"tcp 5432 in {DATABASE}"), ("clients", f"tcp 6379 in {DATABASE}")} <= required


def test_an_acl_of_the_teams_own_that_refuses_is_missed() -> None:
    given_ = declared(FEATURES)
    found = network(given_, [DATABASE])
    closed = replace(found, acls={**found.acls, "further": model.NetworkAcl("further", "vpc", (), ALL_OF_THE_VPC)})
    assert problems(prove(given_, closed)) == {f"missing: clients → unlisted in {DATABASE}, tcp 5432"}


def test_a_database_that_is_open_to_workloads_that_are_no_clients_is_surplus() -> None:
    given_ = declared(FEATURES)
    found = with_database(network(given_, [DATABASE]), 5432)
    wide = model.SgRule(services("tcp", 5432, 5432), Cidr("10.20.0.0/18"))
    group = replace(found.groups["database"], ingress=(*found.groups["database"].ingress, wide))
    report = prove(given_, replace(found, groups={**found.groups, "database": group}))
    assert problems(report) == {f"surplus: unlisted in app → tcp 5432 in {DATABASE}, tcp 5432"}


def test_no_flow_opens_the_way_between_further_subnets_and_models() -> None:
    given_ = declared(FEATURES, flow(DATABASE, "access", 443))
    found = network(given_, [DATABASE])
    opened = model.AclRule(1, True, ALL_TRAFFIC, DATABASE)
    acl = replace(found.acls["model"], ingress=(opened, *found.acls["model"].ingress))
    report = prove(given_, replace(found, acls={**found.acls, "model": acl}))
    assert problems(report) == {f"surplus: unlisted in {DATABASE} → unlisted in model, all traffic"}


@pytest.mark.parametrize("further", [[], [DATABASE]], ids=["to come", "there"])
def test_a_flow_to_a_part_of_a_place_opens_no_more_of_it(further: list[str]) -> None:
    given_ = declared(flow("clients", "10.20.192.0/20", 5432), flow("clients", "10.20.192.16/28", 6379))
    found = network(given_, further)
    assert problems(prove(given_, found)) == set()
    wide = model.SgRule(services("tcp", 6379, 6379), Cidr("10.20.192.0/20"))
    client = replace(found.groups["sg-app"], egress=(*found.groups["sg-app"].egress, wide))
    letting = model.AclRule(1, True, services("tcp", 6379, 6379), "10.20.192.0/20")
    acl = replace(found.acls["app"], egress=(letting, *found.acls["app"].egress))
    wider = replace(found, groups={**found.groups, "sg-app": client}, acls={**found.acls, "app": acl})
    assert problems(prove(given_, wider)) >= {"surplus: clients → unlisted in 10.20.192.0/20, tcp 6379"}


@pytest.mark.parametrize("further", [[], [DATABASE]], ids=["to come", "there"])
def test_the_picture_shows_places_that_are_to_come(further: list[str]) -> None:
    halves = [flow("clients", f"10.20.{third}.0/24", 6379) for third in (194, 195)]
    whole = flow("clients", "10.20.194.0/23", 5432)  # of which the halves leave nothing
    given_ = declared(FEATURES, flow("clients", "10.20.200.7/32", 5432), *halves, whole)
    found = network(given_, further)
    intent = intent_from(given_, found)
    report = check(found, intent)
    assert problems(report) == set()
    asked = {cell.destination: cell.required for cell in report.cells if cell.source == "clients"}
    assert asked["unlisted in 10.20.195.0/24"] == services("tcp", 5432, 5432) | services("tcp", 6379, 6379)
    drawn = render_svg(found, intent, report, "a stack")
    assert {f"unlisted in {place}" in drawn for place in (DATABASE, "10.20.200.7/32")} == {True}
