"""What rules find, and helpers that go on with the next item after an unknown value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from private_inference.findings import Unverified
from private_inference.graph.values import UnverifiableError, known

if TYPE_CHECKING:
    from policy.resources import Resource

T = TypeVar("T")


@dataclass(frozen=True)
class Violation:
    """What is wrong with a resource, as the end of a sentence that begins with its name."""

    urn: str
    what: str


Finding = Violation | Unverified
Findings = Iterator[Finding]


def with_unverified(findings: Findings) -> Findings:
    """The findings; an unknown value that ends them early becomes the last one."""
    try:
        yield from findings
    except UnverifiableError as unknown:
        yield Unverified(unknown.urn, unknown.property)


def for_each(items: Iterable[T], judge: Callable[[T], Findings]) -> Findings:
    """Judge every item by itself: an unknown value that ends one judgement doesn't hide what the others find."""
    for item in items:
        yield from with_unverified(judge(item))


def each(resource: Resource, entries: Iterable[tuple[str, Any]], wrong: Callable[[str, Any], str | None]) -> Findings:
    """Judge every entry of a resource on its own.

    `wrong` gets the entry's path and value, and returns what is wrong, or None.
    """

    def judge(entry: tuple[str, Any]) -> Findings:
        path, value = entry
        what = wrong(path, known(value))
        if what:
            yield resource.violation(what)

    yield from for_each(entries, judge)
