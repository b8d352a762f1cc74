"""The trace of a packet: its way through the controls, and whether its answer comes back.

A trace walks the stages of a path, so it can't disagree with the sets; it adds which rule of a control decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from private_inference.reachability.hops import Hop, Packet, hop_of
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.model import Network
from private_inference.reachability.named_ends import Named, address_of, end_text, named_ends
from private_inference.reachability.path import InterfaceSet, Packets, Path, PathEnd, alternatives, without
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.traffic import addresses, protocol_number, resolver, service_text, services

# The Amazon DNS server's other addresses: "Understanding Amazon DNS", Amazon VPC User Guide.
_DNS_ANYWHERE = addresses("169.254.169.253", "fd00:ec2::253")


class Verdict(StrEnum):
    """What becomes of the traced packets."""

    REACHES = "reaches"
    PARTLY = "reaches partly"
    ONE_WAY = "one way only"
    REFUSED = "refused"


@dataclass(frozen=True)
class Trace:
    """The verdict on a service between two ends, and the hops of one packet that shows it.

    The hops end with the first that refuses. Where only some addresses pass, the packet is one that doesn't.
    """

    source: str
    destination: str
    service: str
    verdict: Verdict
    hops: tuple[Hop, ...]

    @property
    def refusal(self) -> Hop | None:
        """The hop that refuses, if one does: the last one."""
        return None if self.hops[-1].allowed else self.hops[-1]


def trace(
    network: Network, source: str, destination: str, port: int, protocol: str = "tcp", named: Named | None = None
) -> Trace:
    """Trace a service from `source` to `destination`.

    Each is one of `named`, an address, "internet", or the id, name, owner or AWS service of interfaces or of a gateway
    endpoint. Where that is several interfaces the trace is of one that fares worst; where several gateways lead there,
    of the best. For ICMP, `port` is `type * 256 + code`.
    Raises UnknownEndError, and ValueError for a protocol or port that isn't one.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port must be between 0 and 65535, got {port}")
    if protocol_number(protocol) is None:
        raise ValueError(f"a trace needs one protocol (tcp, udp, icmp or a number), got {protocol!r}")
    finder = PathFinder(network)
    service = services(protocol, port, port).first
    sources = named_ends(finder, source, named or {})
    return _amazon_dns(finder, sources, destination, service) or trace_ends(
        finder, sources, named_ends(finder, destination, named or {}), service
    )


def trace_ends(finder: PathFinder, sources: Sequence[PathEnd], destinations: Sequence[PathEnd], service: int) -> Trace:
    """The trace between two lists of ends: the worst of the interfaces, by the best of the gateways."""
    paths = [finder.path(source, destination) for source in sources for destination in destinations]
    traces = [best_trace(finder, group, service) for group in alternatives(paths)]
    return max(traces, key=lambda one: list(Verdict).index(one.verdict))


def best_trace(finder: PathFinder, paths: Iterable[Path], service: int) -> Trace:
    """The trace of a service along the path on which it gets farthest."""
    traces = [trace_path(finder, path, service) for path in paths]
    return min(traces, key=lambda one: (list(Verdict).index(one.verdict), -len(one.hops)))


def trace_path(finder: PathFinder, path: Path, service: int) -> Trace:
    """The trace of a service along a path, of a packet that doesn't pass if there is one."""
    requests = path.requests(Intervals.of((service, service)))
    if not requests:
        return _no_common_version(finder, path, service)
    refused = without(requests, path.delivered)
    left = refused or without(requests, path.answered)
    shown = trace_packet(finder, path, (left or requests)[0])
    return replace(shown, verdict=_verdict(refused, left, path, requests))


def _no_common_version(finder: PathFinder, path: Path, service: int) -> Trace:
    ends = (path.source, path.destination)
    source, destination = (end_text(finder.network, end, end.addresses.first) for end in ends)
    hop = Hop(
        "addresses",
        "",
        "egress",
        False,
        False,
        "one end has IPv4 addresses only, the other IPv6",
        "a common IP version",
    )
    return Trace(source, destination, service_text(service), Verdict.REFUSED, (hop,))


def trace_packet(finder: PathFinder, path: Path, packets: Packets) -> Trace:
    """The trace of the first packet of a packets along a path."""
    packet = Packet(path, packets.sources.first, packets.destinations.first, packets.services.first)
    hops: list[Hop] = []
    for stage in path.stages:
        hops.append(hop_of(finder, stage, packet))
        if not hops[-1].allowed:
            break
    verdict = Verdict.REACHES
    if not hops[-1].allowed:
        verdict = Verdict.ONE_WAY if hops[-1].reply else Verdict.REFUSED
    return Trace(
        end_text(finder.network, path.source, packet.source),
        end_text(finder.network, path.destination, packet.destination),
        service_text(packet.service),
        verdict,
        tuple(hops),
    )


def _verdict(refused: Sequence[Packets], left: Sequence[Packets], path: Path, requests: Sequence[Packets]) -> Verdict:
    if not left:
        return Verdict.REACHES
    passes = path.delivered if refused else path.answered
    if any(one & packets for one in requests for packets in passes):
        return Verdict.PARTLY
    return Verdict.REFUSED if refused else Verdict.ONE_WAY


def _amazon_dns(finder: PathFinder, sources: Sequence[PathEnd], destination: str, service: int) -> Trace | None:
    """The trace of a query to the Amazon DNS server, which neither groups nor ACLs filter ("DNS in your VPC")."""
    address = address_of(destination)
    if address is None or service not in services("udp", 53, 53) | services("tcp", 53, 53):
        return None
    for source in sources:
        if isinstance(source, InterfaceSet):
            vpc = finder.network.vpcs[finder.network.subnets[source.subnet].vpc]
            if vpc.dns and address <= _DNS_ANYWHERE | Intervals.of(
                *((resolver(b), resolver(b)) for b in vpc.cidrs[:1])
            ):
                reason = "Amazon DNS: no security group or network ACL filters it; Route 53 Resolver DNS Firewall does"
                hop = Hop("Amazon DNS", finder.network.name(vpc.id), "egress", False, True, reason)
                origin = end_text(finder.network, source, source.addresses.first)
                return Trace(origin, destination, service_text(service), Verdict.REACHES, (hop,))
    return None
