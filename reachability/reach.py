"""Reachable sets: all that can reach a site, all that a site can reach, and every path of a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from reachability.intervals import EMPTY, Region
from reachability.model import Network
from reachability.paths import Direction, Engine, Path, Placement, Site


class Reach:
    """The paths between all sites of a network: its interfaces, grouped, and what lies beyond each of its gateways."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.engine = Engine(network)
        self.placements = self.engine.placements()
        self.beyond = tuple(self.engine.beyond(gateway) for gateway in network.gateways.values())

    @cached_property
    def _by_group(self) -> dict[str, list[Placement]]:
        found: dict[str, list[Placement]] = {}
        for placement in self.placements:
            for group in placement.groups:
                found.setdefault(group, []).append(placement)
        return found

    @cached_property
    def _by_subnet(self) -> dict[str, list[Placement]]:
        found: dict[str, list[Placement]] = {}
        for placement in self.placements:
            found.setdefault(placement.subnet, []).append(placement)
        return found

    def paths(self) -> Iterator[Path]:
        """Every path that delivers anything, in and out of gateways included."""
        for placement in self.placements:
            yield from self.paths_to(placement)
            yield from self.paths_out(placement)

    def paths_to(self, destination: Placement) -> Iterator[Path]:
        """Every path that delivers anything to a placement."""
        sites: Iterable[Site] = [*self._peers(destination, "ingress"), *self.beyond]
        yield from self._delivering((source, destination) for source in sites)

    def paths_from(self, source: Placement) -> Iterator[Path]:
        """Every path that delivers anything from a placement."""
        yield from self._delivering((source, destination) for destination in self._peers(source, "egress"))
        yield from self.paths_out(source)

    def paths_out(self, source: Placement) -> Iterator[Path]:
        """Every path that delivers anything from a placement through a gateway."""
        yield from self._delivering((source, beyond) for beyond in self.beyond)

    def sources(self, destination: Placement) -> Region:
        """The exact set of (source address, service) that is delivered to any address of a placement."""
        found = EMPTY
        for path in self.paths_to(destination):
            for box in path.delivered:
                found |= Region.of(box.sources, box.services)
        return found

    def destinations(self, source: Placement) -> Region:
        """The exact set of (destination address, service) that is delivered from any address of a placement."""
        found = EMPTY
        for path in self.paths_from(source):
            for box in path.delivered:
                found |= Region.of(box.destinations, box.services)
        return found

    def _delivering(self, pairs: Iterable[tuple[Site, Site]]) -> Iterator[Path]:
        for source, destination in pairs:
            path = self.engine.path(source, destination)
            if path.delivered:
                yield path

    def _peers(self, placement: Placement, direction: Direction) -> list[Placement]:
        """The placements that the group rules of one could let through: the only ones worth a closer look."""
        peers: dict[int, Placement] = {}
        for group in self.engine.group_references(placement.groups, direction):
            peers.update((id(one), one) for one in self._by_group.get(group, ()))
        named = self.engine.group_region(placement.groups, direction).xs
        for subnet, there in self._by_subnet.items():
            if named & self.network.subnets[subnet].addresses:
                peers.update((id(one), one) for one in there)
        return list(peers.values())
