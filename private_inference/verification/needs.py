"""What the intended paths need of each control by itself: of security groups, network ACLs and route tables.

The proof of paths says nothing about a rule that another control makes useless today. That rule opens a path as soon
as the other control changes, so it is found here: a rule or route that goes beyond what the intended paths need.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from private_inference.reachability.intent import Intent
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.model import ANY_CLIENT_PORTS, GatewayKind, GroupRef, Network, Route, SgRule
from private_inference.reachability.path import InterfaceSet, OutsideAddresses, PathEnd
from private_inference.reachability.traffic import (
    IPV4,
    addresses,
    answers,
    blocks,
    neighbourhood,
    services_text,
    whole_protocols,
)

WAYS = {"ingress": "from", "egress": "to"}


@dataclass(frozen=True)
class _Need:
    """Services that a control has to let through, for peers with some addresses or in some security groups."""

    services: Intervals
    addresses: Intervals
    groups: frozenset[str] = frozenset()


class Needs:
    """What the required paths of an intent need. `groups` are the stack's security groups.

    A rule may cover denied blocks too: rules of their own refuse these first.
    """

    def __init__(self, network: Network, intent: Intent, groups: frozenset[str], denied: Intervals) -> None:
        self._network = network
        self._groups = groups
        self._denied = denied
        self._rules: defaultdict[tuple[str, str], set[_Need]] = defaultdict(set)
        self._routes: defaultdict[tuple[str, str | None], set[Intervals]] = defaultdict(set)
        parties = {party.name: party for party in intent.parties}
        for path in intent.expectations:
            if path.required:
                one, other = parties[path.source], parties[path.destination]
                for source, destination in product(one.ends, other.ends):
                    self._add(source, destination, other.block, "egress", path.services)
                    self._add(destination, source, one.block, "ingress", path.services)

    def _add(self, here: PathEnd, peer: PathEnd, block: Intervals, direction: str, services: Intervals) -> None:
        """Note what the controls of one end need: its group lets answers pass, its ACL needs rules for them.

        `block` is all that rules may name for the peer's party, where it says so.
        """
        if isinstance(here, OutsideAddresses):
            return
        subnet = self._network.subnets[here.subnet]
        opposite = "ingress" if direction == "egress" else "egress"
        at_subnet = block or (self._beyond(peer) if isinstance(peer, OutsideAddresses) else self._around(peer))
        back = whole_protocols(services) & answers(ANY_CLIENT_PORTS)
        self._rules[subnet.acl, direction].add(_Need(services, at_subnet))
        self._rules[subnet.acl, opposite].add(_Need(back, at_subnet))
        for acl in self._attached(peer):
            self._rules[acl, opposite].add(_Need(services, self._around(here)))
            self._rules[acl, direction].add(_Need(back, self._around(here)))
        at_group = (
            _Need(services, peer.addresses)
            if isinstance(peer, OutsideAddresses)
            else _Need(services, block, peer.groups & self._groups)
        )
        for group in here.groups:
            self._rules[group, direction].add(at_group)
        if isinstance(peer, OutsideAddresses):
            self._routes[subnet.route_table, peer.gateway].add(peer.addresses)

    def _attached(self, peer: PathEnd) -> set[str]:
        """The ACLs of a transit gateway's own subnets, if a peer lies behind one. They judge the VPC's end alone."""
        gateway = self._network.gateways.get(peer.gateway or "") if isinstance(peer, OutsideAddresses) else None
        attached = gateway.subnets if gateway and gateway.kind is GatewayKind.TRANSIT else ()
        return {self._network.subnets[subnet].acl for subnet in attached}

    def _beyond(self, outside: OutsideAddresses) -> Intervals:
        """The addresses themselves, of a gateway endpoint's also those near them: ACL rules can't name prefix lists."""
        gateway = self._network.gateways.get(outside.gateway or "")
        if gateway is None or gateway.kind is not GatewayKind.ENDPOINT:
            return outside.addresses
        return outside.addresses | neighbourhood(*blocks(outside.addresses & IPV4))

    def _around(self, interfaces: InterfaceSet) -> Intervals:
        """All of the VPC but the subnets under other ACLs: ACL rules name blocks, and these may have room to grow."""
        here = self._network.subnets[interfaces.subnet]
        others = [subnet.addresses for subnet in self._network.subnets.values() if subnet.acl != here.acl]
        return self._network.vpcs[here.vpc].addresses - Intervals.union(others)

    def beyond_group(self, key: str) -> Iterator[str]:
        """The rules of a security group that the intended paths don't need."""
        group = self._network.groups[key]
        for direction, rules in (("ingress", group.ingress), ("egress", group.egress)):
            for rule in rules:
                if not self._needed(rule, self._rules[key, direction]):
                    yield f"{WAYS[direction]} {self._network.name(str(rule.peer))} {services_text(rule.services)}"

    def _needed(self, rule: SgRule, needs: Iterable[_Need]) -> bool:
        fitting = [need for need in needs if rule.services <= need.services]
        if isinstance(rule.peer, GroupRef):
            return any(rule.peer.group in need.groups for need in fitting)
        return self._within(self._network.peer_addresses(rule.peer), (need.addresses for need in fitting))

    def beyond_acl(self, key: str) -> Iterator[str]:
        """The rules of a network ACL that allow what the intended paths don't need."""
        acl = self._network.acls[key]
        for direction, rules in (("ingress", acl.ingress), ("egress", acl.egress)):
            needs = self._rules[key, direction]
            for rule in rules:
                fitting = (need.addresses for need in needs if rule.services <= need.services)
                if rule.allow and not self._within(addresses(rule.block), fitting):
                    yield f"rule {rule.number} {WAYS[direction]} {rule.block} {services_text(rule.services)}"

    def beyond_table(self, key: str) -> Iterator[str]:
        """The routes of a route table that the intended paths don't need."""
        for route in self._network.route_tables[key].routes:
            if not self._leads_where_needed(key, route):
                yield f"{route.destination} → {route.target or 'nowhere (blackhole)'}"

    def _leads_where_needed(self, table: str, route: Route) -> bool:
        destination = self._network.peer_addresses(route.destination)
        return self._within(destination, self._routes[table, route.target])

    def _within(self, wanted: Intervals, needed: Iterable[Intervals]) -> bool:
        found = Intervals.union(needed)
        return bool(found) and wanted <= found | self._denied
