"""A network is watched while it changes: a path of a deployed stack that opens or closes for a moment is told."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from components.settings import Settings
from private_inference.life.paths import Paths
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from tests.support.recording import ROOT

OPEN = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
"""A rule of a security group that lets every workload of the VPC in."""


@pytest.fixture(scope="module")
def dev() -> Settings:
    return settings_of(load_stack(ROOT, "dev"))


@pytest.fixture(scope="module")
def aws(dev: Settings) -> Iterator[EmbeddedAws]:
    with prepared_aws(dev) as embedded:
        run_program(load_stack(ROOT, "dev"), MotoEngine(embedded))
        yield embedded


@pytest.fixture
def watched(aws: EmbeddedAws, dev: Settings) -> Paths:
    """The stack after its first deployment, which was as it should be."""
    paths = Paths(aws)
    paths.intend(dev)
    paths.deployed()
    assert list(paths.judge()) == []
    return paths


def group(aws: EmbeddedAws, tier: str) -> str:
    named = [{"Name": "tag:Name", "Values": [f"*-{tier}"]}]
    (found,) = aws.client("ec2").describe_security_groups(Filters=named)["SecurityGroups"]
    return str(found["GroupId"])


def for_a_moment(paths: Paths, change: Callable[[], Any], back: Callable[[], Any]) -> list[tuple[str, str]]:
    change()
    paths.after("the change")
    back()
    paths.after("the way back")
    return list(paths.judge())


def test_a_path_that_is_gone_for_a_moment_is_told_with_the_call(aws: EmbeddedAws, watched: Paths) -> None:
    ec2, access = aws.client("ec2"), group(aws, "access")
    rules = ec2.describe_security_groups(GroupIds=[access])["SecurityGroups"][0]["IpPermissions"]
    ((call, wrong),) = for_a_moment(
        watched,
        lambda: ec2.revoke_security_group_ingress(GroupId=access, IpPermissions=rules),
        lambda: ec2.authorize_security_group_ingress(GroupId=access, IpPermissions=rules),
    )
    assert call == "the change"
    assert wrong.startswith("missing: clients → runtime endpoint, tcp 443")


def test_a_path_that_is_open_for_a_moment_is_told_with_the_call(aws: EmbeddedAws, watched: Paths) -> None:
    ec2, access = aws.client("ec2"), group(aws, "access")
    told = for_a_moment(
        watched,
        lambda: ec2.authorize_security_group_ingress(GroupId=access, IpPermissions=[OPEN]),
        lambda: ec2.revoke_security_group_ingress(GroupId=access, IpPermissions=[OPEN]),
    )
    assert {call for call, _ in told} == {"the change"}
    assert any(wrong.startswith("surplus: unlisted in app → runtime endpoint") for _, wrong in told)


def test_what_is_still_wrong_when_the_next_deployment_is_done_is_told(
    aws: EmbeddedAws, watched: Paths, dev: Settings
) -> None:
    ec2, access = aws.client("ec2"), group(aws, "access")
    ec2.authorize_security_group_ingress(GroupId=access, IpPermissions=[OPEN])
    watched.intend(dev)
    watched.deployed()
    told = list(watched.judge())
    ec2.revoke_security_group_ingress(GroupId=access, IpPermissions=[OPEN])
    assert {call for call, _ in told} == {"the end of the step"}
    assert any(wrong.startswith("surplus: unlisted in app → runtime endpoint") for _, wrong in told)
