"""What a person sees in the terminal: trees, tables and progress, all through rich."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.tree import Tree

from operations.program import Resource

out = Console()
err = Console(stderr=True)


class Steps:
    """Progress of a command, on standard error: one line a step, with a count while it works."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def step(self, title: str) -> Iterator["Step"]:
        """A step that is shown while it runs and stays, ticked, when it is done."""
        task = self._progress.add_task(title, total=None, detail="")
        try:
            yield Step(self._progress, task)
        except BaseException:
            self._progress.update(task, description=f"[red]✗[/] {title}", total=1, completed=1)
            raise
        self._progress.update(task, description=f"[green]✓[/] {title}", total=1, completed=1)


class Step:
    """One step of a command."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task
        self._count = 0

    def count(self, latest: str) -> None:
        """One more, and what it was. May be called from any thread."""
        self._count += 1
        self._progress.update(self._task, detail=f"{self._count} · {latest}")

    def say(self, detail: str) -> None:
        """What there is to know of the step when it is done."""
        self._progress.update(self._task, detail=detail)


@contextmanager
def steps() -> Iterator[Steps]:
    """Progress for the duration of a command; plain lines where standard error is not a terminal."""
    columns = (
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}"),
        TextColumn("[dim]{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield Steps(progress)


def resource_tree(project: str, stack: str, resources: Sequence[Resource]) -> Tree:
    """The resources below the components that made them, as Pulumi shows a stack."""
    children: dict[str, list[Resource]] = {}
    known = {resource.urn for resource in resources}
    for resource in resources:
        children.setdefault(resource.parent if resource.parent in known else "", []).append(resource)
    root = Tree(f"[bold]{project}/{stack}[/] [dim]{len(resources)} resources")
    _grow(root, children, "")
    return root


def _grow(tree: Tree, children: Mapping[str, Sequence[Resource]], urn: str) -> None:
    for resource in sorted(children.get(urn, ()), key=lambda r: (r.custom, r.type, r.name)):
        kind = resource.type.split(":")[-1]
        if resource.custom:
            label = f"{kind} [cyan]{resource.name}[/]" + (f" [dim]{resource.id}" if resource.id else "")
        else:
            label = f"[bold]{kind}[/] [cyan]{resource.name}[/]"
        _grow(tree.add(label), children, resource.urn)


def output_table(outputs: Mapping[str, Any]) -> Table:
    """Outputs, nested ones by their dotted names."""
    table = Table("Output", "Value", title="Outputs: the contract for callers", title_justify="left")
    for key, value in sorted(_flattened(outputs)):
        table.add_row(key, value)
    return table


def _flattened(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, entry in value.items():
            yield from _flattened(entry, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        yield key, ", ".join(str(entry) for entry in value)
    else:
        yield key, "–" if value is None else str(value)


def warn(messages: Sequence[str]) -> None:
    """The program's warnings."""
    for message in messages:
        err.print(f"[yellow]warning[/] {message}")
