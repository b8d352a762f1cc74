"""A recorded stack that can be changed: what mutants are made with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from pulumi.output import Unknown

from private_inference.runner.resource import Resource

PROJECT = "urn:pulumi:test::private-inference::"
ELSEWHERE = f"{PROJECT}pulumi:pulumi:StackReference::elsewhere"
"""What an unknown value comes from when nothing of the stack tells what it is."""


@dataclass(frozen=True)
class Ref:
    """A reference to a resource of the graph: its id, or another output."""

    type: str
    name: str
    output: str = "id"


class Graph:
    """Resources by URN. In a preview, references are unknown values that depend on what they refer to."""

    def __init__(self, resources: Iterable[Resource], *, preview: bool) -> None:
        self.preview = preview
        self._by_urn = {resource.urn: resource for resource in resources}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_urn.values())

    def copy(self) -> "Graph":
        return Graph(self, preview=self.preview)

    def one(self, type_: str, name: str) -> Resource:
        """The resource of a type, by its last part or (where that is not clear) its token, and a name or pattern."""
        of_type = [each for each in self if type_ in (each.type, each.type.rpartition(":")[2])]
        found = [each for each in of_type if fnmatchcase(each.name, name)]
        found = [each for each in found if not each.type.startswith("awsx:")] if len(found) > 1 else found
        assert len(found) == 1, f"{len(found)} resources of type {type_} named {name}"
        return found[0]

    def add(self, type_: str, name: str, properties: Mapping[str, Any]) -> Resource:
        """A further resource, as the program would register it and the engine answer."""
        urn = f"{PROJECT}{type_}::{name}"
        kind = type_.rpartition(":")[2].lower()
        known = {} if self.preview else {"arn": f"arn:aws:invented:us-east-1:123456789012:{kind}/{name}", "name": name}
        identity = None if self.preview else f"{kind}-{name}"
        self._by_urn[urn] = Resource(urn, type_, name, PROJECT, True, {}, (), {}, id=identity, outputs=known)
        for key, value in properties.items():
            self.set(type_, name, key, value)
        return self._by_urn[urn]

    def replace(self, resource: Resource) -> None:
        self._by_urn[resource.urn] = resource

    def remove(self, type_: str, name: str) -> Resource:
        """Take a resource out; what depended on it no longer does."""
        gone = self.one(type_, name)
        del self._by_urn[gone.urn]
        for urn, other in self._by_urn.items():
            dependencies = {
                key: [u for u in urns if u != gone.urn] for key, urns in other.property_dependencies.items()
            }
            self._by_urn[urn] = replace(other, property_dependencies=dependencies)
        return gone

    def set(self, type_: str, name: str, path: str, value: Any) -> Resource:
        """Change the property at a dotted path, in inputs and outputs. `Ref`s in the value become references."""
        resource = self._own(type_, name)
        key, _, inner = path.partition(".")
        resolved = self._resolve(value)
        for properties in (resource.properties, resource.outputs):
            _put(properties, path.split("."), resolved)
        sources = [self.one(ref.type, ref.name).urn for ref in _refs(value)]
        kept = list(resource.property_dependencies.get(key, ())) if inner else []
        dependencies = {**resource.property_dependencies, key: list(dict.fromkeys([*kept, *sources]))}
        self._by_urn[resource.urn] = replace(resource, property_dependencies=dependencies)
        return self._by_urn[resource.urn]

    def drop(self, type_: str, name: str, path: str) -> Resource:
        """Leave a property out."""
        resource = self._own(type_, name)
        *outer, last = path.split(".")
        for properties in (resource.properties, resource.outputs):
            holder: Any = properties
            for step in outer:
                holder = holder[int(step) if isinstance(holder, list) else step]
            holder.pop(last, None)
        return resource

    def hide(self, type_: str, name: str, path: str) -> Resource:
        """Make a property unknown: decided at deployment, by something that tells nothing now."""
        resource = self.set(type_, name, path, Unknown())  # type: ignore[no-untyped-call]
        key = path.partition(".")[0]
        dependencies = {**resource.property_dependencies, key: [ELSEWHERE]}
        self._by_urn[resource.urn] = replace(resource, property_dependencies=dependencies)
        return self._by_urn[resource.urn]

    def _own(self, type_: str, name: str) -> Resource:
        """The resource with properties that may be changed: other graphs share the ones before."""
        shared = self.one(type_, name)
        own = replace(shared, properties=_copy(shared.properties), outputs=_copy(shared.outputs))
        self._by_urn[shared.urn] = own
        return own

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, Ref):
            if self.preview:
                return Unknown()  # type: ignore[no-untyped-call]
            target = self.one(value.type, value.name)
            return target.id if value.output == "id" else target.outputs[value.output]
        if isinstance(value, Mapping):
            return {key: self._resolve(inner) for key, inner in value.items()}
        return [self._resolve(inner) for inner in value] if isinstance(value, list) else value


def _refs(value: Any) -> Iterator[Ref]:
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _refs(inner)


def _put(properties: Any, path: list[str], value: Any) -> None:
    step, *rest = path
    key: Any = int(step) if isinstance(properties, list) else step
    if not rest:
        if isinstance(properties, list) and key == len(properties):
            properties.append(value)
        else:
            properties[key] = value
        return
    if isinstance(properties, dict) and key not in properties:
        properties[key] = {}
    _put(properties[key], rest, value)


def _copy(value: Any) -> Any:
    """A copy whose containers are its own; unknown values and assets are shared."""
    if isinstance(value, Mapping):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(inner) for inner in value]
    return value
