"""How a verification is shown: to people as a table, to machines as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from private_inference.verification.checks import Check, Verdict

if TYPE_CHECKING:
    from rich.table import Table

MARKS = {
    Verdict.OK: "[green]✓[/]",
    Verdict.MISS: "[bold red]✗[/]",
    Verdict.UNCHECKED: "[yellow]?[/]",
    Verdict.SKIPPED: "[dim]-[/]",
}


def table(checks: Sequence[Check]) -> "Table":
    """A rich table: each subject with its checks, what was asked beside what was seen."""
    from rich.markup import escape
    from rich.table import Table

    lines = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "Asked", "Seen"):
        lines.add_column(heading, overflow="fold")
    subject = None
    for check in checks:
        if check.subject != subject:
            subject = check.subject
            lines.add_row("", f"[bold]{escape(subject)}[/]", "")
        lines.add_row(MARKS[check.verdict], escape(check.asked), escape(check.seen))
    return lines


def summary(checks: Iterable[Check]) -> str:
    """How many checks there were of each verdict."""
    count = Counter(check.verdict for check in checks)
    words = {Verdict.OK: "ok", Verdict.MISS: "missed", Verdict.UNCHECKED: "unchecked", Verdict.SKIPPED: "skipped"}
    return ", ".join(f"{count[verdict]} {word}" for verdict, word in words.items())


def to_json(checks: Sequence[Check]) -> str:
    """`{"checks": […], "ok": N, "miss": N, "unchecked": N, "skipped": N}`"""
    count = Counter(check.verdict for check in checks)
    totals = {verdict.value: count[verdict] for verdict in Verdict}
    return json.dumps({"checks": [asdict(check) for check in checks], **totals}, indent=2, ensure_ascii=False)
