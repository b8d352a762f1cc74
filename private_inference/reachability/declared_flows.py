"""What the flows that a stack's settings declare ask of its network, and the places that they name.

A flow names clients, interface endpoints, clients on premises, or a block: of clients on premises, or of subnets beside
the tiers, which whoever needs the flow brings. Where there is no subnet yet, one whose ACL allows all of the VPC stands
for it: the stack's own side is proved all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from private_inference.reachability.intent import ANSWERS, OTHER_GROUPS, Expectation, Party
from private_inference.reachability.intervals import NONE, Intervals
from private_inference.reachability.model import (
    AclRule,
    NetworkAcl,
    RouteTable,
    Subnet,
    Thing,
)
from private_inference.reachability.party_names import (
    CLIENTS,
    FRONT_DOOR,
    OTHER_ENDPOINTS,
    PREMISES,
    RUNTIME,
    in_block,
    on_premises,
    other_workloads,
)
from private_inference.reachability.path import InterfaceSet
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.traffic import ALL_TRAFFIC, addresses, blocks, services, services_text

if TYPE_CHECKING:
    from components.settings import FlowSettings, Settings

STATELESS = "network ACLs are stateless: what lets answers out lets requests to client ports out, one way"
THEIRS = "what passes between further subnets is for their own rules to say"
TIERS_OF = {"clients": "app", "access": "access"}


def declared_expectations(settings: Settings) -> Iterator[Expectation]:
    """What has to work, and what ACLs then let through, whatever groups a workload has.

    They name blocks as a whole: see `Places.expanded`.
    """
    vpc = addresses(settings.network.cidr)
    endpoints = [RUNTIME, *([OTHER_ENDPOINTS] if settings.private_access.interface_endpoints else [])]
    endpoints += [FRONT_DOOR] if settings.private_api else []
    for flow in settings.network.flows:
        asked = _asked(flow)
        for destination in _called(flow, vpc, endpoints):
            yield Expectation(_opening(flow.source, vpc), destination, asked, why=flow.because)
        for (one, other), passing, why in (
            ((flow.source, flow.destination), asked, ""),
            ((flow.destination, flow.source), ANSWERS, STATELESS),
        ):
            yield Expectation(_behind_acl(one, vpc), _unlisted(other, vpc), passing, required=False, why=why)
    for one, other in product(_named(settings, vpc), repeat=2):
        yield Expectation(in_block(one), in_block(other), ALL_TRAFFIC, required=False, why=THEIRS)


def _asked(flow: FlowSettings) -> Intervals:
    return Intervals.union(services("tcp", *ports) for ports in flow.ports)


def _called(flow: FlowSettings, vpc: Intervals, endpoints: Sequence[str]) -> Iterator[str]:
    if flow.destination == "access":
        yield from endpoints
    else:
        yield _opening(flow.destination, vpc)


def _opening(end: str, vpc: Intervals) -> str:
    return CLIENTS if end == "clients" else _behind_acl(end, vpc)


def _behind_acl(end: str, vpc: Intervals) -> str:
    """Everybody at an end of a flow whom ACLs don't tell apart."""
    if end in TIERS_OF:
        return other_workloads(TIERS_OF[end])
    if end == "onPremises":
        return PREMISES
    return in_block(end) if addresses(end) <= vpc else on_premises(end)


def _unlisted(end: str, vpc: Intervals) -> str:
    """Those of them that no group of their own guards."""
    found = _behind_acl(end, vpc)
    return other_workloads(end) if found == in_block(end) else found


def _named(settings: Settings, within: Intervals) -> list[str]:
    """The blocks that flows name within some addresses."""
    ends = {end for flow in settings.network.flows for end in (flow.source, flow.destination) if "/" in end}
    return sorted(end for end in ends if addresses(end) <= within)


