"""Every path of a network, pair by pair."""

from private_inference.reachability.intervals import EMPTY, Region
from private_inference.reachability.path import InterfaceSet, Path, PathEnd
from private_inference.reachability.path_finder import PathFinder


def paths(finder: PathFinder) -> list[Path]:
    """The paths that deliver anything between two interfaces, or between one and a gateway."""
    inside = finder.interface_sets()
    outside = [finder.outside(gateway) for gateway in finder.network.gateways.values()]
    pairs: list[tuple[PathEnd, PathEnd]] = [(one, other) for one in inside for other in inside]
    pairs += [pair for one in inside for other in outside for pair in ((one, other), (other, one))]
    return [path for one, other in pairs if (path := finder.path(one, other)).delivered]


def sources(finder: PathFinder, destination: InterfaceSet) -> Region:
    """The exact set of (source address, service) that is delivered to an interface."""
    found = EMPTY
    for path in paths(finder):
        if path.destination == destination:
            for box in path.delivered:
                found |= Region.of(box.sources, box.services)
    return found
