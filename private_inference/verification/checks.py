"""What a verification consists of: assertions about a stack, and checks, which are assertions evaluated against AWS."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from private_inference.controls import Controls


class Verdict(StrEnum):
    """`unchecked`: AWS could not be read, which is no success. `skipped`: the stack gives nothing to check with."""

    OK = "ok"
    MISS = "miss"
    UNCHECKED = "unchecked"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One line of a verification: what was asked of AWS, and what was seen. Account ids are masked."""

    subject: str
    asked: str
    seen: str
    verdict: Verdict
    controls: Sequence[str] = ()
    """Published controls that it is evidence for, each with its publisher's name."""

    @property
    def failed(self) -> bool:
        """Whether the assertion is wrong, or could not be evaluated."""
        return self.verdict in (Verdict.MISS, Verdict.UNCHECKED)


@dataclass(frozen=True)
class Result:
    """What AWS shows, and whether it is as asserted."""

    seen: str
    ok: bool

    @property
    def faults(self) -> list[str]:
        """What is wrong, to be told among other faults."""
        return [] if self.ok else [self.seen]


@dataclass(frozen=True)
class Assertion:
    """Something that has to be true of a stack. `look` reads AWS, and raises one of the errors below if it can't."""

    subject: str
    text: str
    look: Callable[[], Result]
    controls: Sequence[Controls] = ()


class AbsentError(Exception):
    """What was looked for does not exist."""


class UnreadableError(Exception):
    """What was looked for could not be read; the message says why."""


class SkippedError(Exception):
    """There is nothing to check with; the message says what is missing."""


def evaluate(assertion: Assertion) -> Check:
    """Read AWS, and compare."""
    try:
        seen = assertion.look()
    except AbsentError as error:
        return _check(assertion, str(error), Verdict.MISS)
    except UnreadableError as error:
        return _check(assertion, str(error), Verdict.UNCHECKED)
    except SkippedError as error:
        return _check(assertion, str(error), Verdict.SKIPPED)
    return _check(assertion, seen.seen, Verdict.OK if seen.ok else Verdict.MISS)


def _check(assertion: Assertion, seen: str, verdict: Verdict) -> Check:
    labels = [label for controls in assertion.controls for label in controls.labels]
    return Check(assertion.subject, _masked(assertion.text), _masked(seen), verdict, labels)


def _masked(text: str) -> str:
    return re.sub(r"\b\d{12}\b", "<account>", text)


# Comparisons


def equal_sets(found: Iterable[str], wanted: Iterable[str]) -> Result:
    """The same items: the result shows them, or how they differ."""
    present, due = set(found), set(wanted)
    faults = [f"missing: {item}" for item in sorted(due - present)]
    faults += [f"not asked for: {item}" for item in sorted(present - due)]
    return Result("; ".join(faults) or joined(present), not faults)


def includes(found: Iterable[str], wanted: Iterable[str]) -> Result:
    """All wanted items, whatever else there is."""
    due = set(wanted)
    return equal_sets(due & set(found), due)


def empty(found: Iterable[str]) -> Result:
    """No items."""
    present = set(found)
    return Result(joined(present), not present)


def equal(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Result:
    """Each wanted member with its value, whatever else there is; named as AWS names them."""
    said = [
        f"{name} {text(found.get(name))}" + ("" if found.get(name) == value else f" (asked: {text(value)})")
        for name, value in wanted.items()
    ]
    return Result(", ".join(said), all(found.get(name) == value for name, value in wanted.items()))


def result(seen: str, faults: Iterable[str]) -> Result:
    """`seen` if there are no faults, or else all of them."""
    found = list(faults)
    return Result("; ".join(found) or seen, not found)


def joined(items: Iterable[str]) -> str:
    """The items in order, or "none"."""
    return ", ".join(sorted(set(items))) or "none"


def text(value: Any) -> str:
    """A value as people read it: ARNs by their resource part."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return number(value)
    return short(str(value))


def number(value: float) -> str:
    """A number with all its significant digits."""
    return f"{value:.15g}"


def short(arn: str) -> str:
    """The resource part of an ARN; anything else as it is."""
    return arn.split(":", 5)[5] if arn.startswith("arn:") and arn.count(":") >= 5 else arn
