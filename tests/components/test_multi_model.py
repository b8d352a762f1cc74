"""Several models in one container: what is refused, what is uploaded, what SageMaker and callers are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from components import model_directory
from components.caller_policies import Called, calls
from components.settings import CallerSettings
from tests.components.test_artifacts import store
from tests.components.test_inference import inference
from tests.components.test_settings import change, problems
from tests.components.test_variant_settings import several
from tests.support.stacks import PROJECT, endpoint, front_door, minimal, neighbour, settings, variant

XGBOOST = {"framework": "xgboost", "version": "3.0-5"}
TARGETS = ["b.tar.gz", "t-1.tar.gz"]


def many(archive: Path, **changes: Any) -> dict[str, Any]:
    """A container that loads two models."""
    return {"image": XGBOOST, "models": {"t-1": str(archive), "b": str(archive)}} | changes


def told(values: dict[str, Any]) -> list[str]:
    return [each.removeprefix(f"{PROJECT}:").removeprefix("endpoints[0].") for each in problems(values)]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            {"artifact": "s3://models/b.tar.gz"},
            "model.artifact: 's3://models/b.tar.gz' is for one model; remove it, or models.",
        ),
        ({"models": {"a": "s3://x/a.tar.gz"}}, "model.models.a: 's3://x/a.tar.gz' is in S3"),
        ({"models": {"a": "tests"}}, "model.models.a: 'tests' can't be served: that is not a file"),
        (
            {"models": {"a b": "README.md"}},
            "model.models.a b: 'a b' is not a model's name, which calls have with .tar.gz",
        ),
        ({"image": {"framework": "lmi", "version": "1"}}, "model.image.framework: 'lmi' loads one model; use xgboost"),
        ({"image": None}, "model.image: nothing is given; name the serving image"),
    ],
)
def test_a_container_of_several_models_is_told_what_it_can_not_be(
    model: dict[str, Any], said: str, archive: Path
) -> None:
    (problem,) = told(minimal(archive, endpoints=[endpoint(archive, model=many(archive) | model)]))
    assert problem.startswith(said)


def test_names_have_room_in_a_contract(archive: Path) -> None:
    names = [f"model-{number:040}" for number in range(20)]
    given = many(archive, models=dict.fromkeys(names, str(archive)))
    (problem,) = told(minimal(archive, endpoints=[endpoint(archive, model=given)]))
    assert problem.startswith("model.models: 20 is how many there are, with names of 1060 characters")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("asynchronous", {}, "asynchronous: True can't be had with several models"),
        ("streaming", True, "streaming: True can't be had with several models"),
        ("instanceType", "ml.inf2.xlarge", "instanceType: 'ml.inf2.xlarge' can't hold several models"),
    ],
)
def test_an_endpoint_of_several_models_is_told_what_it_can_not_be(
    key: str, value: Any, said: str, archive: Path
) -> None:
    values = change(minimal(archive, endpoints=[endpoint(archive, model=many(archive))]), f"endpoints[0].{key}", value)
    assert any(problem.startswith(said) for problem in told(values))


def test_variants_have_models_of_the_same_names_for_a_call_may_reach_either(archive: Path) -> None:
    one, other = many(archive), many(archive, models={"t-1": str(archive)})
    (problem,) = told(several(archive, variant(archive, "a", model=one), variant(archive, "b", model=other)))
    assert problem.startswith("variants[1].model: ['t-1.tar.gz'] can't be chosen from beside a")
    settings(several(archive, variant(archive, "a", model=one), variant(archive, "b", model=one)))


def test_the_front_door_passes_no_target_on(archive: Path) -> None:
    given = minimal(archive, endpoints=[endpoint(archive, model=many(archive))], frontDoor=front_door())
    assert any("passes no target on" in problem for problem in problems(given))


def test_its_archives_lie_below_one_prefix_that_is_named_by_all_of_them(archive: Path) -> None:
    recorded = store(archive, [archive], models=many(archive))
    digest = model_directory.digest(dict.fromkeys(TARGETS, archive))
    keys = {each.properties["key"] for each in recorded.all("BucketObjectv2")}
    assert {f"models/{digest}/{name}" for name in TARGETS} <= keys
    (found,) = [each for each in recorded.outputs["artifacts"] if each["content"] == digest]
    assert found["uri"].endswith(f"/models/{digest}/")


@pytest.mark.parametrize(
    ("caching", "config"), [({}, None), ({"modelCaching": False}, {"modelCacheSetting": "Disabled"})]
)
def test_sagemaker_is_told_that_the_container_loads_several(
    caching: dict[str, Any], config: dict[str, str] | None, archive: Path
) -> None:
    recorded = inference(archive, model=many(archive) | caching)
    container = recorded.one("Model").properties["primaryContainer"]
    assert (container["mode"], container.get("multiModelConfig")) == ("MultiModel", config)


def test_callers_may_name_its_models_and_no_other(archive: Path) -> None:
    recorded = inference(archive, model=many(archive))
    (statement,) = json.loads(recorded.one("Policy", "triage").properties["policy"])["Statement"]
    assert statement["Condition"]["StringEquals"]["sagemaker:TargetModel"] == TARGETS


def test_callers_elsewhere_may_name_its_models_and_no_other() -> None:
    caller = CallerSettings.model_validate(neighbour())
    (statement,) = calls(Called([], [], [("arn", TARGETS)]), caller)["Statement"]
    assert statement["Condition"]["StringEquals"].keys() == {"aws:SourceVpce", "sagemaker:TargetModel"}
    assert statement["Resource"] == ["arn"]


def test_operators_are_told_of_a_call_that_waits_long_for_its_model(archive: Path) -> None:
    recorded = inference(archive, model=many(archive), alarms={"modelLoadingMs": 2000})
    alarm = next(each for each in recorded.all("MetricAlarm") if each.name == "triage-model-loading").properties
    assert (alarm["metricName"], alarm["threshold"], alarm["statistic"]) == (
        "ModelLoadingWaitTime",
        2_000_000,
        "Maximum",
    )
    assert "triage-model-loading" not in {each.name for each in inference(archive).all("MetricAlarm")}
