"""docs/alarms.md has a line for everything that operators are told, and for nothing else."""

import re
from pathlib import Path

from private_inference.runner.project import StackConfig, load_stack
from tests.support.recording import ROOT, record, stack_config
from tests.support.stacks import endpoint, minimal

STACKS = ("asynchronous", "callers", "front-door", "inference-components", "load-balancer", "multi-model")
"""What they watch together is all that a stack may."""


def told(config: StackConfig) -> set[str]:
    recorded = record(config)
    return {each.name for kind in ("MetricAlarm", "EventRule") for each in recorded.all(kind)}


def test_every_alarm_and_rule_has_a_line(archive: Path) -> None:
    watched = endpoint(archive, instanceType="ml.g5.xlarge", alarms={"silentMinutes": 60}, kvCachePercent=90)
    names = told(stack_config(minimal(archive, endpoints=[watched], operators={"callsFromOutside": True})))
    for stack in STACKS:
        names |= told(load_stack(ROOT, f"examples/stacks/{stack}/Pulumi.{stack}.yaml"))
    lines = re.findall(r"^\| (`.*?) \|", (ROOT / "docs/alarms.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    listed = {name for line in lines for name in re.findall(r"`([\w-]+)`", line)}
    unlisted = {name for name in names if not any(name == each or name.endswith(f"-{each}") for each in listed)}
    unheard = {each for each in listed if not any(name == each or name.endswith(f"-{each}") for name in names)}
    assert (unlisted, unheard) == (set(), set())
