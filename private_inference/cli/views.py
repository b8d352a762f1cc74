"""What a person sees in the terminal: trees, tables and errors, all through rich."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from private_inference.cli.progress import err
from private_inference.cli.tables import table
from private_inference.graph.resources import type_and_name

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from private_inference.authorization.intent import Report as Authorization
    from private_inference.cli.check import Checked
    from private_inference.cli.rehearse import Rehearsal
    from private_inference.reachability.intent import Report
    from private_inference.runner.policy_findings import PolicyFinding
    from private_inference.runner.project import StackConfig
    from private_inference.runner.resource import Resource

out = Console()


def resource_tree(project: str, stack: str, resources: Sequence["Resource"]) -> Tree:
    """The resources below the components that made them, as Pulumi shows a stack."""
    children: dict[str, list[Resource]] = {}
    known = {resource.urn for resource in resources}
    for resource in resources:
        children.setdefault(resource.parent if resource.parent in known else "", []).append(resource)
    root = Tree(f"[bold]{project}/{stack}[/] [dim]{len(resources)} resources")
    _grow(root, children, "")
    return root


def _grow(tree: Tree, children: Mapping[str, Sequence["Resource"]], urn: str) -> None:
    for resource in sorted(children.get(urn, ()), key=lambda r: (r.custom, r.type, r.name)):
        kind = resource.type.split(":")[-1]
        if resource.custom:
            label = f"{kind} [cyan]{resource.name}[/]" + (f" [dim]{resource.id}" if resource.id else "")
        else:
            label = f"[bold]{kind}[/] [cyan]{resource.name}[/]"
        _grow(tree.add(label), children, resource.urn)


def output_table(outputs: Mapping[str, Any]) -> "Table":
    """Outputs, nested ones by their dotted names."""
    shown = table("Output", "Value", title="Outputs: the contract for callers")
    for key, value in sorted(_flattened(outputs)):
        shown.add_row(key, value)
    return shown


def _flattened(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, entry in value.items():
            yield from _flattened(entry, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        yield key, ", ".join(str(entry) for entry in value)
    else:
        yield key, "none" if value is None else str(value)


def warn(messages: Sequence[str]) -> None:
    """The program's warnings."""
    for message in messages:
        err.print(f"[yellow]warning[/] {message}")


def show_rehearsal(config: "StackConfig", result: "Rehearsal") -> None:
    """The tree of resources, the outputs, the pack's findings and what boto3 found."""
    from private_inference.verification import report

    out.print(resource_tree(config.project, config.stack, result.run.resources))
    out.print(output_table(result.run.outputs))
    warn(result.run.warnings)
    show_findings(result.verdicts.findings)
    show_reachability(result.verdicts.reachability)
    show_authorization(result.verdicts.authorization)
    out.print("\n[bold]What boto3 found[/]")
    out.print(report.table(result.checks))
    out.print(_verdict(result.passed), f"{len(result.run.resources)} resources,", report.summary(result.checks))


def show(shown: "RenderableType | str", file: Path | None) -> None:
    """Something rich can print, or text as it is; into a file if one is given, whose folder is made if need be."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(shown, str) and file is None:
        sys.stdout.write(f"{shown}\n")
    elif isinstance(shown, str) and file is not None:
        file.write_text(f"{shown}\n", encoding="utf-8")
    elif file is not None:
        with file.open("w", encoding="utf-8") as target:
            Console(file=target).print(shown)
    else:
        out.print(shown)


def show_error(error: Exception) -> None:
    """An error that a user can correct; findings of the policy pack as a table."""
    from private_inference.runner.guard import PolicyViolationError

    if isinstance(error, PolicyViolationError):
        show_findings(error.findings, err)
        err.print("[bold red]error[/] The policy pack forbids a resource; nothing more was created.")
    else:
        err.print(f"[bold red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)


def show_findings(findings: Sequence["PolicyFinding"], console: Console = out) -> None:
    """Violations and exceptions one by one; what can't be verified yet by resource and property."""
    judged = [finding for finding in findings if finding.kind != "unverified"]
    if judged:
        shown = table("", "Rule", "Resource", "Finding", title="Policy findings", show_lines=True)
        for finding in sorted(judged, key=lambda f: (not f.blocks, f.kind, f.rule, f.urn)):
            mark = "[bold red]✗[/]" if finding.blocks else "[yellow]![/]"
            shown.add_row(
                mark, finding.rule, _resource(finding.urn), f"{escape(finding.message)}\n[dim]{escape(finding.why)}"
            )
        console.print(shown)
    pending: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        if finding.kind == "unverified":
            pending.setdefault((_resource(finding.urn), finding.message), []).append(finding.rule)
    if pending:
        shown = table("", "Resource", "", "Rules", title="Not verified yet")
        for (resource, message), rules in sorted(pending.items()):
            shown.add_row("[yellow]?[/]", resource, escape(message), ", ".join(sorted(rules)))
        console.print(shown)


