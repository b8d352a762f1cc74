"""The zones of a stack that is there: they stay, and so do the blocks of their subnets."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.runner.program import run_program
from tests.support.recording import REGION, RecordingEngine, record, stack_config

STACK = {"owner": "ml-platform", "costCenter": "research"}


class LookingUp(RecordingEngine):
    """Records what is created, and looks up in an embedded AWS, where some zones are out."""

    def __init__(self, aws: EmbeddedAws, *lost: str) -> None:
        super().__init__()
        self._aws, self._out = MotoEngine(aws), lost

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._aws.invoke(token, args)
        if token == "aws:index/getAvailabilityZones:getAvailabilityZones":
            return {**answer, "names": [zone for zone in answer["names"] if zone not in self._out]}
        return answer


@pytest.fixture(scope="module")
def account() -> Iterator[EmbeddedAws]:
    """Where a stack was deployed on a day when its region's first zone was out."""
    with EmbeddedAws(REGION) as aws:
        first = MotoEngine(aws)
        looking = LookingUp(aws, f"{REGION}a")
        first.invoke = looking.invoke  # type: ignore[method-assign]
        run_program(stack_config(STACK), first)
        yield aws


def subnets(aws: EmbeddedAws, zones: object, *lost: str) -> dict[str, tuple[str, str]]:
    recorded = record(stack_config(STACK | {"network": {"zones": zones}}), LookingUp(aws, *lost))
    return {
        each.name: (each.properties["availabilityZone"], each.properties["cidrBlock"])
        for each in recorded.all("Subnet")
    }


def test_the_next_update_keeps_them_whatever_is_available_that_day(account: EmbeddedAws) -> None:
    found = account.client("ec2").describe_subnets(Filters=[{"Name": "tag:Stack", "Values": ["test"]}])["Subnets"]
    there = {(each["AvailabilityZone"], each["CidrBlock"]) for each in found}
    assert {zone for zone, _ in there} == {f"{REGION}b", f"{REGION}c"}
    assert set(subnets(account, 2).values()) == there
    assert set(subnets(account, 2, f"{REGION}b").values()) == there


def test_a_further_zone_leaves_them_as_they_are(account: EmbeddedAws) -> None:
    two, three = subnets(account, 2), subnets(account, 3)
    assert two.items() <= three.items()
    assert {zone for zone, _ in three.values()} == {f"{REGION}a", f"{REGION}b", f"{REGION}c"}


def test_a_zone_that_takes_the_place_of_another_gets_a_block_of_its_own(
    account: EmbeddedAws,
) -> None:
    """Its subnets are made before the other's go."""
    two, other = subnets(account, 2), subnets(account, [f"{REGION}c", f"{REGION}d"])
    assert not {block for _, block in two.values()} & {block for zone, block in other.values() if zone == f"{REGION}d"}
