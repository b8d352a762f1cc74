"""The resources that rules look at, and how one is found from another while ids are still unknown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs

from policy.findings import Unverified, Violation
from policy.unknowns import Unknown, UnverifiableError, reveal


class Resource:
    """A resource with plain properties, in which what is not known yet is `Unknown`.

    In a resource rule they are inputs, and the engine doesn't say what they were computed from: `sources` is None. In a
    stack rule they are outputs, and `sources` maps a top-level one to the URNs that it was computed from. An unknown
    output that nothing feeds is the provider's answer, still to come, and no input: it is left out.
    """

    def __init__(
        self, urn: str, type_: str, name: str, proxy: Mapping[str, Any], sources: Mapping[str, Sequence[str]] | None
    ) -> None:
        self.urn = urn
        self.type = current_type(type_)
        self.name = name
        self.sources = sources or {}
        self._of_stack = sources is not None
        self._proxy = proxy

    @classmethod
    def of(cls, args: ResourceValidationArgs) -> "Resource":
        """The resource of a resource rule."""
        return cls(args.urn, args.resource_type, args.name, args.props, None)

    @cached_property
    def properties(self) -> Mapping[str, Any]:
        revealed: Mapping[str, Any] = reveal(self._proxy, self.urn)
        if not self._of_stack:
            return revealed
        to_come = {key for key, value in revealed.items() if isinstance(value, Unknown) and not self.sources.get(key)}
        return {key: value for key, value in revealed.items() if key not in to_come}

    def get(self, *path: str) -> Any:
        """The value at a path of keys: None if absent, Unknown if it or what holds it is decided at deployment."""
        value: Any = self.properties
        for key in path:
            value = pick(value, key)
        return value

    def entries(self, *path: str) -> list[tuple[str, Any]]:
        """The elements of a list (or the one value, or the one Unknown), each with its own path."""
        return list(spread(".".join(path), self.get(*path)))

    def violation(self, what: str) -> Violation:
        return Violation(self.urn, what)

    def unverified(self, *path: str) -> Unverified:
        return Unverified(self.urn, ".".join(path))


def pick(value: Any, key: str) -> Any:
    """An entry of a mapping: None if either is absent, Unknown if either is decided at deployment."""
    return value if value is None or isinstance(value, Unknown) else value.get(key)


def spread(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """What a value holds, each with its path: the elements of a list, a value that stands alone, nothing of None."""
    if isinstance(value, list):
        for position, element in enumerate(value):
            yield from spread(f"{path}.{position}", element)
    elif value is not None:
        yield path, value


def current_type(token: str) -> str:
    """The S3 resources have had a second name since version 6 of the AWS provider."""
    return token.replace("V2", "") if token.startswith("aws:s3/") else token


class Stack:
    """All resources of a stack, by type and by what refers to them."""

    def __init__(self, resources: Iterable[PolicyResource]) -> None:
        self._by_urn = {
            resource.urn: Resource(
                resource.urn,
                resource.resource_type,
                resource.name,
                resource.props,
                {key: [source.urn for source in sources] for key, sources in resource.property_dependencies.items()},
            )
            for resource in resources
        }
        self._identified: dict[str, dict[str, Resource]] = {}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._by_urn.values())

    @cached_property
    def _by_type(self) -> Mapping[str, Sequence[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self:
            found.setdefault(resource.type, []).append(resource)
        return found

    def all(self, *types: str) -> list[Resource]:
        """The resources of some types."""
        return [resource for type_ in types for resource in self._by_type.get(type_, ())]

    def targets(self, resource: Resource, *path: str, type_: str) -> list[Resource]:
        """The resources of a type that a property names: by id, ARN or name, or by what it was computed from.

        Resources outside the stack are left out. Raises UnverifiableError where the property is unknown and what it
        was computed from doesn't tell.
        """
        value = resource.get(*path)
        return self.resolve(resource, path[0], [each for _, each in spread("", value)], type_)

    def resolve(self, resource: Resource, key: str, values: Iterable[Any], type_: str) -> list[Resource]:
        """The resources of a type that some values inside a top-level property name, as `targets`."""
        listed = list(values)
        unknown = [value for value in listed if isinstance(value, Unknown)]
        named = [self._find(value, type_) for value in listed if not isinstance(value, Unknown)]
        found = [each for each in named if each] + (self._sources(resource, key, type_, unknown) if unknown else [])
        return list({each.urn: each for each in found}.values())

    def _sources(self, resource: Resource, key: str, type_: str, unknown: Sequence[Unknown]) -> list[Resource]:
        """The resources that unknown values were computed from, when there are not more of them than values.

        With more, a value may be any of several: taking all of them for named would prove too much.
        """
        sources = [self._by_urn[urn] for urn in resource.sources.get(key, ()) if urn in self._by_urn]
        fitting = [source for source in sources if source.type == type_]
        if not 0 < len(fitting) <= len(unknown):
            raise UnverifiableError(unknown[0].urn, unknown[0].property)
        return fitting

    def target(self, resource: Resource, *path: str, type_: str) -> Resource | None:
        """The one resource that a property names; None if it is absent or outside the stack.

        Raises UnverifiableError where it is unknown and several resources may be meant.
        """
        found = self.targets(resource, *path, type_=type_)
        if len(found) > 1:
            raise UnverifiableError(resource.urn, ".".join(path))
        return found[0] if found else None

    def referring(self, types: Sequence[str], path: Sequence[str], to: Resource) -> list[Resource]:
        """The resources of some types whose property names `to`. Raises UnverifiableError where that can't be told."""
        return [
            other
            for other in self.all(*types)
            if any(t.urn == to.urn for t in self.targets(other, *path, type_=to.type))
        ]

    def _find(self, value: Any, type_: str) -> Resource | None:
        if type_ not in self._identified:
            self._identified[type_] = {name: resource for resource in self.all(type_) for name in _identities(resource)}
        return self._identified[type_].get(value)


def _identities(resource: Resource) -> Iterator[str]:
    """What other resources may call a resource by."""
    for key in ("id", "arn", "name", "bucket", "keyId"):
        value = resource.get(key)
        if isinstance(value, str) and value:
            yield value
