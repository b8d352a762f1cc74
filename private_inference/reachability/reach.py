"""Reachable sets: all that can reach a site, all that a site can reach, and every path of a network.

What makes it fast: interfaces that no control tells apart are one placement; only placements that a group rule names
or whose subnet one of its blocks touches are looked at; and where no rule tells the addresses of two subnets apart,
which is nearly always, a path is the intersection of a few sets of services, each computed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from private_inference.reachability.intervals import EMPTY, NONE, Intervals, Region
from private_inference.reachability.model import Network
from private_inference.reachability.paths import Beyond, Box, Direction, End, Engine, Placement, Site, Stage
from private_inference.reachability.traffic import ALL_TRAFFIC, IPV4, IPV6

Addresses = Sequence[tuple[Intervals, Intervals]]
"""Addresses, each time with the services that something admits for all of them."""


class Reached(NamedTuple):
    """Two sites and the packets that the one can deliver to the other; `Engine.path` has the stages."""

    source: Site
    destination: Site
    delivered: tuple[Box, ...]


class Reach:
    """The paths between all sites of a network: its interfaces, grouped, and what lies beyond each of its gateways."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.engine = Engine(network)
        self.placements = self.engine.placements()
        self.beyond = tuple(self.engine.beyond(gateway) for gateway in network.gateways.values())
        self._version = {id(one): _version(one.addresses) for one in self.placements}
        self._by_group = _grouped((group, one) for one in self.placements for group in sorted(one.groups))
        self._by_subnet = _grouped((one.subnet, one) for one in self.placements)
        self._named = {name for one in self.placements for name in self.engine.group_references(one.groups, "egress")}
        self._of_group = cache(self._services_of_group)
        self._by_blocks = cache(self._services_by_blocks)
        self._between = cache(self._services_between)
        self._regular = cache(self._regular_subnets)
        self._members = cache(self._members_of)
        self._leaving_by_blocks = cache(self._addresses_by_blocks)
        self._leaving_by_name = cache(self._addresses_by_name)

    def paths(self) -> Iterator[Reached]:
        """Every path that delivers anything, in and out of gateways included."""
        for placement in self.placements:
            yield from self.paths_to(placement)
            yield from self.paths_out(placement)

    def paths_to(self, destination: Placement) -> Iterator[Reached]:
        """Every path that delivers anything to a placement."""
        yield from self._inside((source, destination) for source in self._peers(destination, "ingress"))
        yield from self._outside((beyond, destination) for beyond in self.beyond)

    def paths_from(self, source: Placement) -> Iterator[Reached]:
        """Every path that delivers anything from a placement."""
        yield from self._inside((source, destination) for destination in self._peers(source, "egress"))
        yield from self.paths_out(source)

    def paths_out(self, source: Placement) -> Iterator[Reached]:
        """Every path that delivers anything from a placement through a gateway."""
        yield from self._outside((source, beyond) for beyond in self.beyond)

    def sources(self, destination: Placement) -> Region:
        """The exact set of (source address, service) that is delivered to any address of a placement.

        It doesn't go through pairs: group rules only ever allow, so what lets packets out and what lets them in can be
        intersected for all sources of a subnet at once.
        """
        pairs = [*self._sources_by_blocks(destination), *self._sources_by_name(destination)]
        for path in self._outside((beyond, destination) for beyond in self.beyond):
            pairs += ((box.sources, box.services) for box in path.delivered)
        return _union(pairs)

    def destinations(self, source: Placement) -> Region:
        """The exact set of (destination address, service) that is delivered from any address of a placement."""
        return _union((box.destinations, box.services) for path in self.paths_from(source) for box in path.delivered)

    # Paths, one by one

    def _inside(self, pairs: Iterable[tuple[Placement, Placement]]) -> Iterator[Reached]:
        for source, destination in pairs:
            if boxes := self._delivered(source, destination):
                yield Reached(source, destination, boxes)

    def _outside(self, pairs: Iterable[tuple[Site, Site]]) -> Iterator[Reached]:
        for source, destination in pairs:
            if not (self._names_blocks(source, "egress") and self._names_blocks(destination, "ingress")):
                continue
            if boxes := self.engine.path(source, destination).delivered:
                yield Reached(source, destination, boxes)

    def _names_blocks(self, site: Site, direction: Direction) -> bool:
        """Whether a site could let anything pass beyond a gateway, where there are no groups to name."""
        return isinstance(site, Beyond) or bool(self.engine.group_region(site.groups, direction))

    def _peers(self, placement: Placement, direction: Direction) -> list[Placement]:
        """The placements that the group rules of one could let through: the only ones worth a closer look."""
        peers: dict[int, Placement] = {}
        for group in self.engine.group_references(placement.groups, direction):
            peers.update((id(one), one) for one in self._by_group.get(group, ()))
        for subnet, there in self._by_subnet.items():
            if self._by_blocks(placement.groups, direction, subnet, None) != NONE:
                peers.update((id(one), one) for one in there)
        return list(peers.values())

    def _delivered(self, source: Placement, destination: Placement) -> tuple[Box, ...]:
        """`Engine.path(source, destination).delivered`, by the short way if there is one."""
        version = self._version[id(source)]
        if version is None or version != self._version[id(destination)]:
            return self.engine.path(source, destination).delivered
        leaving = self._by_blocks(source.groups, "egress", destination.subnet, version)
        entering = self._by_blocks(destination.groups, "ingress", source.subnet, version)
        between = self._between(source.subnet, destination.subnet, version)
        if leaving is None or entering is None or between is None:
            return self.engine.path(source, destination).delivered
        leaving |= self._by_name(source.groups, "egress", destination.groups)
        entering |= self._by_name(destination.groups, "ingress", source.groups)
        both = leaving & entering & between
        return (Box(source.addresses, destination.addresses, both),) if both else ()

    # Sources, a subnet at a time. Addresses can come up more than once.

    def _sources_by_blocks(self, destination: Placement) -> Iterator[tuple[Intervals, Intervals]]:
        """What the blocks in a placement's ingress rules let in; from irregular subnets, all that gets in."""
        version = self._version[id(destination)]
        regular = self._regular(destination.subnet, version)
        for subnet in self._by_subnet:
            entering = self._by_blocks(destination.groups, "ingress", subnet, version)
            if subnet not in regular or entering is None:
                boxes = (box for source in self._by_subnet[subnet] for box in self._delivered(source, destination))
                yield from ((box.sources, box.services) for box in boxes)
            elif let_in := entering & regular[subnet]:
                yield from _both(self._leaving(subnet, None, destination), let_in)

    def _sources_by_name(self, destination: Placement) -> Iterator[tuple[Intervals, Intervals]]:
        """What a placement's ingress rules let in by naming groups, from regular subnets."""
        version, names = self._version[id(destination)], destination.groups & self._named
        for group, services in self.engine.group_references(destination.groups, "ingress").items():
            yield from self._members(group, services, destination.subnet, version)
            if names:
                for subnet, between in self._regular(destination.subnet, version).items():
                    yield from _both(self._naming(subnet, group, names), services & between)

    def _regular_subnets(self, destination: str, version: Intervals | None) -> Mapping[str, Intervals]:
        """The subnets from where nothing tells addresses of another apart, with the services that pass between them.

        That neither ACLs and routes do, nor egress rules, and that the sources are of the destination's IP version.
        """
        found: dict[str, Intervals] = {}
        for subnet, sources in self._by_subnet.items():
            between = self._between(subnet, destination, version) if version else None
            if between is not None and all(
                self._version[id(source)] == version
                and self._by_blocks(source.groups, "egress", destination, version) is not None
                for source in sources
            ):
                found[subnet] = between
        return found

    def _members_of(self, group: str, services: Intervals, destination: str, version: Intervals | None) -> Addresses:
        """The members of a group that reach a subnet on some services by the blocks in their own egress rules."""
        return _by_services(
            pair
            for subnet, between in self._regular(destination, version).items()
            for pair in _both(self._leaving_by_blocks(subnet, group, destination, version), services & between)
        )

    def _leaving(self, subnet: str, group: str | None, destination: Placement) -> Iterator[tuple[Intervals, Intervals]]:
        """What sources in a subnet (and a group) let out to a placement: by block, and by naming its groups."""
        version = self._version[id(destination)]
        yield from self._leaving_by_blocks(subnet, group, destination.subnet, version)
        yield from self._naming(subnet, group, destination.groups & self._named)

    def _naming(self, subnet: str, group: str | None, names: Iterable[str]) -> Iterator[tuple[Intervals, Intervals]]:
        for name in names:
            yield from self._leaving_by_name(subnet, group, name)

    def _addresses_by_blocks(
        self, subnet: str, group: str | None, destination: str, version: Intervals | None
    ) -> Addresses:
        return _by_services(
            (source.addresses, self._by_blocks(source.groups, "egress", destination, version) or NONE)
            for source in self._in(subnet, group)
        )

    def _addresses_by_name(self, subnet: str, group: str | None, name: str) -> Addresses:
        return _by_services(
            (source.addresses, self._by_name(source.groups, "egress", frozenset({name})))
            for source in self._in(subnet, group)
        )

    def _in(self, subnet: str, group: str | None) -> Iterable[Placement]:
        if group is None:
            return self._by_subnet[subnet]
        return (one for one in self._by_group.get(group, ()) if one.subnet == subnet)

    # Services

    def _services_by_blocks(
        self, groups: frozenset[str], direction: Direction, subnet: str, version: Intervals | None
    ) -> Intervals | None:
        """What the blocks in the rules of groups admit for a subnet; None if those of one tell its addresses apart."""
        admitted = NONE
        for group in groups:
            services = self._of_group(group, direction, subnet, version)
            if services is None:
                return None
            admitted |= services
        return admitted

    def _services_of_group(
        self, group: str, direction: Direction, subnet: str, version: Intervals | None
    ) -> Intervals | None:
        there = self.network.subnets[subnet].addresses
        admitted = self.engine.group_region(frozenset({group}), direction)
        return _whole(admitted, there if version is None else there & version)

    def _by_name(self, groups: frozenset[str], direction: Direction, peers: frozenset[str]) -> Intervals:
        """What the rules of groups admit for interfaces in other groups by naming these."""
        named = self.engine.group_references(groups, direction)
        if not named or named.keys().isdisjoint(peers):
            return NONE
        return Intervals.union(services for group, services in named.items() if group in peers)

    def _services_between(self, source: str, destination: str, version: Intervals) -> Intervals | None:
        """What passes from subnet to subnet; None if something on the way tells their addresses apart."""
        stages = [stage for stage in self.engine.crossing(source, destination, (0, 0)) if not stage.replies_to]
        leaving = _admitted(stages, "destination", self.network.subnets[destination].addresses & version)
        entering = _admitted(stages, "source", self.network.subnets[source].addresses & version)
        return None if leaving is None or entering is None else leaving & entering


