"""A preview without an account."""

from pathlib import Path

import pytest
from pulumi.output import Unknown

from private_inference.runner.preview import PreviewEngine, PreviewError, children
from private_inference.runner.program import Resource, run_program
from tests.support.recording import stack_config
from tests.support.stacks import minimal, shipped

COMPONENT = Resource(
    "urn:pulumi:test::p::awsx:ecr:Repository::Images",
    "awsx:ecr:Repository",
    "Images",
    "",
    True,
    {"imageTagMutability": "IMMUTABLE", "encryptionConfigurations": [{"encryptionType": "KMS"}]},
    (),
    {"encryptionConfigurations": ["urn:pulumi:test::p::aws:kms/key:Key::data"]},
)


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_shipped_stacks_can_be_previewed(stack: str, archive: Path) -> None:
    run = run_program(shipped(stack, archive), PreviewEngine("us-east-1"), preview=True)
    assert any(resource.type == "aws:sagemaker/endpoint:Endpoint" for resource in run.resources)
    assert all(resource.id is None for resource in run.resources)
    assert isinstance(run.outputs["vpcId"], Unknown)


@pytest.mark.parametrize(
    ("region", "partition", "suffix"),
    [
        ("eu-central-1", "aws", "amazonaws.com"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
    ],
)
def test_lookups_know_the_region(region: str, partition: str, suffix: str) -> None:
    engine = PreviewEngine(region)
    found = engine.invoke("aws:index/getPartition:getPartition", {})
    assert (found["partition"], found["dnsSuffix"]) == (partition, suffix)
    zones = engine.invoke("aws:index/getAvailabilityZones:getAvailabilityZones", {})["names"]
    assert all(zone.startswith(region) for zone in zones)


def test_facts_about_instance_types() -> None:
    engine = PreviewEngine("us-east-1")
    plain = engine.invoke("aws:ec2/getInstanceType:getInstanceType", {"instanceType": "m5.large"})
    local = engine.invoke("aws:ec2/getInstanceType:getInstanceType", {"instanceType": "m5d.large"})
    burst = engine.invoke("aws:ec2/getInstanceType:getInstanceType", {"instanceType": "t2.medium"})
    assert (plain["defaultVcpus"], plain["instanceStorageSupported"]) == (2, False)
    assert local["instanceStorageSupported"]
    assert burst["burstablePerformanceSupported"]
    with pytest.raises(PreviewError, match=r"m5\.enormous"):
        engine.invoke("aws:ec2/getInstanceType:getInstanceType", {"instanceType": "m5.enormous"})


def test_an_unknown_lookup_is_an_error_that_names_it() -> None:
    with pytest.raises(PreviewError, match="getEverything"):
        PreviewEngine("us-east-1").invoke("aws:index/getEverything:getEverything", {})


def test_an_unknown_prefix_list_is_an_error() -> None:
    with pytest.raises(PreviewError, match=r"com\.amazonaws\.us-east-1\.glacier"):
        PreviewEngine("us-east-1").invoke(
            "aws:ec2/getPrefixList:getPrefixList", {"name": "com.amazonaws.us-east-1.glacier"}
        )


def test_a_remote_component_is_made_of_what_awsx_makes() -> None:
    repository, lifecycle = children(COMPONENT)
    assert (repository.type, repository.name) == ("aws:ecr/repository:Repository", "images")
    assert repository.urn == "urn:pulumi:test::p::awsx:ecr:Repository$aws:ecr/repository:Repository::images"
    assert repository.properties == COMPONENT.properties
    assert repository.property_dependencies == COMPONENT.property_dependencies
    assert lifecycle.type == "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    assert lifecycle.property_dependencies["repository"] == [repository.urn]


def test_other_resources_are_made_of_nothing_else(archive: Path) -> None:
    engine = PreviewEngine("us-east-1")
    run = run_program(stack_config(minimal(archive)), engine, preview=True)
    assert {resource.parent for resource in engine.inner} == {
        resource.urn for resource in run.resources if resource.type.startswith("awsx:")
    }
