"""The engine's sets and traces agree with an evaluator that looks at one packet at a time."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reachability.model import Network
from reachability.paths import Box, Engine, Site
from reachability.traffic import addresses
from tests.reachability import brute_force
from tests.reachability.brute_force import Party
from tests.reachability.networks import ASKED, networks, parties, point

QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)


def site(engine: Engine, party: Party) -> Site:
    """The party's whole site: its interface's placement, or everything beyond its gateway."""
    if party.interface:
        (placement,) = engine.placements([party.interface])
        return placement
    assert party.gateway
    return engine.beyond(party.gateway)


def holds(boxes: tuple[Box, ...], source: Party, destination: Party, service: int) -> bool:
    start, end = addresses(source.address).first, addresses(destination.address).first
    return any(start in box.sources and end in box.destinations and service in box.services for box in boxes)


def pairs(network: Network) -> list[tuple[Party, Party]]:
    inside, outside = parties(network)
    every = [(one, other) for one in inside for other in inside if one.interface != other.interface]
    every += [pair for one in inside for other in outside for pair in ((one, other), (other, one))]
    return [(one, other) for one, other in every if one.ip.version == other.ip.version]


@settings(QUICK, max_examples=1000)
@given(networks(), st.randoms(use_true_random=False))
def test_sets_agree_with_concrete_packets(network, random):
    engine = Engine(network)
    every = pairs(network)
    for source, destination in random.sample(every, min(len(every), 12)):
        path = engine.path(site(engine, source), site(engine, destination))
        for protocol, port in random.sample(ASKED, 3):
            service = point(protocol, port)
            expected = brute_force.delivered(network, source, destination, protocol, port)
            assert holds(path.delivered, source, destination, service) == expected
            expected = brute_force.answered(network, source, destination, protocol, port)
            assert holds(path.answered, source, destination, service) == expected
