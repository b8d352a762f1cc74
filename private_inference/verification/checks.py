"""What a verification consists of: questions to AWS, and checks, which are questions answered."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """`unchecked` is what could not be read: no success. `skipped` is what the stack gave nothing to ask with."""

    OK = "ok"
    MISS = "miss"
    UNCHECKED = "unchecked"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One line of a verification: what was asked, and what was seen. Account ids are masked."""

    subject: str
    asked: str
    seen: str
    verdict: Verdict

    @property
    def failed(self) -> bool:
        """It is not as asked, or nobody could tell."""
        return self.verdict in (Verdict.MISS, Verdict.UNCHECKED)


@dataclass(frozen=True)
class Finding:
    """What looking showed, and whether it is what was asked for."""

    seen: str
    good: bool


@dataclass(frozen=True)
class Question:
    """Something to look for in AWS. `look` raises one of the errors below where there is nothing to see."""

    subject: str
    asked: str
    look: Callable[[], Finding]


class AbsentError(Exception):
    """What was looked for does not exist."""


class UnreadableError(Exception):
    """What was looked for could not be read; the message says why."""


class SkippedError(Exception):
    """There is nothing to ask with; the message says what is missing."""


def answer(question: Question) -> Check:
    """Look, and judge what was seen."""
    try:
        finding = question.look()
    except AbsentError as error:
        return _check(question, str(error), Verdict.MISS)
    except UnreadableError as error:
        return _check(question, str(error), Verdict.UNCHECKED)
    except SkippedError as error:
        return _check(question, str(error), Verdict.SKIPPED)
    return _check(question, finding.seen, Verdict.OK if finding.good else Verdict.MISS)


def _check(question: Question, seen: str, verdict: Verdict) -> Check:
    return Check(question.subject, _masked(question.asked), _masked(seen), verdict)


def _masked(text: str) -> str:
    return re.sub(r"\b\d{12}\b", "<account>", text)


# Ways to judge.


def exactly(found: Iterable[str], wanted: Iterable[str]) -> Finding:
    """The same set: what is seen is the set, or how it differs."""
    present, due = set(found), set(wanted)
    wrong = [f"missing: {item}" for item in sorted(due - present)]
    wrong += [f"not asked for: {item}" for item in sorted(present - due)]
    return Finding("; ".join(wrong) or listed(present), not wrong)


def at_least(found: Iterable[str], wanted: Iterable[str]) -> Finding:
    """All that is wanted, whatever else there is."""
    due = set(wanted)
    return exactly(due & set(found), due)


def nothing(found: Iterable[str]) -> Finding:
    """An empty set."""
    present = set(found)
    return Finding(listed(present), not present)


def values(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Finding:
    """Each wanted member with its value, whatever else there is; named as AWS names them."""
    said = [
        f"{name} {text(found.get(name))}" + ("" if found.get(name) == value else f" (asked: {text(value)})")
        for name, value in wanted.items()
    ]
    return Finding(", ".join(said), all(found.get(name) == value for name, value in wanted.items()))


def sound(seen: str, wrong: Iterable[str]) -> Finding:
    """`seen` if nothing is wrong, or else all that is."""
    problems = list(wrong)
    return Finding("; ".join(problems) or seen, not problems)


def listed(items: Iterable[str]) -> str:
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
    """A number in all its digits, without those that say nothing."""
    return f"{value:.15g}"


def short(arn: str) -> str:
    """The resource part of an ARN; anything else as it is."""
    return arn.split(":", 5)[5] if arn.startswith("arn:") and arn.count(":") >= 5 else arn
