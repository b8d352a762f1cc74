"""What hardware and settings of a start don't go together, by EC2's own facts."""

from pathlib import Path
from typing import Any

import pytest

from components.instance_checks import check_hosting
from components.settings import SettingsError, VariantSettings
from private_inference.runner.aws_facts import instance_types
from tests.support.stacks import endpoint, minimal, settings

GPU_AMI, NEURON_AMI = "al2023-ami-sagemaker-inference-gpu-4-1", "al2-ami-sagemaker-inference-neuron-2"


def variant(archive: Path, kind: str, hosting: dict[str, Any]) -> VariantSettings:
    entry = endpoint(archive, instanceType=kind, hosting=hosting)
    return settings(minimal(archive, endpoints=[entry])).endpoints[0].production_variants[0]


def check(archive: Path, kind: str, hosting: dict[str, Any]) -> None:
    facts = instance_types()[kind.removeprefix("ml.")]
    gpus = sum(each["Count"] for each in facts.get("GpuInfo", {}).get("Gpus", []))
    local = facts["InstanceStorageSupported"]
    check_hosting("endpoints[0].", variant(archive, kind, hosting), gpus=gpus, local_storage=local)


@pytest.mark.parametrize(
    ("kind", "hosting", "told"),
    [
        (
            "ml.g5.xlarge",
            {"volumeGb": 200},
            r"endpoints\[0\].hosting.volumeGb: 200 can't be had on ml.g5.xlarge, whose",
        ),
        ("ml.m5.large", {"amiVersion": GPU_AMI}, "is for GPUs, and ml.m5.large has none. Remove it."),
        ("ml.g5.xlarge", {"amiVersion": NEURON_AMI}, "for Inferentia2 and Trainium, and ml.g5.xlarge has neither"),
    ],
)
def test_what_does_not_go_together_is_refused(archive: Path, kind: str, hosting: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        check(archive, kind, hosting)


@pytest.mark.parametrize(
    ("kind", "hosting"),
    [
        ("ml.m5.large", {"volumeGb": 512, "startupSeconds": 3600, "downloadSeconds": 3600}),
        ("ml.g5.xlarge", {"amiVersion": GPU_AMI}),
        ("ml.inf2.xlarge", {"amiVersion": NEURON_AMI}),
    ],
)
def test_what_goes_together_is_taken(archive: Path, kind: str, hosting: dict[str, Any]) -> None:
    check(archive, kind, hosting)
