"""A path between two ends of a network: its stages, and the exact set of packets that all of them admit.

A path is a sequence of stages. Each stage is one control (a security group, a network ACL, a route table, a gateway)
and the region it admits, over the address of one end and the requested service; so a path's packets are, for every
service, a product of source addresses and destination addresses. Two answers are kept apart:

* `delivered`: the request arrives. What must not exist must not even be delivered: one packet is enough to leak.
* `answered`: the request arrives and its answer comes back to *every* port the client may use. What must work, must.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from private_inference.reachability.intervals import Intervals, Region
from private_inference.reachability.model import LINUX_PORTS
from private_inference.reachability.traffic import ALL_TRAFFIC, IPV4, IPV6

Direction = Literal["ingress", "egress"]
End = Literal["source", "destination"]
Control = Literal["security group", "network ACL", "route table", "gateway", "VPC Block Public Access"]


@dataclass(frozen=True)
class InterfaceSet:
    """Interfaces that no control treats differently: one subnet, one set of groups; `members` are their ids."""

    subnet: str
    groups: frozenset[str]
    addresses: Intervals
    public: bool = False
    ephemeral: tuple[int, int] = LINUX_PORTS
    members: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class OutsideAddresses:
    """Addresses outside the VPC behind a gateway; without a gateway, addresses that no route leads to."""

    gateway: str | None
    addresses: Intervals


PathEnd = InterfaceSet | OutsideAddresses


@dataclass(frozen=True)
class Packets:
    """All packets from any of `sources` to any of `destinations` that request any of `services`."""

    sources: Intervals
    destinations: Intervals
    services: Intervals

    def __bool__(self) -> bool:
        return bool(self.sources and self.destinations and self.services)

    def __and__(self, other: Packets) -> Packets:
        return Packets(
            self.sources & other.sources, self.destinations & other.destinations, self.services & other.services
        )

    def minus(self, other: Packets) -> list[Packets]:
        """These packets without the other ones, as disjoint sets."""
        if not (both := self & other):
            return [self]
        left = (
            Packets(self.sources - other.sources, self.destinations, self.services),
            Packets(both.sources, self.destinations - other.destinations, self.services),
            Packets(both.sources, both.destinations, self.services - other.services),
        )
        return [packets for packets in left if packets]


def without(given: Iterable[Packets], removed: Iterable[Packets]) -> list[Packets]:
    """The packets that are in one of `given` and in none of `removed`."""
    left = list(given)
    for cut in removed:
        left = [piece for packets in left for piece in packets.minus(cut)]
    return left


@dataclass(frozen=True)
class Stage:
    """One control on the way.

    subjects: the groups, ACL, table or gateway by id; where there are several, one that admits a packet is enough.
    about: the end whose address the control looks at. admits: those addresses, with the *requested* services.
    replies_to: the client's ports when it is the answer that has to pass, None when it is the request.
    """

    control: Control
    subjects: tuple[str, ...]
    direction: Direction
    about: End
    admits: Region
    replies_to: tuple[int, int] | None = None
    subnet: str = ""


@dataclass(frozen=True)
class Path:
    """Every stage between two ends, in the order that packets meet them: the request's, then the answer's."""

    source: PathEnd
    destination: PathEnd
    stages: tuple[Stage, ...]

    @cached_property
    def delivered(self) -> tuple[Packets, ...]:
        """The requests that arrive, as disjoint sets."""
        return self._packets(stage for stage in self.stages if not stage.replies_to)

    @cached_property
    def answered(self) -> tuple[Packets, ...]:
        """The requests that arrive and whose answers come back, as disjoint sets."""
        return self._packets(self.stages)

    def requests(self, services: Intervals) -> tuple[Packets, ...]:
        """All possible requests for some services: from every source to every destination of its IP version."""
        found = (
            Packets(self.source.addresses & family, self.destination.addresses & family, services)
            for family in (IPV4, IPV6)
        )
        return tuple(packets for packets in found if packets)

    def _packets(self, stages: Iterable[Stage]) -> tuple[Packets, ...]:
        ends: dict[End, Region] = {
            "source": Region.of(self.source.addresses, ALL_TRAFFIC),
            "destination": Region.of(self.destination.addresses, ALL_TRAFFIC),
        }
        for stage in stages:
            ends[stage.about] &= stage.admits
        found = (
            Packets(sources & family, destinations & family, wanted & offered)
            for sources, wanted in ends["source"]
            for destinations, offered in ends["destination"]
            for family in (IPV4, IPV6)
        )
        return tuple(packets for packets in found if packets)


def alternatives(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """Groups of paths between the same interfaces, which differ only in the gateway: one that works is enough."""
    groups: dict[tuple[PathEnd | None, PathEnd | None], list[Path]] = {}
    for path in paths:
        groups.setdefault((_inside(path.source), _inside(path.destination)), []).append(path)
    yield from groups.values()


def _inside(end: PathEnd) -> PathEnd | None:
    return end if isinstance(end, InterfaceSet) else None
