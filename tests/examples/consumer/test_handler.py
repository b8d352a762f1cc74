"""The Lambda's handler, with the real model behind a runtime endpoint on loopback."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def handler(consumer: Any, runtime_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ENDPOINT_NAME", "triage")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime_url)
    consumer.handler.runtime.cache_clear()
    return consumer.handler


@pytest.fixture
def rows(build: Path) -> list[list[float]]:
    return [[float(value) for value in line.split(",")] for line in (build / "sample.csv").read_text().splitlines()]


def test_rows_get_the_model_s_scores(handler: Any, rows: list[list[float]], build: Path) -> None:
    expected = json.loads((build / "expected.json").read_text())["predictions"]
    assert handler.handler({"rows": rows}, None) == {"scores": [prediction["score"] for prediction in expected]}


@pytest.mark.parametrize("event", [{}, {"rows": []}, {"rows": [[]]}, {"rows": [1]}, {"rows": [["1,2"]]}, {"rows": "1"}])
def test_another_event_is_refused_with_what_it_should_be(handler: Any, event: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r'"rows": \[\[number'):
        handler.handler(event, None)


def test_what_the_model_refuses_is_an_error_of_the_function(handler: Any) -> None:
    with pytest.raises(ClientError, match="3 values, the model takes 30"):
        handler.handler({"rows": [[1, 2, 3]]}, None)


def test_its_attempts_end_before_lambda_ends_it(handler: Any) -> None:
    config = handler.runtime().meta.config
    attempts = config.retries["total_max_attempts"]
    # Standard mode waits at most 1 s and 2 s before the second and the third attempt.
    assert attempts == 3
    assert attempts * (config.connect_timeout + config.read_timeout) + 1 + 2 < 60
