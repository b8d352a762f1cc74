"""What rules find, and how one is kept from hiding another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from private_inference.graph.values import UnverifiableError, known

if TYPE_CHECKING:
    from policy.resources import Resource

T = TypeVar("T")


@dataclass(frozen=True)
class Violation:
    """What is wrong with a resource, as the end of a sentence that begins with its name."""

    urn: str
    what: str


@dataclass(frozen=True)
class Unverified:
    """A property that has to be known to judge a resource, and is not."""

    urn: str
    property: str


Finding = Violation | Unverified
Findings = Iterator[Finding]


def guarded(findings: Findings) -> Findings:
    """The findings; an unknown that ends them is one of them, so that whoever is judged next still is."""
    try:
        yield from findings
    except UnverifiableError as unknown:
        yield Unverified(unknown.urn, unknown.property)


def each(resource: Resource, entries: Iterable[tuple[str, Any]], wrong: Callable[[str, Any], str | None]) -> Findings:
    """Judge every entry on its own, so that an unknown one doesn't hide what is wrong with the others.

    `wrong` is called with the entry's path and value, and says what is wrong, if anything.
    """
    for path, value in entries:
        yield from guarded(_one(resource, path, value, wrong))


def _one(resource: Resource, path: str, value: Any, wrong: Callable[[str, Any], str | None]) -> Findings:
    what = wrong(path, known(value))
    if what:
        yield resource.violation(what)


def for_each(items: Iterable[T], judge: Callable[[T], Findings]) -> Findings:
    """Judge every item on its own, so that an unknown value of one doesn't hide what is wrong with the others."""
    for item in items:
        yield from guarded(judge(item))
