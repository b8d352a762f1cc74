"""A preview without an account."""

from pathlib import Path

import pytest
from pulumi.output import Unknown

from private_inference.runner.preview import PreviewEngine, PreviewError
from private_inference.runner.program import run_program
from tests.support.stacks import shipped


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


def test_before_a_deployment_there_is_nothing() -> None:
    assert PreviewEngine("us-east-1").invoke("aws:ec2/getSubnets:getSubnets", {})["ids"] == []


def test_an_unknown_lookup_is_an_error_that_names_it() -> None:
    with pytest.raises(PreviewError, match="getEverything"):
        PreviewEngine("us-east-1").invoke("aws:index/getEverything:getEverything", {})


def test_an_unknown_prefix_list_is_an_error() -> None:
    with pytest.raises(PreviewError, match=r"com\.amazonaws\.us-east-1\.glacier"):
        PreviewEngine("us-east-1").invoke(
            "aws:ec2/getPrefixList:getPrefixList", {"name": "com.amazonaws.us-east-1.glacier"}
        )
