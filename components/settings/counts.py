"""How many instances, or copies, serve: between two bounds, and more than one unless there is a reason."""

from collections.abc import Iterator
from typing import Protocol

from components.settings.problems import Problem


class Counts(Protocol):
    """The settings of such a number."""

    @property
    def min(self) -> int: ...
    @property
    def max(self) -> int: ...
    @property
    def initial(self) -> int | None: ...
    @property
    def single_because(self) -> str | None: ...


def at_creation(counts: Counts) -> int:
    """How many there are at first."""
    return max(counts.min, 1) if counts.initial is None else counts.initial


def count_contradictions(counts: Counts, alone: str) -> Iterator[Problem]:
    """What is wrong with the numbers; `alone` says what one of them means, such as one zone's outage."""
    if counts.min > counts.max:
        yield Problem("max", counts.max, f"is below min ({counts.min}); raise max or lower min")
    elif not counts.min <= at_creation(counts) <= counts.max:
        message = f"must lie between min ({counts.min}) and max ({counts.max}); leave it out for min"
        yield Problem("initial", counts.initial, message)
    if counts.min == 1 and counts.single_because is None:
        yield Problem("min", counts.min, f"is below 2: {alone}. Use 2, or give singleBecause a reason")
