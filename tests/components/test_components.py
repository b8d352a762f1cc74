"""What an endpoint with inference components is made of, and whether their copies fit its fleet."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.fleet_checks import Capacity, check_fleet
from components.settings import SettingsError
from tests.graph.test_cloudformation import aws_schema
from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import component, fleet, minimal, settings

XLARGE = Capacity(vcpus=4, gpus=0, memory_mb=16384)


def _with(parameters: dict[str, str], value: Any) -> Any:
    """A template's properties with these parameters in the place of references."""
    if isinstance(value, dict):
        if value.keys() == {"Ref"}:
            return parameters[value["Ref"]]
        return {key: _with(parameters, each) for key, each in value.items()}
    return [_with(parameters, each) for each in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def stack(archive: Path) -> Recorded:
    idle = component(archive, "idle", cpus=0.5, copies={"min": 0}, scaling={"concurrentRequestsPerCopy": 4})
    return record(
        stack_config(
            minimal(archive, endpoints=[fleet(archive, component(archive, "main", cpus=1, kvCachePercent=90), idle)])
        )
    )


def templates(stack: Recorded) -> dict[str, dict[str, Any]]:
    """The one resource of each CloudFormation stack, by the stack's name in the program."""
    found = {}
    for each in stack.all("Stack"):
        [resource] = json.loads(each.properties["templateBody"])["Resources"].values()
        found[each.name] = resource
    return found


def test_templates_are_what_awss_own_schemas_take(stack: Recorded) -> None:
    import jsonschema  # of cfn-lint

    for each in stack.all("Stack"):
        given = {**each.properties["parameters"], "AWS::StackName": each.name}
        resource = templates(stack)[each.name]
        jsonschema.Draft7Validator(aws_schema(resource["Type"])).validate(_with(given, resource["Properties"]))


def test_the_fleet_lies_in_the_model_subnets_isolated_and_names_no_model(stack: Recorded) -> None:
    [made] = [each for each in templates(stack).values() if each["Type"] == "AWS::SageMaker::EndpointConfig"]
    properties = made["Properties"]
    assert properties["EnableNetworkIsolation"] is True
    assert len(properties["VpcConfig"]["Subnets"]) == 2
    [variant] = properties["ProductionVariants"]
    assert "ModelName" not in variant
    assert variant["ManagedInstanceScaling"] == {"Status": "ENABLED", "MinInstanceCount": 2, "MaxInstanceCount": 10}


def test_what_others_make_known_is_a_parameter(stack: Recorded) -> None:
    """So the template's text is whole in a preview, and rules can judge it."""
    for each in stack.all("Stack"):
        declared = json.loads(each.properties["templateBody"])["Parameters"]
        assert declared.keys() == each.properties["parameters"].keys()


def test_each_component_scales_and_one_that_may_have_no_copy_starts_from_none(stack: Recorded) -> None:
    targets = {each.properties["resourceId"]: each.properties for each in stack.all("Target")}
    bounds = {name: (each["minCapacity"], each["maxCapacity"]) for name, each in targets.items()}
    assert bounds == {"inference-component/triage-main": (2, 4), "inference-component/triage-idle": (0, 4)}
    assert all(each["scalableDimension"].endswith(":DesiredCopyCount") for each in targets.values())
    steps = [
        each for each in stack.all("aws:appautoscaling/policy:Policy") if each.properties["policyType"] == "StepScaling"
    ]
    assert [each.name for each in steps] == ["triage-idle-from-zero"]
    [alarm] = [
        each.properties
        for each in stack.all("MetricAlarm")
        if each.properties.get("metricName") == "NoCapacityInvocationFailures"
    ]
    assert alarm["dimensions"] == {"InferenceComponentName": "triage-idle"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"memoryMb": 20000},
            r"components\[0\].memoryMb: 20000 is more than an instance of ml.m5.xlarge has \(16384\)",
        ),
        ({"cpus": 5}, r"components\[0\].cpus: 5 is more than an instance of ml.m5.xlarge has \(4\)"),
        ({"accelerators": 1}, r"components\[0\].accelerators: 1 is more than an instance of ml.m5.xlarge has \(0\)"),
        ({"memoryMb": 8000, "copies": {"max": 7}}, r"instances.max: 2 is too few: .* take 4 instances of ml.m5.xlarge"),
    ],
)
def test_copies_that_do_not_fit_are_refused(changes: dict[str, Any], told: str, archive: Path) -> None:
    entry = fleet(archive, component(archive, "main", **changes), instances={"max": 2})
    (read,) = settings(minimal(archive, endpoints=[entry])).endpoints
    with pytest.raises(SettingsError, match=told):
        check_fleet(0, read, XLARGE)


def test_copies_that_fit_are_taken_and_neuron_devices_are_sagemakers_to_count(archive: Path) -> None:
    fits = fleet(archive, component(archive, "main", memoryMb=8000, copies={"max": 4}), instances={"max": 2})
    neuron = fleet(archive, component(archive, "main", accelerators=2), instanceType="ml.inf2.8xlarge")
    for entry in (fits, neuron):
        (read,) = settings(minimal(archive, endpoints=[entry])).endpoints
        check_fleet(0, read, XLARGE)


def test_each_component_has_a_log_group_of_its_own_that_the_role_writes_into(stack: Recorded) -> None:
    (role,) = [each for each in stack.all("RolePolicy") if each.name == "triage"]
    (writing,) = [each for each in json.loads(role.properties["policy"])["Statement"] if each["Sid"] == "Logs"]
    groups = {each.outputs["name"]: each for each in stack.all("LogGroup") if "/aws/sagemaker/" in each.outputs["name"]}
    assert groups.keys() == {
        "/aws/sagemaker/Endpoints/triage",
        "/aws/sagemaker/InferenceComponents/triage-main",
        "/aws/sagemaker/InferenceComponents/triage-idle",
    }
    assert sorted(writing["Resource"]) == sorted(f"{each.outputs['arn']}:*" for each in groups.values())
    for each in groups.values():
        assert each.properties["kmsKeyId"] == stack.one("Key", "logs").outputs["arn"]
        assert each.properties["retentionInDays"] == 365


def test_a_cache_that_fills_up_is_counted_in_the_components_own_log(stack: Recorded) -> None:
    (counting,) = [each for each in stack.all("LogMetricFilter") if each.name.endswith("-kv-cache")]
    assert counting.properties["logGroupName"] == "/aws/sagemaker/InferenceComponents/triage-main"
    metric = counting.properties["metricTransformation"]["name"]
    (alarm,) = [each for each in stack.all("MetricAlarm") if each.properties.get("metricName") == metric]
    assert alarm.name == "triage-main-kv-cache"