class Places:
    """The blocks that flows name. Each address is in the smallest of them that holds it, and in no other."""

    def __init__(self, settings: Settings, finder: PathFinder, subnets: Collection[str], rest: Sequence[InterfaceSet]):
        """`subnets` are those for workloads, but of no tier, and `rest` the interfaces that are nobody else's."""
        self._flows = settings.network.flows
        self._finder, self._subnets, self._rest = finder, subnets, rest
        premises = settings.network.on_premises
        self._inside = _cut(_named(settings, addresses(settings.network.cidr)))
        self.premises = _cut(_named(settings, addresses(*premises.cidrs) if premises else NONE))
        self.inside = Intervals.union(self._inside.values())
        self.to_come = [one for block, place in self._inside.items() for one in self._standing_in(block, place)]
        self._there: dict[str, tuple[str, Intervals]] = {}
        self.parties = [*self._parties()]

    def _standing_in(self, block: str, place: Intervals) -> Iterator[Thing]:
        """A subnet for a place that has none: its ACL lets everything pass within the VPC."""
        network = self._finder.network
        around = next((vpc for vpc in network.vpcs.values() if place and place <= vpc.addresses), None)
        if around and network.subnets and not any(subnet.addresses & place for subnet in network.subnets.values()):
            name, zone = f"{block} (to come)", min(subnet.zone for subnet in network.subnets.values())
            table, acl = f"table of {name}", f"ACL of {name}"
            every = tuple(AclRule(number, True, ALL_TRAFFIC, each) for number, each in enumerate(around.cidrs, start=1))
            yield RouteTable(table, around.id, name="to come")
            yield NetworkAcl(acl, around.id, every, every, "to come")
            yield Subnet(name, around.id, zone, blocks(place), table, acl)

    def _parties(self) -> Iterator[Party]:
        """The workloads in each place: any that may come, and those there are by what they listen on."""
        everything = frozenset({OTHER_GROUPS.id})
        here = [self._finder.network.subnets[key] for key in sorted(self._subnets)]
        for block, place in self._inside.items():
            free = [(subnet.id, subnet.addresses & place) for subnet in here]
            free += [(one.id, place) for one in self.to_come if isinstance(one, Subnet) and one.cidrs == blocks(place)]
            ends = tuple(InterfaceSet(subnet, everything, both, True) for subnet, both in free if both)
            yield Party(other_workloads(block), ends, block=place)
            sorts: dict[str, list[InterfaceSet]] = {}
            for one in self._rest:
                if both := one.addresses & place:
                    served = self._serves(one, block)
                    name = f"{services_text(served)} in {block}" if served else in_block(block)
                    self._there[name] = block, served
                    sorts.setdefault(name, []).append(replace(one, addresses=both))
            yield from (Party(name, tuple(found), block=place) for name, found in sorts.items())

    def _serves(self, one: InterfaceSet, block: str) -> Intervals:
        """The services that flows lead to a workload in a block for, and that its groups let in from anybody."""
        leading = [flow for flow in self._flows if block in _inner(flow.destination, self._inside)]
        by_block = self._finder.group_region(one.groups, "ingress").ys
        by_group = self._finder.group_references(one.groups, "ingress").values()
        return Intervals.union(map(_asked, leading)) & Intervals.union([by_block, *by_group])

    def unmet(self) -> Iterator[str]:
        """The flows that lead to workloads of which none listens."""
        for flow in self._flows:
            inner = _inner(flow.destination, self._inside)
            there = [served for block, served in self._there.values() if block in inner]
            if there and (left := _asked(flow) - Intervals.union(there)):
                yield (
                    f"the settings ask for {flow.source} → {flow.destination}, {services_text(left)}, and no security "
                    "group of a workload there lets that in"
                )

    def expanded(self, expectations: Iterable[Expectation], known: Collection[str]) -> Iterator[Expectation]:
        """The expectations, for each party of the places that they name.

        Of the workloads that there are, those that listen have to be reached, and none has to open connections: a flow
        may mean one of them only.
        """
        members = self._members(known)
        for one in expectations:
            for source, destination in product(*(members.get(end, [end]) for end in (one.source, one.destination))):
                _, listening = self._there.get(destination, ("", one.services))
                surely = one.services & listening if one.required and source not in self._there else NONE
                for passing, required in ((surely, True), (one.services - surely, False)):
                    if passing:
                        yield replace(one, source=source, destination=destination, services=passing, required=required)

    def _members(self, known: Collection[str]) -> Mapping[str, list[str]]:
        """The parties of each place by what expectations call it."""
        found = {PREMISES: [PREMISES, *map(on_premises, self.premises)]}
        for block in self.premises:
            found[on_premises(block)] = [on_premises(inner) for inner in _inner(block, self.premises)]
        for block in self._inside:
            inside = _inner(block, self._inside)
            found[other_workloads(block)] = [other_workloads(inner) for inner in inside]
            there = [name for name, (inner, _) in self._there.items() if inner in inside]
            found[in_block(block)] = [*found[other_workloads(block)], *there]
        return {name: [part for part in parts if part in known] or [name] for name, parts in found.items()}


def _cut(named: Sequence[str]) -> dict[str, Intervals]:
    """The addresses of each block, but for those of smaller ones."""
    return {
        block: addresses(block) - Intervals.union(addresses(inner) for inner in _inner(block, named) if inner != block)
        for block in named
    }


def _inner(block: str, named: Iterable[str]) -> list[str]:
    """The named blocks that lie within one."""
    return [each for each in named if "/" in block and addresses(each) <= addresses(block)]
