"""The stacks under examples/stacks: each passes the policies and both proofs, and works on the embedded AWS."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.recording import ROOT

COMMAND = Path(sys.executable).parent / "private-inference"
STACKS = sorted((ROOT / "examples" / "stacks").glob("*/Pulumi.*.yaml"))


def told(command: str, stack: Path) -> dict[str, Any]:
    """What a command says of a stack, which has to pass."""
    run = subprocess.run(
        [str(COMMAND), command, "--stack", str(stack.relative_to(ROOT)), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    said: dict[str, Any] = json.loads(run.stdout)
    return said


ELSEWHERE = (
    "asynchronous",
    "authorizer",
    "callers",
    "data-capture",
    "existing-vpc",
    "front-door",
    "image-build",
    "inference-components",
    "llm",
    "load-balancer",
    "model-package",
    "multi-container",
    "multi-model",
    "openai",
    "pipeline",
    "shadow",
    "variants",
)
"""Rehearsed by tests of their own, in tests/verification and tests/examples."""


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name.split(".")[1])
def test_it_passes_policies_and_proofs_and_answers(stack: Path) -> None:
    assert told("check", stack)["passed"]
    assert stack.parent.name in ELSEWHERE or told("rehearse", stack)["passed"]


def test_each_folder_has_a_stack_file_and_says_what_it_is_for() -> None:
    folders = [path for path in (ROOT / "examples" / "stacks").iterdir() if path.is_dir()]
    assert {stack.parent for stack in STACKS} == set(folders)
    for folder in folders:
        assert len((folder / "README.md").read_text(encoding="utf-8").splitlines()) <= 15
