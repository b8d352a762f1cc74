"""The life of dev on a real engine: deployed, left alone, updated, destroyed.

The tests follow one another: each finds what the one before left.
"""

import json

import pytest

from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.handlers import HANDLERS
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, load_stack, settings_of
from private_inference.runner.resource import Run
from tests.conformance.inventory import Inventory, inventory
from tests.life.conftest import Live
from tests.support.recording import ROOT

pytestmark = pytest.mark.xdist_group("life")

CHANGES = {
    "owner": "another-team",
    "tags": json.dumps({"DataClass": "patient"}),
    "network": json.dumps({"deniedCidrs": ["203.0.113.0/24"]}),
    "security": json.dumps(
        {"keyRotationDays": 180, "logRetentionDays": 30, "unprotectedBecause": "development stacks come and go"}
    ),
    "artifacts": json.dumps(
        {"noncurrentDays": 7, "untaggedImageDays": 3, "deletedOnDestroyBecause": "development stacks leave nothing"}
    ),
    "privateAccess": json.dumps({"interfaceEndpoints": ["kms"], "dynamodb": True}),
}


def rehearsed(config: StackConfig) -> tuple[Run, Inventory]:
    """What the rehearsal makes of a configuration, in an account of its own."""
    with prepared_aws(settings_of(config)) as aws:
        return run_program(config, MotoEngine(aws)), inventory(aws)


def test_the_first_deployment_leaves_what_the_rehearsal_leaves(live: Live) -> None:
    run, found = rehearsed(live.config)
    made = {(each.type, each.name) for each in run.all_resources if not each.type.startswith("pulumi:")}
    assert set(live.resources()) == made
    assert inventory(live.aws) == found


def test_a_second_preview_changes_nothing(live: Live) -> None:
    assert set(live.deployment.preview(live.config)) == {"same"}


def test_an_update_leads_where_a_first_deployment_would(live: Live) -> None:
    """boto3 finds each changed setting, and each tag, in the account: as if it had been there from the start."""
    config = live.changed({**CHANGES, "endpoints": endpoints(live.config)})
    ids = {key: each["id"] for key, each in live.resources().items() if each["custom"]}
    live.up(config)
    _, found = rehearsed(config)
    assert inventory(live.aws) == found
    after = live.resources()
    taggable = {key for key in ids if HANDLERS[key[0]].taggable}
    assert {key for key in taggable if after[key]["outputs"]["tagsAll"].get("Owner") != "another-team"} == set()
    assert {key for key in ids if after[key]["id"] != ids[key]} == set()


def test_the_way_back_takes_away_what_was_added(live: Live) -> None:
    config = load_stack(ROOT, "dev")
    live.up(config)
    _, found = rehearsed(config)
    assert inventory(live.aws) == found


def endpoints(config: StackConfig) -> str:
    """The endpoints with other numbers for scaling and alarms."""
    (only,) = json.loads(config.values[f"{config.project}:endpoints"])
    changes = {
        "instances": {"min": 2, "max": 7},
        "scaling": {"invocationsPerInstance": 900, "cpuPercent": 50, "scaleInCooldown": 600},
        "alarms": {"latencyMs": 250, "serverErrors": 3, "cpuPercent": 80},
    }
    return json.dumps([{**only, **changes}])


def test_a_destroy_leaves_the_account_as_it_was(live: Live) -> None:
    live.deployment.destroy(live.config)
    assert inventory(live.aws) == live.before
