"""The resources that rules judge, read from what the policy SDK hands over."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs
from pulumi_policy.proxy import UnknownValueError

from policy.findings import Violation
from private_inference.findings import Unverified
from private_inference.graph import resources
from private_inference.graph.cloudformation import with_held
from private_inference.graph.values import Unknown, UnverifiableError, joined, spread


class Resource(resources.Resource):
    """A resource that a finding can refer to.

    In a resource rule its properties are inputs, without dependencies. In a stack rule they are outputs; an unknown one
    without dependencies is an output still to come, and left out. ignore_changes: known in a resource rule only.
    """

    ignore_changes: Sequence[str] = ()

    @classmethod
    def of_rule(cls, args: ResourceValidationArgs) -> "list[Resource]":
        """The resource of a resource rule, and those that it holds."""
        made = cls(args.urn, args.resource_type, args.name, reveal(args.props, args.urn), None)
        made.ignore_changes = args.opts.ignore_changes or ()
        return with_held([made])

    @classmethod
    def of_stack(cls, resource: PolicyResource) -> "Resource":
        """A resource of a stack rule."""
        sources = {key: [source.urn for source in found] for key, found in resource.property_dependencies.items()}
        properties = reveal(resource.props, resource.urn)
        made = cls(resource.urn, resource.resource_type, resource.name, properties, sources)
        made.properties = {key: value for key, value in properties.items() if not made.is_answer(key)}
        return made

    def violation(self, what: str) -> Violation:
        return Violation(self.urn, what)

    def unverified(self, *path: str) -> Unverified:
        return Unverified(self.urn, ".".join(path))

    def comes_from_elsewhere(self, path: str) -> bool:
        """Whether no resource of this stack makes the value at a path known, if it isn't yet: another stack may."""
        return all("::pulumi:pulumi:" in urn for urn in self.sources.get(path.split(".")[0], ()))


class Stack(resources.Graph[Resource]):
    """All resources of a stack. A reference that can't be resolved raises UnverifiableError."""

    @classmethod
    def of(cls, given: Iterable[PolicyResource]) -> "Stack":
        """The resources of a stack rule, and those that they hold."""
        return cls(with_held(map(Resource.of_stack, given)))

    def targets(self, resource: Resource, *path: str, type_: str) -> list[Resource]:
        """The resources of a type that a property names: by id, ARN or name, or by what it was computed from.

        Resources outside the stack are left out. Raises UnverifiableError where the property is unknown and its
        dependencies don't decide.
        """
        values = [value for _, value in spread("", resource.get(*path))]
        return self.resolve(resource, path[0], values, type_)

    def resolve(self, resource: Resource, key: str, values: Iterable[Any], type_: str) -> list[Resource]:
        """The resources of a type that some values inside a top-level property name, as `targets`.

        Unknown values mean the resources that they were computed from, when there are not more of them than values.
        With more, a value may be any of several: taking all of them for named would prove too much.
        """
        reference = self.reference(resource, key, values, type_)
        if reference.unknown and not 0 < len(reference.candidates) <= len(reference.unknown):
            raise UnverifiableError(reference.unknown[0].urn, reference.unknown[0].property)
        named = [each for each in reference.named if isinstance(each, Resource) and each.type == type_]
        return list({each.urn: each for each in (*named, *reference.candidates)}.values())

    def target(self, resource: Resource, *path: str, type_: str) -> Resource | None:
        """The one resource that a property names; None if it is absent or outside the stack.

        Raises UnverifiableError where it is unknown and several resources may be meant.
        """
        found = self.targets(resource, *path, type_=type_)
        if len(found) > 1:
            raise UnverifiableError(resource.urn, ".".join(path))
        return found[0] if found else None

    def referring(self, types: Sequence[str], path: Sequence[str], to: Resource) -> list[Resource]:
        """The resources of some types whose property names `to`. Raises UnverifiableError if that is unknown."""
        return [other for other in self.all(*types) if to in self.targets(other, *path, type_=to.type)]


def reveal(value: Any, urn: str, path: str = "") -> Any:
    """Plain dicts and lists out of the SDK's proxies, with `Unknown` where a proxy would raise."""
    if isinstance(value, Mapping):
        return {key: _entry(value, key, urn, path) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_entry(value, position, urn, path) for position in range(len(value))]
    return value


def _entry(container: Any, key: str | int, urn: str, path: str) -> Any:
    try:
        value = container[key]
    except UnknownValueError:
        return Unknown(urn, joined(path, key))
    return reveal(value, urn, joined(path, key))
