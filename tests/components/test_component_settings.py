"""Inference components: several models on one fleet, and what AWS or the fleet would make of the rest."""

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader

from components.settings import ComponentSettings
from tests.components.test_settings import BAD, change, leaves, problems
from tests.support.recording import ROOT
from tests.support.stacks import PROJECT, component, fleet, front_door, minimal, model, neighbour, settings, variant

FIRST = "endpoints[0].components[0]."
OF_A_COMPONENT = [
    *(
        (f"{FIRST}{key.removeprefix('endpoints[0].')}", value, remedy)
        for key, value, remedy in BAD
        if key.startswith("endpoints[0].model")
    ),
    (f"{FIRST}name", "green_1", "letters, digits and inner hyphens"),
    (f"{FIRST}name", "x" * 50, "makes a name of 57 characters with the endpoint's; at most 55 are allowed"),
    (f"{FIRST}name", "AllTraffic", "is the fleet's own name; rename it"),
    (f"{FIRST}memoryMb", 127, "greater than or equal to 128"),
    (f"{FIRST}cpus", 0.2, "greater than or equal to 0.25"),
    (f"{FIRST}accelerators", 0, "greater than or equal to 1"),
    (f"{FIRST}copies.min", -1, "greater than or equal to 0"),
    (f"{FIRST}copies.min", 1, "Use 2, or give singleBecause a reason"),
    (f"{FIRST}copies.max", 1, "is below min (2); raise max or lower min"),
    (f"{FIRST}copies.initial", 5, "must lie between min (2) and max (4)"),
    (f"{FIRST}copies.singleBecause", "because", "at least 10 characters"),
    (f"{FIRST}scaling.invocationsPerCopy", 0, "greater than 0"),
    (f"{FIRST}scaling.concurrentRequestsPerCopy", 0, "greater than 0"),
    (f"{FIRST}scaling.scaleOutCooldown", -1, "greater than or equal to 0"),
    (f"{FIRST}scaling.scaleInCooldown", 3601, "less than or equal to 3600"),
    (f"{FIRST}kvCachePercent", 9, "greater than or equal to 10"),
    (f"{FIRST}alarms.serverErrors", 0, "greater than or equal to 1"),
    (f"{FIRST}alarms.latencyMs", 0, "greater than 0"),
    (f"{FIRST}alarms.clientErrorPercent", 101, "less than or equal to 100"),
]


