"""Exceptions from a rule: for one resource, with a reason and a last day. None is silent.

They are part of a rule's configuration (`pulumi up --policy-pack policy --policy-pack-config FILE`):
`{"RULE": {"exceptions": [{"resource": "TYPE::NAME", "reason": "…", "expires": "2027-01-31"}]}}`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

SCHEMA: dict[str, Any] = {
    "type": "array",
    "description": "Resources that the rule is not enforced on, each with a reason and the last day of the exception.",
    "default": [],
    "items": {
        "type": "object",
        "required": ["resource", "reason", "expires"],
        "additionalProperties": False,
        "properties": {
            "resource": {"type": "string", "description": "URN, or TYPE::NAME as a URN ends", "pattern": ".::."},
            "reason": {"type": "string", "description": "Why, for the reviewer", "pattern": r"\S.{8,}\S"},
            "expires": {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        },
    },
}


LONGEST = timedelta(days=731)
"""Nothing is excepted for ever: who still needs an exception says so again."""


@dataclass(frozen=True)
class Exemption:
    """One exception. `expires` is its last day, in UTC."""

    resource: str
    reason: str
    expires: date

    def covers(self, urn: str) -> bool:
        return urn == self.resource or urn.endswith((f"${self.resource}", f"::{self.resource}"))

    @property
    def expired(self) -> bool:
        return today() > self.expires


def today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Applied:
    """An exception that kept a rule from reporting something."""

    rule: str
    urn: str
    what: str
    exemption: Exemption


def parse(entries: Iterable[Mapping[str, str]]) -> list[Exemption]:
    """The exceptions of a rule's configuration. Raises ValueError for a last day that is none, or too far away."""
    return [Exemption(each["resource"], each["reason"], _day(each["expires"])) for each in entries]


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expires {text} is not a date such as 2027-01-31") from None
    if day > today() + LONGEST:
        raise ValueError(f"expires {text} is more than {LONGEST.days} days from now")
    return day


class Ledger:
    """What exceptions have kept from being reported since it was last read."""

    def __init__(self) -> None:
        self._applied: dict[tuple[str, str, str], Applied] = {}

    def record(self, applied: Applied) -> None:
        self._applied[applied.rule, applied.urn, applied.what] = applied

    def take(self) -> list[Applied]:
        taken, self._applied = list(self._applied.values()), {}
        return taken


APPLIED_EXCEPTIONS = Ledger()
"""Of this process, which serves one operation. The rule `exceptions-in-force` lists them at advisory level."""
