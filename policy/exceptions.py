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
            "resource": {"type": "string", "description": "URN, or TYPE::NAME as a URN ends", "minLength": 3},
            "reason": {"type": "string", "description": "Why, for the reviewer", "minLength": 10},
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


class MalformedExemptionError(ValueError):
    """An entry lacks something, or its date is no date."""


def parse(entries: Iterable[Any]) -> list[Exemption]:
    """The exceptions of a rule's configuration. Raises MalformedExemptionError."""
    return [_parse(position, entry) for position, entry in enumerate(entries)]


def _parse(position: int, entry: Any) -> Exemption:
    fields = entry if isinstance(entry, Mapping) else {}
    missing = [key for key in ("resource", "reason", "expires") if not str(fields.get(key) or "").strip()]
    if missing:
        raise MalformedExemptionError(f"exceptions.{position} lacks {' and '.join(missing)}")
    try:
        expires = date.fromisoformat(str(fields["expires"]))
    except ValueError:
        raise MalformedExemptionError(f"exceptions.{position}.expires is not a date such as 2027-01-31") from None
    if "::" not in str(fields["resource"]):
        raise MalformedExemptionError(f"exceptions.{position}.resource is neither a URN nor TYPE::NAME")
    if expires > today() + LONGEST:
        raise MalformedExemptionError(f"exceptions.{position}.expires is more than {LONGEST.days} days from now")
    return Exemption(str(fields["resource"]), str(fields["reason"]), expires)


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
