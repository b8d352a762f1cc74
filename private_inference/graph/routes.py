"""Routes in both spellings: inline and stand-alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from private_inference.graph.resources import Resource
from private_inference.graph.types import ROUTE
from private_inference.graph.values import is_given, joined, pick


@dataclass(frozen=True, eq=False)
class Route:
    """A route as a resource declares it; every value may be Unknown, and so may the whole route (`properties`).

    `path` is the route's own in the resource, empty for a stand-alone one.
    """

    path: str
    properties: Any

    @property
    def blocks(self) -> list[tuple[str, Any]]:
        """The blocks that it leads to, as far as they are given, each with its path."""
        return self.given("cidrBlock", "ipv6CidrBlock", "destinationCidrBlock", "destinationIpv6CidrBlock")

    def given(self, *keys: str) -> list[tuple[str, Any]]:
        """Those of some properties that are given, each with its path."""
        found = [(joined(self.path, key), pick(self.properties, key)) for key in keys]
        return [(path, value) for path, value in found if is_given(value)]


def routes_of(resource: Resource) -> Iterator[Route]:
    """The routes that a resource declares: a table's inline ones, or the one that it is."""
    if resource.type == ROUTE:
        yield Route("", resource.properties)
    else:
        for path, properties in resource.inputs("routes"):
            yield Route(path, properties)