def served(archive: Path, *components: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A stack with one endpoint of components."""
    return minimal(archive, endpoints=[fleet(archive, *components, **changes)])


@pytest.mark.parametrize(
    ("key", "value", "remedy"), OF_A_COMPONENT, ids=[f"{k}={str(v)[:30]}" for k, v, _ in OF_A_COMPONENT]
)
def test_a_bad_value_of_a_component_names_its_key_and_the_fix(
    key: str, value: Any, remedy: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    (said,) = problems(change(served(archive), key, value))
    assert said.startswith(f"{PROJECT}:{key}: ")
    assert remedy in said


def test_every_setting_of_a_component_has_a_bad_value_above() -> None:
    tried = {key for key, _, _ in OF_A_COMPONENT}
    for leaf in leaves(ComponentSettings, FIRST):
        assert any(key == leaf or key.startswith((f"{leaf}.", f"{leaf}[")) for key in tried), leaf


def test_a_fleet_serves_its_components_and_no_variant(archive: Path) -> None:
    (read,) = settings(served(archive)).endpoints
    assert [each.name for each in read.components] == ["main", "spare"]
    assert read.production_variants == ()
    assert len(read.models) == 2
    assert read.most_instances == 20


def test_a_fleet_needs_its_instance_type_and_no_model(archive: Path) -> None:
    given = fleet(archive)
    del given["instanceType"]
    assert problems(minimal(archive, endpoints=[given])) == [
        f"{PROJECT}:endpoints[0].instanceType: is missing; add it."
    ]


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"scaling": {"cpuPercent": 50}}, "scaling", "is set beside components, each of which has its own"),
        ({"kvCachePercent": 90}, "kvCachePercent", "is set beside components, each of which has its own"),
        ({"asynchronous": {}}, "asynchronous", "Give what answers later an endpoint of its own"),
        ({"alarms": {"latencyMs": 9}}, "alarms.latencyMs", "Set it in components[].alarms, or remove it"),
        ({"alarms": {"silentMinutes": 5}}, "alarms.silentMinutes", "answers are a component's"),
        ({"update": {"strategy": "canary", "stepPercent": 10}}, "update.strategy", "updated copy by copy. Remove it"),
        ({"update": {"terminationWaitSeconds": 60}}, "update.terminationWaitSeconds", "Remove it"),
        ({"update": {"maximumSeconds": 1200}}, "update.maximumSeconds", "an update in 2 batches (1200 s); raise it"),
        ({"instances": {"min": 0}}, "instances.min", "is never reached: copies of main, spare always run"),
    ],
)
def test_what_has_no_meaning_beside_components_is_refused(
    changes: dict[str, Any], key: str, said: str, archive: Path
) -> None:
    told = problems(served(archive, **changes))
    (found,) = (line for line in told if line.startswith(f"{PROJECT}:endpoints[0].{key}: "))
    assert said in found


def test_a_model_or_variants_beside_components_are_refused(archive: Path) -> None:
    (said,) = problems(served(archive, model=model(archive)))
    assert "endpoints[0].model: {" in said
    assert "is set beside components, each of which has its own; move it into them" in said
    (said,) = problems(served(archive, variants=[variant(archive, "main")], instanceType=None))
    assert "endpoints[0].variants: ['main'] are beside components, which share one fleet" in said


def test_one_network_is_for_all_components(archive: Path) -> None:
    loose = component(archive, "loose", model=model(archive, networkIsolationOffBecause="it writes its own metrics"))
    (said,) = problems(served(archive, component(archive, "main"), loose))
    assert "endpoints[0].components: ['loose'] are without network isolation, and others are isolated" in said
    assert settings(served(archive, loose))


def test_a_fleet_may_have_no_instance_where_no_copy_has_to_run(archive: Path) -> None:
    idle = [component(archive, name, copies={"min": 0}) for name in ("main", "spare")]
    (read,) = settings(served(archive, *idle, instances={"min": 0})).endpoints
    assert (read.instances.at_creation, read.components[0].copies.at_creation) == (1, 1)


def test_names_of_components_differ_from_one_another_and_from_other_endpoints(archive: Path) -> None:
    twice = served(archive, component(archive, "main"), component(archive, "Main"))
    (said,) = problems(twice)
    assert "endpoints[0].components[1].name: 'Main' is the name of components[0] too, case aside" in said
    clash = minimal(archive, endpoints=[fleet(archive), fleet(archive, name="triage-main")])
    (said,) = problems(clash)
    assert "endpoints[0].components[0].name: 'main' makes triage-main with the endpoint's name" in said


def test_the_scaling_of_a_component_follows_one_metric(archive: Path) -> None:
    both = {"invocationsPerCopy": 60, "concurrentRequestsPerCopy": 4}
    (said,) = problems(served(archive, component(archive, "main", scaling=both)))
    assert "components[0].scaling.invocationsPerCopy: 60.0 is set beside concurrentRequestsPerCopy" in said


def test_the_front_door_names_no_component(archive: Path) -> None:
    (said,) = problems(served(archive) | {"frontDoor": front_door()})
    assert "'triage' can't be called through the front door, which names no component" in said


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (
            ["triage-other"],
            "components[0]: 'triage-other' is no inference component that it calls; choose from triage-main",
        ),
        (["triage-main"], "components: ['triage-main'] has none of churn's; add one of churn-main"),
    ],
)
def test_a_caller_names_components_of_each_fleet_that_it_calls(named: list[str], said: str, archive: Path) -> None:
    one = fleet(archive, component(archive, "main"))
    stack = minimal(archive, endpoints=[one, one | {"name": "churn"}], callers=[neighbour(components=named)])
    assert any(f"callers[0].{said}" in each for each in problems(stack))


def test_a_components_image_is_of_the_region(archive: Path) -> None:
    elsewhere = {"uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/serving:1"}
    (said,) = problems(served(archive, component(archive, "main", model=model(archive, image=elsewhere))))
    assert said.startswith(f"{PROJECT}:endpoints[0].components[0].model.image.uri: ")


@pytest.mark.parametrize(
    ("field", "member"),
    [
        ("memory_mb", "MinMemoryRequiredInMb"),
        ("cpus", "NumberOfCpuCoresRequired"),
        ("accelerators", "NumberOfAcceleratorDevicesRequired"),
    ],
)
def test_the_bounds_are_those_of_awss_own_model(field: str, member: str) -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    aws = shapes[shapes["InferenceComponentComputeResourceRequirements"]["members"][member]["shape"]]
    schema = ComponentSettings.model_json_schema(by_alias=False)["properties"][field]
    (bounds,) = (each for each in schema.get("anyOf", [schema]) if "minimum" in each)
    assert bounds["minimum"] == aws["min"]