def _resource(urn: str) -> str:
    """Kind and name of a resource."""
    if not urn:
        return "the stack"
    kind, name = type_and_name(urn)
    return f"{kind.split(':')[-1]} [cyan]{escape(name)}[/]"


def wait_with(environment: Mapping[str, str]) -> None:
    """Show how clients find the embedded AWS, and wait for an interrupt or the end of input."""
    out.print("\nThe embedded AWS is up. In another shell:")
    for key, value in environment.items():
        out.print(f"export {key}={value}", soft_wrap=True, highlight=False)
    err.print("Press Ctrl-C, or close the input, to end it.")
    with suppress(KeyboardInterrupt):
        sys.stdin.read()


def _verdict(passed: bool) -> str:
    return "[bold green]✓ passed[/]" if passed else "[bold red]✗ failed[/]"


def show_check(config: "StackConfig", result: "Checked") -> None:
    """The details of policies and proofs, then the verdicts."""
    warn(result.run.warnings)
    verdicts = result.verdicts
    proof, permissions = verdicts.reachability, verdicts.authorization
    show_findings(verdicts.findings)
    show_reachability(proof)
    show_authorization(permissions)
    shown = table("", "", "", box=None, pad_edge=False, show_header=False)
    shown.add_row(_tick(True), "program", f"{len(result.run.resources)} resources for {config.project}/{config.stack}")
    forbidden = sum(finding.blocks for finding in verdicts.findings)
    shown.add_row(
        _tick(not forbidden),
        "policies",
        f"{verdicts.rules} rules: {verdicts.count('violation')} violations ({forbidden} mandatory), "
        f"{verdicts.count('unverified')} unverified before deployment, {verdicts.count('exception')} exceptions",
    )
    shown.add_row(
        _tick(proof.proved),
        "reachability",
        f"{len(proof.cells)} pairs of parties: {len(proof.failures)} missing or surplus paths, "
        f"{len(proof.unmet)} unmet, {len(proof.undecided)} undecided",
    )
    wrong = len(permissions.failures) + len(permissions.becoming)
    shown.add_row(
        _tick(permissions.proved),
        "authorization",
        f"{permissions.questions} questions of who may: {wrong} missing or surplus permissions, "
        f"{len(permissions.unmet)} unmet, {len(permissions.unverified)} unverified, "
        f"{len(permissions.assumptions)} assumptions",
    )
    out.print(shown)
    out.print(_verdict(result.passed))


def show_reachability(report: "Report") -> None:
    """What keeps the report from being a proof; nothing if it is one."""
    from private_inference.cli.proof import problems

    for problem in problems(report):
        out.print(f"[bold red]✗[/] {escape(problem)}")


def show_authorization(report: "Authorization") -> None:
    """What keeps the report from being a proof, and then what it takes for granted."""
    from private_inference.cli.authorization import authorization_notes, authorization_problems

    for problem in authorization_problems(report):
        out.print(f"[bold red]✗[/] {escape(problem)}")
    for note in authorization_notes(report):
        out.print(f"[yellow]?[/] {escape(note)}")


def _tick(good: bool) -> str:
    return "[green]✓[/]" if good else "[bold red]✗[/]"
