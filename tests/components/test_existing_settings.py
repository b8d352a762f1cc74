"""What makes no sense beside a VPC that is there already is refused, by its key."""

from pathlib import Path
from typing import Any

import pytest

from components.settings import SettingsError
from tests.support.stacks import existing_vpc, minimal, settings

VPCE = "vpce-0a1b2c3d4e5f60718"


def refused(values: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(values)
    return [line.strip().removeprefix("private-inference:") for line in str(caught.value).splitlines()[1:]]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("cidr", "10.1.0.0/16", "'10.1.0.0/16' is the VPC's own, which is read from AWS; remove it."),
        ("zones", 3, "3 are those of the VPC's subnets, which are read from AWS; remove it."),
        ("deniedCidrs", ["203.0.113.0/24"], "('203.0.113.0/24',) would be rules of the network ACLs"),
        ("naclRuleQuota", 40, "40 is about network ACLs of the stack's own"),
        ("flows", [], "() are rules of network ACLs and of subnets that the stack makes"),
    ],
)
def test_what_belongs_to_a_vpc_of_the_stacks_own(key: str, value: object, said: str, archive: Path) -> None:
    (line,) = refused(minimal(archive, network=existing_vpc() | {key: value}))
    assert line.startswith(f"network.{key}: {said}")


def test_without_flow_logs_of_the_stacks_own_the_alarm_on_them_is_off_for_a_reason(archive: Path) -> None:
    network = existing_vpc()
    del network["rejectionAlarmOffBecause"]
    (line,) = refused(minimal(archive, network=network))
    assert line.startswith("network.rejectionAlarmOffBecause: 'nothing' is needed without flow logs of the stack's own")
    network["existing"]["flowLogs"] = True
    assert settings(minimal(archive, network=network)).network.existing


def test_a_subnet_is_of_one_tier(archive: Path) -> None:
    network = existing_vpc()
    network["existing"]["subnets"]["model"] = network["existing"]["subnets"]["app"]
    first, second = refused(minimal(archive, network=network))
    assert first.startswith("network.existing.subnets.model[0]: 'subnet-0a1b2c3d4e5f60a01' is of the app tier already")
    assert second.startswith("network.existing.subnets.model[1]: ")


def test_the_s3_gateway_is_the_stacks_or_the_vpcs(archive: Path) -> None:
    (neither,) = refused(minimal(archive, network=existing_vpc(routeTables=[])))
    assert neither.startswith("network.existing.routeTables: 'nothing' is needed: the S3 gateway endpoint adds a route")
    assert neither.endswith("or the VPC's own S3 gateway endpoint in s3Gateway.")
    (both,) = refused(minimal(archive, network=existing_vpc(s3Gateway=VPCE)))
    assert "get no route when the VPC's own S3 gateway endpoint is used" in both
    dynamodb = {"network": existing_vpc(s3Gateway=VPCE, routeTables=[]), "privateAccess": {"dynamodb": True}}
    (tables,) = refused(minimal(archive, **dynamodb))
    assert "is needed: the DynamoDB gateway endpoint adds a route to them" in tables


def test_an_endpoint_is_reused_for_a_service_that_the_stack_uses(archive: Path) -> None:
    (line,) = refused(minimal(archive, network=existing_vpc(interfaceEndpoints={"logs": VPCE})))
    assert line.startswith(f"network.existing.interfaceEndpoints.logs: '{VPCE}' is for a service that the stack")
    assert line.endswith("choose from sagemaker.runtime, or add logs to privateAccess.interfaceEndpoints.")
