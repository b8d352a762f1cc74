"""The OpenAI-compatible path beside other settings of an endpoint: what is refused, and why."""

from pathlib import Path
from typing import Any

import pytest

from tests.components.test_settings import problems
from tests.support.stacks import endpoint, minimal, settings


def asked(archive: Path, **more: Any) -> dict[str, Any]:
    return minimal(archive, endpoints=[endpoint(archive, openai=True, **more)])


def test_it_goes_with_streaming(archive: Path) -> None:
    assert settings(asked(archive, streaming=True)).endpoints[0].openai


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"asynchronous": {}}, "has no effect: an asynchronous endpoint's answers come whole"),
        ({"dataCapture": {}}, "can't be had with dataCapture"),
    ],
)
def test_what_the_path_does_not_do_is_refused(archive: Path, more: dict[str, Any], said: str) -> None:
    found = problems(asked(archive, **more))
    assert any(each.startswith("private-inference:endpoints[0].openai: True ") and said in each for each in found), (
        found
    )


def test_calls_on_it_choose_no_model(archive: Path) -> None:
    config = asked(archive)
    image = config["endpoints"][0]["model"]["image"]
    config["endpoints"][0]["model"] = {"models": {"a": str(archive), "b": str(archive)}, "image": image}
    assert any("can't be had where calls choose a model" in each for each in problems(config))
