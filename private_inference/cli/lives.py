"""The rehearsal of a life: which one, from which revision, and how it is shown."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from private_inference.cli.progress import Steps
from private_inference.cli.tables import table
from private_inference.life.errors import LifeError
from private_inference.life.life_file import Life, Step, read_life
from private_inference.life.live import LifeResult, live
from private_inference.runner.project import load_stack, settings_of
from private_inference.tar import unpack

if TYPE_CHECKING:
    from rich.console import RenderableType


def rehearse_life(project: Path, stack: str, file: Path | None, revision: str | None, steps: Steps) -> LifeResult:
    """Live the life of `file`, or the one that begins at a revision and goes on to the working tree.

    Raises LifeError for a file or revision that can't be used, NoEngineError without a Pulumi engine.
    """
    project = project.resolve()
    life = read_life(file) if file else _to_the_working_tree(stack, revision or "HEAD")
    with _checked_out(project, life, revision) as first, steps.step(life.about) as step:
        return live(life, project, step.count, first=first)


def _to_the_working_tree(stack: str, revision: str) -> Life:
    about = f"{stack} as it is at {revision}, then as it is in the working tree"
    return Life(about=about, stack=stack, steps=[Step(update=stack), Step(heal=True)])


@contextmanager
def _checked_out(project: Path, life: Life, revision: str | None) -> Iterator[Path | None]:
    """The project as it is at a git revision, in a folder that goes; None without one.

    Model archives are not under version control: those of the working tree take their places.
    """
    if revision is None:
        yield None
        return
    command = ["git", "archive", "--format=tar", revision]
    found = subprocess.run(command, cwd=project, capture_output=True, check=False)
    if found.returncode:
        reason = found.stderr.decode().strip().splitlines()
        raise LifeError(f"--from {revision}: git can't read it: {reason[-1] if reason else 'no reason given'}.")
    with tempfile.TemporaryDirectory(prefix="revision-") as folder:
        with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
            unpack(archive, Path(folder))
        first = Path(folder).resolve()
        for local in [
            path for each in settings_of(load_stack(project, life.stack)).containers for path in each.local.values()
        ]:
            if not (first / local).exists():
                (first / local).parent.mkdir(parents=True, exist_ok=True)
                (first / local).symlink_to(project / local)
        yield first


def shown(result: LifeResult) -> list["RenderableType"]:
    """The life as a table, what went wrong, and a line on all of it."""
    lived = table("Step", "Seconds", "AWS calls", "Serving afterwards", title=result.about)
    for step in result.steps:
        mark = "[red]✗[/]" if step.problem else "[green]✓[/]"
        serving = "\n".join(f"{name}: {what}" for name, what in step.serving.items()) or "nothing"
        lived.add_row(f"{mark} {escape(step.title)}", f"{step.seconds:.1f}", str(step.calls), escape(serving))
    parts: list[RenderableType] = [lived]
    parts += [f"[red]{escape(step.title)}[/]: {escape(step.problem)}" for step in result.steps if step.problem]
    for broken in result.broken:
        where = f"{broken.endpoint} " if broken.endpoint else ""
        parts.append(
            f"[red]{escape(where + broken.what)}[/]\n  after {escape(broken.call)}, in the step {escape(broken.step)}\n"
            f"  {escape(broken.prevention)}"
        )
    verdict = (
        "[green]What serves was whole after every AWS call.[/]" if result.passed else "[red]It would have hurt.[/]"
    )
    calls = sum(step.calls for step in result.steps)
    return [*parts, f"{verdict} {len(result.steps)} steps, {calls} AWS calls that changed something."]
