"""What a network is for, compared with what it does: paths that are missing, and paths that are surplus.

An intent names parties (sets of ends) and which services each may request of which other; no other path may exist. A
path that is required must be answered for every address of both parties; one that isn't permitted must not even be
delivered for any. Every interface and every gateway belongs to some party, so that the comparison covers every path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from private_inference.reachability.intervals import NONE, Intervals
from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    Network,
    NetworkAcl,
    RouteTable,
    SecurityGroup,
    Subnet,
    Thing,
    Undecided,
    open_rules,
)
from private_inference.reachability.path import (
    InterfaceSet,
    OutsideAddresses,
    Packets,
    Path,
    PathEnd,
    alternatives,
    without,
)
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.trace import Trace, best_trace, trace, trace_packet
from private_inference.reachability.traffic import services, services_text

HTTPS = services("tcp", 443, 443)
ANSWERS = services("tcp", *ANY_CLIENT_PORTS)
DNS = services("tcp", 53, 53) | services("udp", 53, 53)
DNS_ANSWERS = ANSWERS | services("udp", *ANY_CLIENT_PORTS)

OTHER_GROUPS = SecurityGroup("unlisted", "", open_rules(), open_rules(), "any groups but the stack's own")
"""Stands for the security groups of workloads that are not the stack's: they may allow everything."""


UNCOVERED = (
    "Queries to the Amazon DNS server (the VPC's third address, and 169.254.169.253): no security group and no network "
    "ACL filters them. What may be asked there is up to Route 53 Resolver DNS Firewall.",
    "What is asked over a path: endpoint policies and IAM decide about that.",
    "Addresses that AWS adds to a gateway endpoint's prefix list later. Routes and security groups name the list and "
    "follow by themselves; network ACLs name the first octets of its addresses, and follow at the next `pulumi up`.",
)
"""What the proof of paths does not cover.

Source: "Security groups" and "Network ACL basics" in the Amazon VPC User Guide (what they don't filter).
"""


@dataclass(frozen=True)
class Party:
    """Ends of paths that the intent treats alike.

    starts: whether its members can open connections. block: all that rules may name for it, if that is more than the
    addresses of its ends.
    """

    name: str
    ends: tuple[PathEnd, ...]
    starts: bool = True
    block: Intervals = NONE


@dataclass(frozen=True)
class Expectation:
    """The services that one party may request of another, and whether that has to work; `why` is for the reader."""

    source: str
    destination: str
    services: Intervals
    required: bool = True
    why: str = ""


