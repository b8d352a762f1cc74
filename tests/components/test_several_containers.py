"""Several containers of a model, in a row or side by side: what is refused, and what SageMaker and callers are told."""

from pathlib import Path
from typing import Any

import pytest

from components.settings import Settings
from tests.components.test_generation import content
from tests.components.test_inference import inference
from tests.components.test_multi_model import told
from tests.components.test_settings import change
from tests.support.stacks import endpoint, front_door, minimal, settings

XGBOOST = {"framework": "xgboost", "version": "3.0-5"}


def container(archive: Path, **changes: Any) -> dict[str, Any]:
    return {"artifact": str(archive), "image": XGBOOST} | changes


def row(archive: Path, **changes: Any) -> dict[str, Any]:
    return {"pipeline": [container(archive), container(archive, environment={"LAST": "1"})]} | changes


def beside(archive: Path, **changes: Any) -> dict[str, Any]:
    return {"containers": {"one": container(archive), "two": container(archive, environment={"LAST": "1"})}} | changes


def serving(archive: Path, model: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return minimal(archive, endpoints=[endpoint(archive, model=model, **changes)])


def test_a_model_has_one_form(archive: Path) -> None:
    (said,) = told(serving(archive, row(archive) | beside(archive)))
    assert said.startswith(
        "model.containers: ['one', 'two'] is set beside pipeline, and a model has one form; remove one"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image": XGBOOST}, "model.image: {'framework': 'xgboost', 'version': '3.0-5'} is set beside pipeline"),
        (
            {"environment": {"A": "b"}},
            "model.environment: {'A': 'b'} is set beside pipeline, each of which has its own",
        ),
        ({"artifact": "x.tar.gz"}, "model.artifact: 'x.tar.gz' is set beside pipeline"),
    ],
)
def test_what_each_container_has_is_not_set_beside_them(changes: dict[str, Any], said: str, archive: Path) -> None:
    (problem,) = told(serving(archive, row(archive) | changes))
    assert problem.startswith(said)


def test_one_container_is_no_row_and_sixteen_are_too_many(archive: Path) -> None:
    (said,) = told(serving(archive, {"pipeline": [container(archive)]}))
    assert "is one container, and pipeline is of two or more; set its artifact and image in its place" in said
    for many in (
        {"pipeline": [container(archive)] * 16},
        {"containers": {f"c{n}": container(archive) for n in range(16)}},
    ):
        (said,) = told(serving(archive, many))
        assert "at most 15 items" in said


@pytest.mark.parametrize("form", [row, beside])
def test_what_is_wrong_with_a_container_is_told_where_it_is(form: Any, archive: Path) -> None:
    key = "pipeline[1]" if form is row else "containers.two"
    wrong = change(serving(archive, form(archive)), f"endpoints[0].model.{key}.artifact", "none.tar.gz")
    (said,) = told(wrong)
    assert said.startswith(f"model.{key}.artifact: 'none.tar.gz' can't be served: there is no such file")
    elsewhere = {"uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"}
    (said,) = told(change(serving(archive, form(archive)), f"endpoints[0].model.{key}.image", elsewhere))
    assert f"model.{key}.image.uri: " in said


def test_a_container_is_named_as_a_host(archive: Path) -> None:
    (said,) = told(serving(archive, {"containers": {"a_b": container(archive), "c": container(archive)}}))
    assert said.startswith("model.containers.a_b: 'a_b' may hold 63 letters, digits and inner hyphens at most")


def test_where_calls_choose_a_container_they_can_not_come_otherwise(archive: Path) -> None:
    (said,) = told(serving(archive, beside(archive), asynchronous={}))
    assert said.startswith("asynchronous: True can't be had with several models or containers to choose from")
    assert any(
        "passes no target on" in each for each in told(serving(archive, beside(archive)) | {"frontDoor": front_door()})
    )
    accepted: Settings = settings(serving(archive, row(archive), asynchronous={}))
    assert accepted.endpoints[0].target_containers == ()


@pytest.mark.parametrize("form", [row, beside])
def test_shadows_are_of_one_model_beside_one(form: Any, archive: Path) -> None:
    shadow = {"model": container(archive), "instanceType": "ml.m5.large"}
    (said,) = told(serving(archive, form(archive), shadow=shadow))
    assert "is not to be had beside or as a shadow: SageMaker copies calls between single models only" in said
    (said,) = told(serving(archive, container(archive), shadow=shadow | {"model": form(archive)}))
    assert said.startswith("shadow.model.")


def test_sagemaker_runs_a_pipeline_in_the_order_of_the_settings(archive: Path) -> None:
    model = inference(archive, model=row(archive)).one("Model").properties
    assert model["inferenceExecutionConfig"] == {"mode": "Serial"}
    assert [each.get("environment") for each in model["containers"]] == [None, {"LAST": "1"}]
    assert "primaryContainer" not in model


def test_sagemaker_lets_calls_choose_a_container_by_its_name(archive: Path) -> None:
    model = inference(archive, model=beside(archive)).one("Model").properties
    assert model["inferenceExecutionConfig"] == {"mode": "Direct"}
    assert [each["containerHostname"] for each in model["containers"]] == ["one", "two"]


@pytest.mark.parametrize("form", [row, beside])
def test_another_last_container_is_another_configuration(form: Any, archive: Path) -> None:
    before = content(archive, model=form(archive)).name({"AllTraffic": 2}, renamed=False)
    changed = form(archive)
    last = changed["pipeline"][-1] if form is row else changed["containers"]["two"]
    last["environment"] = {"LAST": "2"}
    assert content(archive, model=changed).name({"AllTraffic": 2}, renamed=False) != before
