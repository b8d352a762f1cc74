"""The paths of a network for a reader: the matrix of all pairs of parties, one packet's trace, or a picture."""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Literal

from private_inference.graph.resources import type_and_name
from private_inference.reachability.hops import Hop
from private_inference.reachability.intent import UNCOVERED, Cell, Failure, Intent, Report, check, trace_parties
from private_inference.reachability.model import Network
from private_inference.reachability.picture import render_html, render_svg, state, verdict
from private_inference.reachability.trace import Trace, Verdict
from private_inference.reachability.traffic import services_text

if TYPE_CHECKING:
    from rich.console import RenderableType

Form = Literal["text", "json", "svg", "html"]

STYLES = {
    "works": "green",
    "open": "dim",
    "refused": "dim",
    "surplus": "bold red",
    "missing": "bold red",
    Verdict.REACHES: "bold green",
    Verdict.PARTLY: "bold yellow",
    Verdict.ONE_WAY: "bold yellow",
    Verdict.REFUSED: "bold red",
}


class PathsError(ValueError):
    """Bad values of --from, --to or --format; the message names the possible ones."""


def paths(
    network: Network,
    intent: Intent,
    title: str,
    *,
    source: str | None = None,
    destination: str | None = None,
    port: int = 443,
    protocol: str = "tcp",
    form: Form = "text",
) -> tuple["RenderableType | str", bool]:
    """What to show, and whether all is well: with both ends a trace, else the matrix (of one end), or a picture.

    Text is for rich to print; JSON, SVG and HTML are strings. Raises PathsError.
    """
    if source and destination:
        if form not in ("text", "json"):
            raise PathsError(f"a trace can be text or json, not {form}; leave out one of --from and --to for a picture")
        try:
            found = trace_parties(network, intent, source, destination, port, protocol)
        except ValueError as error:
            raise PathsError(str(error)) from None
        shown = render_trace(found) if form == "text" else json.dumps(trace_as_json(found), indent=2)
        return shown, found.verdict is Verdict.REACHES
    report = check(network, intent)
    if form == "svg":
        return render_svg(network, intent, report, title), report.proved
    if form == "html":
        return render_html(network, intent, report, title), report.proved
    chosen = replace(report, cells=_between(report.cells, source, destination))
    shown = render_matrix(chosen) if form == "text" else json.dumps(report_as_json(chosen), indent=2)
    return shown, chosen.proved


def _between(cells: Iterable[Cell], source: str | None, destination: str | None) -> tuple[Cell, ...]:
    every = tuple(cells)
    chosen = tuple(c for c in every if source in (None, c.source) and destination in (None, c.destination))
    if not chosen:
        parties = sorted({party for cell in every for party in (cell.source, cell.destination)})
        raise PathsError(
            f"no party is called {source or destination!r}; give both --from and --to for a trace, or one of: "
            + ", ".join(parties)
        )
    return chosen


# Text


def render_matrix(report: Report) -> "RenderableType":
    """The pairs between which something passes or should, then whatever keeps the report from being a proof."""
    from rich.console import Group
    from rich.text import Text

    from private_inference.cli.tables import table

    matrix = table("From", "To", "Passes", "", "Why", title="Paths")
    silent = 0
    for cell in report.cells:
        if state(cell) == "refused":
            silent += 1
            continue
        passes = services_text(cell.delivered) + (", one way" if cell.delivered and not cell.answered else "")
        matrix.add_row(cell.source, cell.destination, passes, Text(_state_text(cell), STYLES[state(cell)]), cell.why)
    rest = Text(
        f"Between the other {silent} pairs of parties no packet passes, whatever its addresses and ports.", "dim"
    )
    problems = [_failure(failure) for failure in report.failures]
    problems += [Text(f"✗ unmet: {one}", "bold red") for one in report.unmet]
    problems += [
        Text(f"? undecided: {one.property} of {type_and_name(one.resource)[1]} {one.reason}", "yellow")
        for one in report.undecided
    ]
    summary = Text(f"{'✓' if report.proved else '✗'} {verdict(report)}", "bold green" if report.proved else "bold red")
    uncovered = [Text(f"Not part of the proof: {one}", "dim") for one in UNCOVERED]
    return Group(matrix, rest, *uncovered, *problems, summary)


def _state_text(cell: Cell) -> str:
    return {"works": "required", "open": "permitted"}.get(state(cell), state(cell))


def _failure(failure: Failure) -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    return Group(Text(f"✗ {failure}", "bold red"), render_trace(failure.trace))


def render_trace(trace: Trace) -> "RenderableType":
    """A packet's hops, one a line, and the verdict."""
    from rich.text import Text

    from private_inference.cli.tables import table

    shown = table("", "Control", "", "What it says", box=None, pad_edge=False)
    shown.title = Text.assemble(
        f"{trace.service}, {trace.source} → {trace.destination}: ", (str(trace.verdict), STYLES[trace.verdict])
    )
    for hop in trace.hops:
        shown.add_row(*_hop(hop))
    return shown


def _hop(hop: Hop) -> tuple["RenderableType", ...]:
    from rich.text import Text

    mark = Text("✓", "green") if hop.allowed else Text("✗", "bold red")
    direction = f"{hop.direction}, answer" if hop.reply else hop.direction
    reason = Text(hop.reason)
    if hop.remedy:
        reason.append(f"\nwould need {hop.remedy}", "dim")
    return mark, hop.place, direction, reason


# JSON


def trace_as_json(trace: Trace) -> dict[str, Any]:
    """A trace for machines."""
    return asdict(trace)


def report_as_json(report: Report) -> dict[str, Any]:
    """The matrix for machines: services as text, and every cell's trace."""
    return {
        "proved": report.proved,
        "cells": [
            {
                "source": cell.source,
                "destination": cell.destination,
                "state": state(cell),
                "required": services_text(cell.required),
                "permitted": services_text(cell.permitted),
                "delivered": services_text(cell.delivered),
                "answered": services_text(cell.answered),
                "why": cell.why,
                "trace": trace_as_json(cell.trace),
            }
            for cell in report.cells
        ],
        "failures": [
            {
                "kind": failure.kind,
                "source": failure.source,
                "destination": failure.destination,
                "services": services_text(failure.services),
                "trace": trace_as_json(failure.trace),
            }
            for failure in report.failures
        ],
        "unmet": list(report.unmet),
        "undecided": [asdict(one) for one in report.undecided],
        "uncovered": list(UNCOVERED),
    }
