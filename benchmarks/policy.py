"""How long the policy pack takes over a stack, by the number of resources.

    .venv/bin/python -m benchmarks.policy [ENDPOINTS …]

The stack is the program itself with so many endpoints, previewed once beforehand. What is timed is what the Pulumi
engine would wait for: one `Analyze` call for each resource, one after the other, and `AnalyzeStack` at the end, over
gRPC to the pack in a process of its own, with all rules. The start of that process is timed apart.
"""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from private_inference.runner.policy_pack import PolicyPack
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack
from private_inference.runner.resource import Resource

ROOT = Path(__file__).parent.parent
REGION = "us-east-1"
SIZES = [1, 10, 58]


def previewed(endpoints: int) -> list[Resource]:
    """The resources of the dev stack with so many endpoints."""
    config = load_stack(ROOT, "dev")
    key = f"{config.project}:endpoints"
    [entry] = json.loads(config.values[key])
    named = [{**entry, "name": f"model-{number:02}"} for number in range(endpoints)]
    room = {f"{config.project}:network": json.dumps({"cidr": "10.0.0.0/16", "zones": 3})}
    larger = replace(config, values={**config.values, **room, key: json.dumps(named)})
    return list(run_program(larger, PreviewEngine(REGION), preview=True).all_resources)


def measure(resources: list[Resource]) -> tuple[float, float, float, int]:
    """Seconds until the pack is ready, for the resource rules and for the stack rules; and the number of findings."""
    start = time.perf_counter()
    with PolicyPack(ROOT / "policy") as pack:
        pack.analyze_stack([])
        ready = time.perf_counter()
        found = [finding for resource in resources for finding in pack.analyze(resource)]
        analyzed = time.perf_counter()
        found += pack.analyze_stack(resources)
        return ready - start, analyzed - ready, time.perf_counter() - analyzed, len(found)


def main(sizes: list[int]) -> None:
    """Print the table."""
    table = Table(
        "endpoints", "resources", "start (s)", "resource rules (s)", "stack rules (s)", "both (s)", "findings"
    )
    for endpoints in sizes:
        resources = previewed(endpoints)
        start, each, whole, findings = measure(resources)
        numbers = (start, each, whole, each + whole)
        table.add_row(str(endpoints), str(len(resources)), *(f"{number:.2f}" for number in numbers), str(findings))
    Console().print(table)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or SIZES)
