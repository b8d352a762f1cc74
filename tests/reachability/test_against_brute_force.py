"""Sets and traces agree with an evaluator that looks at one packet at a time.

Every network here is drawn; together they are some thousands, with IPv4 and IPv6, every kind of gateway, and rules that
overlap. What the evaluator knows of AWS it knows by itself.
"""

from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from private_inference.reachability.model import Network
from private_inference.reachability.path import Packets, PathEnd
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.trace import Verdict, trace_path
from private_inference.reachability.traffic import IPV4, IPV6, addresses
from tests.reachability import brute_force
from tests.reachability.brute_force import Party
from tests.reachability.every_path import paths
from tests.reachability.networks import ASKED, networks, parties, point

MANY = settings(max_examples=1600, suppress_health_check=list(HealthCheck))
FEWER = settings(max_examples=200, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**32)


def site(finder: PathFinder, party: Party) -> PathEnd:
    """The party's whole site: its interface's placement, or everything beyond its gateway."""
    if party.interface:
        (placement,) = finder.interface_sets([party.interface])
        return placement
    assert party.gateway
    return finder.outside(party.gateway)


def holds(boxes: tuple[Packets, ...], source: Party, destination: Party, service: int) -> bool:
    start, end = addresses(source.address).first, addresses(destination.address).first
    return any(start in box.sources and end in box.destinations and service in box.services for box in boxes)


def pairs(network: Network) -> list[tuple[Party, Party]]:
    inside, outside = parties(network)
    every = [(one, other) for one in inside for other in inside if one.interface != other.interface]
    every += [pair for one in inside for other in outside for pair in ((one, other), (other, one))]
    return [(one, other) for one, other in every if one.ip.version == other.ip.version]


@MANY
@given(networks(), seeds)
def test_sets_and_traces_agree_with_concrete_packets(network: Network, seed: int) -> None:
    random, finder = Random(seed), PathFinder(network)  # noqa: S311 - repeatable, not secret
    every = pairs(network)
    for source, destination in random.sample(every, min(len(every), 8)):
        path = finder.path(site(finder, source), site(finder, destination))
        for protocol, port in random.sample(ASKED, 3):
            delivered = brute_force.delivered(network, source, destination, protocol, port)
            answered = brute_force.answered(network, source, destination, protocol, port)
            assert holds(path.delivered, source, destination, point(protocol, port)) == delivered
            assert holds(path.answered, source, destination, point(protocol, port)) == answered
        agrees_with_trace(finder, source, destination, point(protocol, port), delivered, answered)


def agrees_with_trace(
    finder: PathFinder, source: Party, destination: Party, service: int, delivered: bool, answered: bool
) -> None:
    """The trace of the very packet has the verdict, and ends with the one hop that refuses."""
    start = replace(site(finder, source), addresses=addresses(source.address))
    end = replace(site(finder, destination), addresses=addresses(destination.address))
    found = trace_path(finder, finder.path(start, end), service)
    assert found.verdict == (Verdict.REACHES if answered else Verdict.ONE_WAY if delivered else Verdict.REFUSED)
    refused = [hop for hop in found.hops if not hop.allowed]
    assert refused == ([] if answered else [found.hops[-1]])
    assert all(hop.reply == delivered for hop in refused)
    assert all(bool(hop.remedy) != hop.allowed for hop in found.hops)


@FEWER
@given(networks())
def test_no_packet_has_addresses_of_two_ip_versions(network: Network) -> None:
    for path in paths(PathFinder(network)):
        for box in path.delivered:
            versions = [family for family in (IPV4, IPV6) if (box.sources | box.destinations) & family]
            assert len(versions) == 1
