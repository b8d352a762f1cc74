"""The VPC that a program finds and does not make, as resources of the AWS provider: the facts that it tells of it."""

from collections.abc import Iterable, Iterator

from private_inference.graph.resources import R, Resource

EXISTING_NETWORK = "private-inference:network:ExistingNetwork"
"""The component whose `existing` lists facts: a `type`, `properties` with the `id`, and a `name` if it has another."""
_MARK = "$existing$"


def with_existing(resources: Iterable[R]) -> list[R]:
    """All resources, each followed by those that it tells of, whose URNs end in their ids."""
    return [each for resource in resources for each in (resource, *_told(resource))]


def exists(resource: Resource) -> bool:
    """Whether a resource is there already, and is not the program's."""
    return _MARK in resource.urn


def _told(teller: R) -> Iterator[R]:
    if teller.type == EXISTING_NETWORK:
        start, _, _ = teller.urn.rpartition("::")
        for fact in teller.get("existing") or ():
            type_, properties = fact["type"], fact["properties"]
            identity = properties["id"]
            yield type(teller)(f"{start}{_MARK}{type_}::{identity}", type_, fact.get("name", identity), properties, {})
