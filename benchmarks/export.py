"""How long `private-inference export terraform` takes, by the number of endpoints.

    .venv/bin/python -m benchmarks.export [ENDPOINTS …]

Each number is a run of the command as a user gives it, with everything that it does: interpreter and imports, embedded
AWS for the lookups, program, files.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.rehearsal import COMMAND, project_with


def measure(endpoints: int) -> float:
    """Seconds of one export."""
    with tempfile.TemporaryDirectory() as folder:
        project = project_with(endpoints, Path(folder))
        command = [str(COMMAND), "export", "terraform", "--stack", "bench", "--project", str(project)]
        start = time.perf_counter()
        subprocess.run([*command, "--out", str(project / "out")], check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure each number of endpoints given, 1 and 50 unless given."""
    numbers = [int(argument) for argument in sys.argv[1:]] or [1, 50]
    measure(numbers[0])
    table = Table("Endpoints", "Seconds")
    for number in numbers:
        table.add_row(str(number), f"{measure(number):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
