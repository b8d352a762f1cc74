"""What a Pulumi program declares, deployed or only previewed, and which resource another one means.

A preview knows no ids. It does know, for each top-level property, which resources its value was computed from; so a
reference is resolved by id where the id is known, and otherwise narrowed to those resources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from private_inference.graph.types import VPC, current_type
from private_inference.graph.values import Unknown, pick, spread

NAMING = ("id", "arn", "name", "bucket", "keyId")
"""Properties whose value other resources may call a resource by."""
OF_A_VPC = ("id", "mainRouteTableId", "defaultRouteTableId", "defaultNetworkAclId", "defaultSecurityGroupId")
"""Properties of a VPC that call it, or what it comes with."""


def type_and_name(urn: str) -> tuple[str, str]:
    """The type of a resource, without its parents' types, and its name: the end of its URN.

    What is no URN is all name. https://www.pulumi.com/docs/iac/concepts/resources/names/#urns
    """
    parts = urn.split("::", 3)
    return (parts[2].rpartition("$")[2], parts[3]) if len(parts) == 4 else ("", urn)


class Resource:
    """A resource of a program.

    properties: camelCase, as sent over the wire, with `id` among them once it is known and `Unknown` for every value
        that isn't, at any depth.
    sources: the URNs that each top-level property was computed from; None where the engine doesn't say.
    unread: what of the resources that it holds can't be read, in words; None until they are read.
    """

    unread: Sequence[str] | None = None

    def __init__(
        self,
        urn: str,
        type_: str,
        name: str,
        properties: Mapping[str, Any],
        sources: Mapping[str, Sequence[str]] | None,
    ) -> None:
        self.urn = urn
        self.type = current_type(type_)
        self.name = name
        self.properties = properties
        self.sources = sources or {}
        self._has_sources = sources is not None

    def get(self, *path: str) -> Any:
        """The value at a path of keys: None if absent, Unknown if it or what holds it is decided at deployment."""
        value: Any = self.properties
        for key in path:
            value = pick(value, key)
        return value

    def entries(self, *path: str) -> list[tuple[str, Any]]:
        """The elements of a list (or the one value, or the one Unknown), each with its own path."""
        return list(spread(".".join(path), self.get(*path)))

    def is_answer(self, key: str) -> bool:
        """Whether a top-level property is no input, but the provider's answer to come: unknown, and fed by nothing."""
        return self._has_sources and isinstance(self.get(key), Unknown) and not self.sources.get(key)

    def given(self, key: str) -> Any:
        """A top-level property as the program gave it: None for the provider's answers to come."""
        return None if self.is_answer(key) else self.get(key)

    def inputs(self, key: str) -> list[tuple[str, Any]]:
        """The `entries` of a top-level property as the program gave it."""
        return list(spread(key, self.given(key)))


R = TypeVar("R", bound=Resource)
R_co = TypeVar("R_co", bound=Resource, covariant=True)


@dataclass(frozen=True, eq=False)
class Reference(Generic[R_co]):
    """What some values of a property name.

    named: the resources that known values call by id, ARN or name (a VPC also by the id of what it comes with), or else
        the values themselves: they mean something outside the program.
    unknown: the values that aren't known.
    candidates: the resources, of the types asked for, that the property was computed from; none if all is known.
    """

    named: tuple[R_co | str, ...]
    unknown: tuple[Unknown, ...]
    candidates: tuple[R_co, ...]


class Graph(Generic[R_co]):
    """All resources of a program, by URN, by type and by what others call them."""

    def __init__(self, resources: Iterable[R_co]) -> None:
        self._by_urn = {resource.urn: resource for resource in resources}
        self._named: dict[str, dict[str, R_co]] = {}

    def __iter__(self) -> Iterator[R_co]:
        return iter(self._by_urn.values())

    def find(self, urn: str | None, *types: str) -> R_co | None:
        """The resource with a URN, if it is of one of some types."""
        found = self._by_urn.get(urn) if urn is not None else None
        return found if found is not None and found.type in types else None

    def all(self, *types: str) -> list[R_co]:
        """The resources of some types, type by type."""
        return [resource for type_ in types for resource in self._by_type.get(type_, ())]

    def reference(self, resource: Resource, key: str, values: Iterable[Any], *types: str) -> Reference[R_co]:
        """What values inside a top-level property name; an id is found whatever type it is of."""
        listed = list(values)
        unknown = tuple(value for value in listed if isinstance(value, Unknown))
        known = [value for value in listed if isinstance(value, str) and value]
        return Reference(
            tuple(self._find(value, types) or value for value in known),
            unknown,
            tuple(self.sources(resource, key, *types)) if unknown else (),
        )

    def sources(self, resource: Resource, key: str, *types: str) -> list[R_co]:
        """The resources of some types that a top-level property was computed from."""
        urns = dict.fromkeys(resource.sources.get(key, ()))
        return [self._by_urn[urn] for urn in urns if urn in self._by_urn and self._by_urn[urn].type in types]

    def _find(self, value: str, types: Sequence[str]) -> R_co | None:
        for type_ in types:
            if type_ not in self._named:
                self._named[type_] = _by((*NAMING, *OF_A_VPC) if type_ == VPC else NAMING, self.all(type_))
            if value in self._named[type_]:
                return self._named[type_][value]
        return self._by_id.get(value)

    @cached_property
    def _by_id(self) -> Mapping[str, R_co]:
        return _by(OF_A_VPC, self.all(VPC)) | _by(["id"], (each for each in self if each.type != VPC))

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[R_co]]:
        found: dict[str, list[R_co]] = {}
        for resource in self:
            found.setdefault(resource.type, []).append(resource)
        return found


def _by(keys: Sequence[str], resources: Iterable[R_co]) -> dict[str, R_co]:
    """Resources by the known values of some of their properties."""
    return {
        value: resource
        for resource in resources
        for key in keys
        if isinstance(value := resource.get(key), str) and value
    }
