"""Progress of a command, on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

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
        """Count one more, and show its name. May be called from any thread."""
        self._count += 1
        self._progress.update(self._task, detail=f"{self._count} · {latest}")

    def show(self, detail: str) -> None:
        """Show a summary beside the step."""
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
