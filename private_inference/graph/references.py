"""Which resource of a Pulumi program another one means, also while AWS has given neither of them an id.

A preview knows no ids. It does know, for each top-level property, which resources its value was computed from; so a
reference is resolved by id where the id is known, and by those resources' types where it isn't. What neither settles
is recorded as `Undecided`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from private_inference.graph.types import VPC
from private_inference.reachability.model import Undecided


class Unknown:
    """The type of `UNKNOWN`, the value of what a preview can't know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()
LATER = "is known after deployment only"


class PulumiResource(Protocol):
    """A resource of a Pulumi program, as a rehearsal records it or a policy pack sees it.

    properties: camelCase, as sent over the wire, with `id` among them once it is known and UNKNOWN for every value that
    isn't, at any depth. property_dependencies: the URNs that each top-level property was computed from.
    """

    @property
    def urn(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def properties(self) -> Mapping[str, Any]: ...
    @property
    def property_dependencies(self) -> Mapping[str, Sequence[str]]: ...


# What a VPC comes with is called by these properties of the VPC.
_OF_A_VPC = ("id", "mainRouteTableId", "defaultRouteTableId", "defaultNetworkAclId", "defaultSecurityGroupId")


class References:
    """The resources of a program by type and by id, and what couldn't be told about them."""

    def __init__(self, resources: Iterable[PulumiResource]) -> None:
        # Programs register resources in whatever order they come to be; what is made of them shouldn't depend on it.
        self.resources = tuple(sorted(resources, key=lambda one: one.urn))
        self._by_urn = {one.urn: one for one in self.resources}
        self._by_type: dict[str, list[PulumiResource]] = {}
        self._by_id: dict[str, str] = {}
        self._undecided: dict[Undecided, None] = {}
        for one in self.resources:
            self._by_type.setdefault(one.type, []).append(one)
        for one in [*self.all(VPC), *(one for one in self.resources if one.type != VPC)]:
            for key in _OF_A_VPC if one.type == VPC else ("id",):
                if isinstance(identifier := one.properties.get(key), str):
                    self._by_id[identifier] = one.urn

    @property
    def undecided(self) -> tuple[Undecided, ...]:
        """What couldn't be told so far, each once."""
        return tuple(self._undecided)

    def all(self, *types: str) -> list[PulumiResource]:
        """The resources of some types, by type and URN."""
        return [one for kind in types for one in self._by_type.get(kind, ())]

    def undecide(self, resource: PulumiResource, path: str, reason: str) -> None:
        """Record that a property of a resource couldn't be told."""
        self._undecided[Undecided(resource.urn, path, reason)] = None

    def is_vpc(self, urn: str) -> bool:
        """Whether a URN is that of a VPC of the program."""
        return urn in self._by_urn and self._by_urn[urn].type == VPC

    def own_vpc(self, resource: PulumiResource, path: str = "vpcId") -> str | None:
        """The VPC of the program that a resource belongs to; None, and recorded as undecided, when there is none."""
        urn = self.one(resource, path, VPC)
        if urn is not None and self.is_vpc(urn):
            return urn
        self.undecide(resource, path, "means no VPC of this program, so what it does to packets isn't known")
        return None

    def given(self, resource: PulumiResource, key: str) -> Any:
        """A property as the program gave it, else None: an unknown that nothing feeds is AWS's own answer, to come."""
        value = resource.properties.get(key)
        return None if value is UNKNOWN and not resource.property_dependencies.get(key) else value

    def text(self, resource: PulumiResource, key: str) -> str | None:
        """A string property; None if it isn't given, and, recorded as undecided, if it is given but not known."""
        value = self.given(resource, key)
        if value is UNKNOWN:
            self.undecide(resource, key, LATER)
        return value if isinstance(value, str) and value else None

    def one(self, resource: PulumiResource, path: str, *types: str) -> str | None:
        """The URN that the property at a path means, or the id itself of a thing outside the program; None if none.

        Where what a VPC comes with is meant, that is the VPC's URN. A path's parts are separated by dots.
        """
        named = self._named(resource, path, at(resource, path), types, many=False)
        if len(named) > 1:
            self.undecide(resource, path, f"may mean any of {len(named)} resources")
        return named[0] if len(named) == 1 else None

    def many(self, resource: PulumiResource, path: str, *types: str) -> list[str]:
        """The URNs (or ids of things outside the program) that the list at a path means; one alone is a list too."""
        if self.given(resource, path.partition(".")[0]) is None:
            return []
        return self._named(resource, path, at(resource, path), types, many=True)

    def named(self, resource: PulumiResource, path: str, value: Any, *types: str) -> list[str]:
        """What a value means that lies at a path where `at` can't follow, such as an element of a list."""
        return self._named(resource, path, value, types, many=False)

    def _named(self, resource: PulumiResource, path: str, value: Any, types: Sequence[str], many: bool) -> list[str]:
        values = list(value) if isinstance(value, list | tuple) else [value]
        named = [self._by_id.get(one, one) for one in values if isinstance(one, str) and one]
        unknown = sum(one is UNKNOWN for one in values)
        if not unknown:
            return named
        fitting = self._fitting(resource, path.partition(".")[0], types, named)
        if not fitting:
            self.undecide(resource, path, f"{LATER}, and nothing in the program tells what it is")
        elif len(fitting) != unknown and not (many and value is UNKNOWN):
            self.undecide(resource, path, f"has {unknown} unknown of what may be any of {len(fitting)} resources")
        return [*named, *fitting]

    def _fitting(self, resource: PulumiResource, key: str, types: Sequence[str], named: Sequence[str]) -> list[str]:
        """The resources of some types, else the VPC with its defaults, that a property was computed from."""
        sources = [urn for urn in dict.fromkeys(resource.property_dependencies.get(key, ())) if urn in self._by_urn]
        fitting = [urn for urn in sources if self._by_urn[urn].type in types and urn not in named]
        return fitting or [urn for urn in sources if self._by_urn[urn].type == VPC]


def at(resource: PulumiResource, path: str) -> Any:
    """The value at a path of keys: None where there is none, UNKNOWN where it or what holds it isn't known."""
    value: Any = resource.properties
    for key in path.split("."):
        if value is None or value is UNKNOWN:
            return value
        value = value.get(key)
    return value
