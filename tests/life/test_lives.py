"""The lives under examples/lives: a real engine deploys, updates and destroys, and nothing that serves is hurt."""

from pathlib import Path

import pytest

from private_inference.life.life_file import read_life
from private_inference.life.live import LifeResult, live
from tests.support.every_stack import of_every_stack
from tests.support.recording import ROOT

LONG = (
    "account-guards",
    "asynchronous",
    "component-goes",
    "data-capture",
    "flows",
    "front-door",
    "image-build",
    "image-scan",
    "inference-components",
    "llm",
    "load-balancer",
    "model-forms",
    "model-package",
    "shadow",
    "variants",
)
LIVES = [
    pytest.param(path, id=path.stem, marks=of_every_stack if path.stem in LONG else ())
    for path in sorted((ROOT / "examples" / "lives").glob("*.yaml"))
]

pytestmark = pytest.mark.usefixtures("engine")


def faults(result: LifeResult) -> list[str]:
    """What went wrong in a life."""
    return [step.problem for step in result.steps if step.problem] + [str(broken) for broken in result.broken]


@pytest.mark.parametrize("path", LIVES)
def test_nothing_that_serves_is_hurt(path: Path) -> None:
    assert faults(live(read_life(path), ROOT)) == []