def _version(addresses: Intervals) -> Intervals | None:
    """The IP version that addresses have in common."""
    return next((family for family in (IPV4, IPV6) if addresses <= family), None)


def _grouped(pairs: Iterable[tuple[str, Placement]]) -> dict[str, list[Placement]]:
    found: dict[str, list[Placement]] = {}
    for key, placement in pairs:
        found.setdefault(key, []).append(placement)
    return found


def _admitted(stages: Iterable[Stage], about: End, addresses: Intervals) -> Intervals | None:
    admitted: Intervals | None = ALL_TRAFFIC
    for stage in stages:
        if stage.about == about and admitted is not None:
            whole = _whole(stage.admits, addresses)
            admitted = None if whole is None else admitted & whole
    return admitted


def _whole(region: Region, xs: Intervals) -> Intervals | None:
    """The ys that a region pairs with every one of some xs; None if it pairs others with only a part of them."""
    pairs = (region & Region.of(xs, ALL_TRAFFIC)).slices
    if any(found != xs for found, _ in pairs):
        return None
    return Intervals.union(ys for _, ys in pairs)


def _both(leaving: Iterable[tuple[Intervals, Intervals]], let_in: Intervals) -> Iterator[tuple[Intervals, Intervals]]:
    """Addresses with the services that they let out and that are let in."""
    return ((addresses, both) for addresses, let_out in leaving if (both := let_out & let_in))


def _by_services(pairs: Iterable[tuple[Intervals, Intervals]]) -> Addresses:
    """Addresses with services, those with the same services together."""
    found: dict[Intervals, list[Intervals]] = {}
    for addresses, services in pairs:
        if services:
            found.setdefault(services, []).append(addresses)
    return [(Intervals.union(addresses), services) for services, addresses in found.items()]


def _union(pairs: Iterable[tuple[Intervals, Intervals]]) -> Region:
    found = EMPTY
    for xs, ys in _by_services(pairs):
        found |= Region.of(xs, ys)
    return found
