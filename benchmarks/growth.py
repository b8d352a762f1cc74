"""How long check, rehearsal and export take when a stack has many endpoints.

    .venv/bin/python -m benchmarks.growth [ENDPOINTS …]

Each figure is one run of the command as a user gives it, in seconds of processor time, over all its processes: what
else the machine does changes it little. It says nothing of AWS, whose own time a deployment takes.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.rehearsal import COMMAND, project_with

LONGEST = 1800
"""Seconds of the clock after which a run is given up, and its figure is a dash."""


def measure(endpoints: int, command: list[str]) -> float | None:
    """Processor seconds of one command on a stack of so many endpoints; None for one that was given up."""
    with tempfile.TemporaryDirectory() as folder:
        project = project_with(endpoints, Path(folder))
        options = ["--stack", "bench", "--project", str(project)]
        if command[0] == "export":
            options += ["--out", str(Path(folder) / "out")]
        before = _used()
        try:
            subprocess.run([str(COMMAND), *command, *options], check=True, capture_output=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            return None
        return _used() - before


def _used() -> float:
    """Processor seconds of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure each number of endpoints given, 1, 50 and 200 unless given."""
    numbers = [int(argument) for argument in sys.argv[1:]] or [1, 50, 200]
    table = Table("Endpoints", "check (s)", "rehearse (s)", "export (s)")
    for number in numbers:
        seconds = [measure(number, command) for command in (["check"], ["rehearse"], ["export", "terraform"])]
        table.add_row(str(number), *("-" if each is None else f"{each:.0f}" for each in seconds))
    Console().print(table)


if __name__ == "__main__":
    main()
