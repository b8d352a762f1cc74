"""What the references of a program refer to, and what the loader couldn't decide about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from private_inference.graph.resources import Graph, Resource
from private_inference.graph.types import (
    DEFAULT_NETWORK_ACL,
    DEFAULT_ROUTE_TABLE,
    DEFAULT_SECURITY_GROUP,
    NETWORK_ACL,
    ROUTE_TABLE,
    SECURITY_GROUP,
    VPC,
)
from private_inference.graph.values import Unknown
from private_inference.reachability.model import Undecided

LATER = "is known after deployment only"
OUTSIDE = "is not part of this program, so its rules and members aren't known"

ADOPTING: Mapping[str, tuple[str, str]] = {
    NETWORK_ACL: (DEFAULT_NETWORK_ACL, "defaultNetworkAclId"),
    ROUTE_TABLE: (DEFAULT_ROUTE_TABLE, "defaultRouteTableId"),
    SECURITY_GROUP: (DEFAULT_SECURITY_GROUP, "vpcId"),
}
"""By type of what a VPC comes with: the type that adopts it into a program, and its property that names the VPC."""
_DEFAULT_IDS = {
    NETWORK_ACL: "default-network-acl",
    ROUTE_TABLE: "default-route-table",
    SECURITY_GROUP: "default-security-group",
}


def default_of(vpc: str, type_: str) -> str:
    """The network's id for the ACL, route table or security group that a VPC comes with."""
    return f"{vpc}/{_DEFAULT_IDS[type_]}"


class References(Graph[Resource]):
    """The resources of a program in the order of their URNs, and what couldn't be decided about them."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        # Programs register resources in whatever order they come to be; the network must not depend on it.
        super().__init__(sorted(resources, key=lambda resource: resource.urn))
        self._undecided: dict[Undecided, None] = {}

    @property
    def undecided(self) -> tuple[Undecided, ...]:
        """What couldn't be decided so far, each once."""
        return tuple(self._undecided)

    def undecide(self, resource: Resource, path: str, reason: str) -> None:
        """Record that a property of a resource couldn't be decided."""
        self._undecided[Undecided(resource.urn, path, reason)] = None

    def text(self, resource: Resource, key: str) -> str | None:
        """A string property; None if it isn't given, and, recorded as undecided, if it is given but not known."""
        value = resource.given(key)
        if isinstance(value, Unknown):
            self.undecide(resource, key, LATER)
        return value if isinstance(value, str) and value else None

    def vpc_of(self, resource: Resource, path: str = "vpcId") -> str | None:
        """The VPC of the program that a resource belongs to; None, and recorded as undecided, when there is none."""
        urn = self.one(resource, path, VPC)
        if self.find(urn, VPC):
            return urn
        self.undecide(resource, path, "means no VPC of this program, so what it does to packets isn't known")
        return None

    def one(self, resource: Resource, path: str, *types: str) -> str | None:
        """The URN that the property at a path means, or the id itself of a thing outside the program; None if none.

        Where what a VPC comes with is meant, that is the VPC's URN. A path's parts are separated by dots.
        """
        named = self.named(resource, path, resource.get(*path.split(".")), *types)
        if len(named) > 1:
            self.undecide(resource, path, f"may mean any of {len(named)} resources")
        return named[0] if len(named) == 1 else None

    def many(self, resource: Resource, path: str, *types: str) -> list[str]:
        """The URNs (or ids of things outside the program) that the list at a path means; one alone is a list too."""
        if resource.given(path.partition(".")[0]) is None:
            return []
        value = resource.get(*path.split("."))
        return self._meant(resource, path, value, types, any_number=isinstance(value, Unknown))

    def named(self, resource: Resource, path: str, value: Any, *types: str) -> list[str]:
        """The URNs (or ids) that a value at a path means, such as an element of a list."""
        return self._meant(resource, path, value, types, any_number=False)

    def _meant(self, resource: Resource, path: str, value: Any, types: Sequence[str], any_number: bool) -> list[str]:
        """What a value or a list means; with `any_number`, an unknown one may mean any number of resources."""
        key = path.partition(".")[0]
        values = value if isinstance(value, list | tuple) else [value]
        reference = self.reference(resource, key, values, *types)
        named = [one if isinstance(one, str) else one.urn for one in reference.named]
        unknown = len(reference.unknown)
        if not unknown:
            return named
        fitting = [each.urn for each in reference.candidates if each.urn not in named]
        fitting = fitting or [vpc.urn for vpc in self.sources(resource, key, VPC)]
        if not fitting:
            self.undecide(resource, path, f"{LATER}, and nothing in the program tells what it is")
        elif len(fitting) != unknown and not any_number:
            self.undecide(resource, path, f"has {unknown} unknown of what may be any of {len(fitting)} resources")
        return [*named, *fitting]

    def id_of(self, urn: str, type_: str) -> str:
        """The network's id for what a URN means where a type is expected: a VPC, or what adopts, means its default."""
        adopting, path = ADOPTING[type_]
        adopted = self.find(urn, adopting)
        vpc = urn if adopted is None else self.vpc_of(adopted, path)
        return default_of(vpc, type_) if vpc is not None and self.find(vpc, VPC) else urn

    def one_id(self, resource: Resource, path: str, type_: str) -> str | None:
        """The network's id for the ACL, route table or security group that a property means."""
        urn = self.one(resource, path, type_, ADOPTING[type_][0])
        return None if urn is None else self.id_of(urn, type_)
