"""How long `private-inference rehearse` takes and what memory it needs, by the number of endpoints.

    .venv/bin/python benchmarks/rehearsal.py [ENDPOINTS …]

Each number is a run of the command as a user gives it, in a project folder of its own, with everything that it does:
interpreter and imports, embedded AWS, policy pack, program, verification. Memory is the sum over its processes at
their peaks (maximum resident set, MiB), so it is an upper bound of what was in use at one time.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
COMMAND = Path(sys.executable).parent / "private-inference"

ADDRESSED = 1000
"""Instances that the largest VPC has addresses for, during an update of all endpoints."""


def project_with(endpoints: int, folder: Path) -> Path:
    """A copy of the program with a stack `bench` of so many endpoints."""
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("model.tar.gz", "sample.csv", "expected.json"):
        shutil.copy(ROOT / "examples/model/build" / name, folder / name)
    model = {"artifact": "model.tar.gz", "image": {"framework": "xgboost", "version": "3.0-5"}}
    most = max(2, min(10, ADDRESSED // endpoints))
    stack = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
    stack["config"]["private-inference:endpoints"] = [
        {"name": f"model-{number:02}", "model": model, "instanceType": "ml.m5.large", "instances": {"max": most}}
        for number in range(endpoints)
    ]
    (folder / "Pulumi.bench.yaml").write_text(yaml.safe_dump(stack), encoding="utf-8")
    return folder


def measure(endpoints: int) -> tuple[float, float]:
    """Seconds and MiB of one rehearsal."""
    with tempfile.TemporaryDirectory() as folder:
        project = project_with(endpoints, Path(folder))
        start = time.perf_counter()
        process = subprocess.Popen(
            [str(COMMAND), "rehearse", "--stack", "bench", "--project", str(project), "--json"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        peaks: dict[int, int] = {}
        watcher = threading.Thread(target=_watch, args=(process, peaks))
        watcher.start()
        code = process.wait()
        seconds = time.perf_counter() - start
        watcher.join()
    if code != 0:
        raise SystemExit(f"The rehearsal of {endpoints} endpoints ended with exit code {code}.")
    return seconds, sum(peaks.values()) / 1024


def _watch(process: "subprocess.Popen[bytes]", peaks: dict[int, int]) -> None:
    """Reads the peak memory (KiB) of the process and all below it until it ends. Linux only."""
    while process.poll() is None:
        for pid in _family(process.pid):
            status = Path(f"/proc/{pid}/status")
            try:
                lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            except OSError:
                continue
            if "VmHWM" in lines:
                peaks[pid] = int(lines["VmHWM"].split()[0])
        time.sleep(0.05)


def _family(pid: int) -> list[int]:
    try:
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return [pid]
    return [pid, *(member for child in children for member in _family(child))]


def main() -> None:
    """Measure each number of endpoints given, 1 10 25 50 unless given, after one run that warms the caches."""
    numbers = [int(argument) for argument in sys.argv[1:]] or [1, 10, 25, 50]
    measure(numbers[0])
    table = Table("Endpoints", "Seconds", "Times the first", "MiB")
    first = 0.0
    for number in numbers:
        seconds, memory = measure(number)
        first = first or seconds
        table.add_row(str(number), f"{seconds:.1f}", f"{seconds / first:.1f}", f"{memory:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
