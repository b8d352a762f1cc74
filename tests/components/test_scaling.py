"""Scaling: between which numbers, and when."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.scaling import VariantScaling, VariantScalingArgs
from components.variant import VariantArgs
from tests.support.recording import Recorded, record_part
from tests.support.stacks import endpoint, minimal, settings


def scaling(archive: Path, *, vcpus: int = 2, **changes: Mapping[str, Any]) -> Recorded:
    (entry,) = settings(minimal(archive, endpoints=[endpoint(archive, **changes)])).endpoints

    def program() -> None:
        variant = VariantArgs(endpoint=entry.name, settings=entry.production_variants[0], vcpus=vcpus, gpus=0)
        VariantScaling("triage", VariantScalingArgs(variant=variant, endpoint_name="triage"))

    return record_part(program)


@pytest.fixture(scope="module")
def default(archive: Path) -> Recorded:
    return scaling(archive)


def tracking(recorded: Recorded, name: str) -> dict[str, Any]:
    policy = recorded.one("Policy", name).properties
    assert policy["policyType"] == "TargetTrackingScaling"
    return dict(policy["targetTrackingScalingPolicyConfiguration"])


def test_the_target_is_the_instance_count_of_the_variant(default: Recorded) -> None:
    target = default.one("Target").properties
    assert target["serviceNamespace"] == "sagemaker"
    assert target["scalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert target["resourceId"] == "endpoint/triage/variant/AllTraffic"


def test_two_to_ten_instances_serve_unless_the_stack_says_otherwise(default: Recorded, archive: Path) -> None:
    target = default.one("Target").properties
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 10)
    target = scaling(archive, instances={"min": 3, "max": 4}).one("Target").properties
    assert (target["minCapacity"], target["maxCapacity"]) == (3, 4)


def test_all_policies_are_about_the_registered_target(default: Recorded) -> None:
    target = default.one("Target")
    for policy in default.all("Policy"):
        assert target.urn in policy.dependencies
        for key in ("serviceNamespace", "scalableDimension", "resourceId"):
            assert policy.properties[key] == target.properties[key]


def test_instances_follow_the_invocations_of_one_instance(archive: Path) -> None:
    configuration = tracking(scaling(archive, scaling={"invocationsPerInstance": 900}), "triage-invocations")
    assert configuration["targetValue"] == 900
    metric = {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    assert configuration["predefinedMetricSpecification"] == metric
    assert configuration["disableScaleIn"] is True
    assert "customizedMetricSpecification" not in configuration


def test_instances_go_by_the_same_metric_with_zeros_where_nobody_calls(archive: Path) -> None:
    recorded = scaling(archive, scaling={"invocationsPerInstance": 900})
    configuration = tracking(recorded, "triage-idle")
    assert configuration["targetValue"] == 900
    assert "disableScaleIn" not in configuration
    raw, filled = configuration["customizedMetricSpecification"]["metrics"]
    assert raw["metricStat"] == {
        "stat": "Sum",
        "metric": {
            "namespace": "AWS/SageMaker",
            "metricName": "InvocationsPerInstance",
            "dimensions": [
                {"name": "EndpointName", "value": "triage"},
                {"name": "VariantName", "value": "AllTraffic"},
            ],
        },
    }
    assert (raw["returnData"], filled["returnData"]) == (False, True)


def test_instances_may_follow_the_requests_at_once(archive: Path) -> None:
    recorded = scaling(archive, scaling={"concurrentRequestsPerInstance": 8})
    configuration, idle = tracking(recorded, "triage-concurrency"), tracking(recorded, "triage-idle")
    metric = {"predefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"}
    assert configuration["predefinedMetricSpecification"] == metric
    assert (configuration["targetValue"], configuration["disableScaleIn"]) == (8, True)
    raw, filled = idle["customizedMetricSpecification"]["metrics"]
    assert raw["metricStat"]["metric"]["metricName"] == "ConcurrentRequestsPerModel"
    assert (idle["targetValue"], filled["expression"]) == (8, "FILL(concurrency, 0)")
    assert "triage-invocations" not in {policy.name for policy in recorded.all("Policy")}


@pytest.mark.parametrize(("vcpus", "target"), [(1, 50), (2, 100), (4, 200), (96, 4800)])
def test_the_cpu_target_is_percent_times_vcpus(vcpus: int, target: float, archive: Path) -> None:
    assert tracking(scaling(archive, vcpus=vcpus, scaling={"cpuPercent": 50}), "triage-cpu")["targetValue"] == target


def test_instances_follow_the_cpu_of_the_variant(default: Recorded) -> None:
    configuration = tracking(default, "triage-cpu")
    assert configuration["customizedMetricSpecification"] == {
        "namespace": "/aws/sagemaker/Endpoints",
        "metricName": "CPUUtilization",
        "statistic": "Average",
        "unit": "Percent",
        "dimensions": [
            {"name": "EndpointName", "value": "triage"},
            {"name": "VariantName", "value": "AllTraffic"},
        ],
    }
    assert "predefinedMetricSpecification" not in configuration


def test_cooldowns_are_those_of_the_settings(archive: Path) -> None:
    recorded = scaling(archive, scaling={"scaleOutCooldown": 60, "scaleInCooldown": 900})
    for name in ("triage-invocations", "triage-idle", "triage-cpu"):
        configuration = tracking(recorded, name)
        assert (configuration["scaleOutCooldown"], configuration["scaleInCooldown"]) == (60, 900)