@dataclass(frozen=True)
class Intent:
    """Parties and expectations.

    unmet: what the settings require and the network lacks. to_come: subnets that parties are in and the network doesn't
    have yet, with their tables and ACLs.
    """

    parties: tuple[Party, ...]
    expectations: tuple[Expectation, ...]
    unmet: tuple[str, ...] = ()
    to_come: tuple[Thing, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A path that is missing or surplus: between which parties, for which packets, and one packet's trace."""

    kind: Literal["missing", "surplus"]
    source: str
    destination: str
    services: Intervals
    trace: Trace

    def __str__(self) -> str:
        return f"{self.kind}: {self.source} → {self.destination}, {services_text(self.services)}"


@dataclass(frozen=True)
class Cell:
    """What was found between two parties, and what was expected.

    delivered, answered: services that get through for some addresses. trace: of the first required service, else of
    the first one that was found, else of TCP 443.
    """

    source: str
    destination: str
    required: Intervals
    permitted: Intervals
    delivered: Intervals
    answered: Intervals
    trace: Trace
    failures: tuple[Failure, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Report:
    """Every pair of parties, what the settings require and the network lacks, and what couldn't be decided."""

    cells: tuple[Cell, ...]
    unmet: tuple[str, ...]
    undecided: tuple[Undecided, ...]

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """All missing and surplus paths."""
        return tuple(failure for cell in self.cells for failure in cell.failures)

    @property
    def proved(self) -> bool:
        """Whether the network does what it is for and nothing else, with nothing left undecided."""
        return not (self.failures or self.unmet or self.undecided)


def completed(network: Network, intent: Intent) -> Network:
    """The network, and in it what an intent's parties are beside it: in groups not the stack's, in subnets to come."""
    return replace(
        network,
        groups={**network.groups, OTHER_GROUPS.id: OTHER_GROUPS},
        subnets={**network.subnets, **{one.id: one for one in intent.to_come if isinstance(one, Subnet)}},
        acls={**network.acls, **{one.id: one for one in intent.to_come if isinstance(one, NetworkAcl)}},
        route_tables={**network.route_tables, **{one.id: one for one in intent.to_come if isinstance(one, RouteTable)}},
    )


def trace_parties(
    network: Network, intent: Intent, source: str, destination: str, port: int, protocol: str = "tcp"
) -> Trace:
    """`trace.trace`, where source and destination may also be parties of an intent."""
    parties = {party.name: party.ends for party in intent.parties}
    return trace(completed(network, intent), source, destination, port, protocol, parties)


def check(network: Network, intent: Intent) -> Report:
    """Compare an intent with the network that it is about."""
    finder = PathFinder(completed(network, intent))
    cells = tuple(
        _cell(finder, source.name, destination.name, paths, _between(intent, source, destination))
        for source in intent.parties
        for destination in intent.parties
        if source.starts and not (_outside(source) and _outside(destination))
        if (paths := list(_paths(finder, source, destination)))
    )
    return Report(cells, intent.unmet, network.undecided)


def _outside(party: Party) -> bool:
    return all(isinstance(end, OutsideAddresses) for end in party.ends)


def _between(intent: Intent, source: Party, destination: Party) -> list[Expectation]:
    return [one for one in intent.expectations if (one.source, one.destination) == (source.name, destination.name)]


def _cell(finder: PathFinder, source: str, destination: str, paths: list[Path], expected: list[Expectation]) -> Cell:
    permitted = Intervals.union(one.services for one in expected)
    required = Intervals.union(one.services for one in expected if one.required)
    delivered = Intervals.union(packets.services for path in paths for packets in path.delivered)
    answered = Intervals.union(packets.services for path in paths for packets in path.answered)
    failures = [*_missing(finder, paths, required), *_surplus(finder, paths, permitted)]
    return Cell(
        source,
        destination,
        required,
        permitted,
        delivered,
        answered,
        best_trace(finder, paths, (required or delivered or HTTPS).first),
        tuple(Failure(kind, source, destination, services, trace) for kind, services, trace in failures),
        "; ".join(one.why for one in expected if one.why),
    )


def _paths(finder: PathFinder, source: Party, destination: Party) -> Iterator[Path]:
    for start in source.ends:
        for end in destination.ends:
            if not _ungoverned(start, end):
                yield finder.path(start, end)


def _ungoverned(source: PathEnd, destination: PathEnd) -> bool:
    """Two workloads of one subnet that have none of the stack's groups: no control of the stack is between them."""
    return all(isinstance(end, InterfaceSet) and OTHER_GROUPS.id in end.groups for end in (source, destination)) and (
        getattr(source, "subnet", None) == getattr(destination, "subnet", None)
    )


Found = tuple[Literal["missing", "surplus"], Intervals, Trace]


def _missing(finder: PathFinder, paths: Iterable[Path], required: Intervals) -> Iterator[Found]:
    """What of the required services isn't answered; where several gateways lead outside, one that does is enough."""
    left = NONE
    shown: tuple[Path, Packets] | None = None
    for group in alternatives(paths):
        answered = [packets for path in group for packets in path.answered]
        for path in group:
            for packets in without(path.requests(required), answered):
                left |= packets.services
                shown = shown or (path, packets)
    if shown:
        yield "missing", left, trace_packet(finder, *shown)


def _surplus(finder: PathFinder, paths: Iterable[Path], permitted: Intervals) -> Iterator[Found]:
    """What is delivered beyond the permitted services."""
    found = [
        (path, Packets(packets.sources, packets.destinations, left))
        for path in paths
        for packets in path.delivered
        if (left := packets.services - permitted)
    ]
    if found:
        yield "surplus", Intervals.union(packets.services for _, packets in found), trace_packet(finder, *found[0])
