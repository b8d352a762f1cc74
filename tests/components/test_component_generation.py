"""An update of an inference component starts the copies that serve; scaling alone makes no update."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.component_generation import ComponentGeneration, component_generation
from components.live_endpoints import LiveComponent
from components.serving_model import ServedModel
from tests.support.stacks import component, fleet, minimal, settings


def made(
    archive: Path, live: LiveComponent | None, zones: tuple[str, ...] = ("a", "b"), **changes: Any
) -> ComponentGeneration:
    """The generation of a component `main` of `triage`."""
    entry = fleet(archive, component(archive, "main", **changes))
    (endpoint,) = settings(minimal(archive, endpoints=[entry])).endpoints
    (each,) = endpoint.components
    container: Any = SimpleNamespace(artifact=SimpleNamespace(content="a digest"))
    served = ServedModel(each.model, [container])
    return component_generation("triage-main", endpoint, each, served, zones, live)


def on(generation: ComponentGeneration, copies: int) -> LiveComponent:
    """A component that serves with so many copies."""
    return LiveComponent(f"{generation.model}-1234567", copies)


def test_one_that_is_to_be_created_starts_what_the_settings_say(archive: Path) -> None:
    assert made(archive, None).copies == 2
    assert made(archive, None, copies={"initial": 3}).copies == 3


def test_scaling_makes_no_update(archive: Path) -> None:
    first = made(archive, None)
    assert made(archive, on(first, 4)) == first


@pytest.mark.parametrize(
    "change",
    [
        {"memoryMb": 2048},
        {"cpus": 1},
        {"copies": {"max": 9, "initial": 3}},
        {"scaling": {}, "memoryMb": 4096},
        {"zones": ("a", "c")},
    ],
)
def test_an_update_starts_the_copies_that_serve(change: dict[str, Any], archive: Path) -> None:
    live = on(made(archive, None), 4)
    new = made(archive, live, **change)
    assert new.copies == 4
    assert new.model.startswith("triage-main-")
    assert not live.model.startswith(new.model)


def test_one_updated_under_load_stays_as_it_is_when_load_falls(archive: Path) -> None:
    updated = made(archive, on(made(archive, None), 4), cpus=1)
    assert made(archive, on(updated, 2), cpus=1) == updated


def test_the_models_name_is_as_long_as_sagemaker_takes(archive: Path) -> None:
    assert len(made(archive, None).model) + len("-1234567") <= 63
