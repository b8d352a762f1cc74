"""What a shadow has, and what it leaves alone: the contract, the updates, and the callers of the model that answers."""

import json
from pathlib import Path

import pytest

from tests.components.test_contract import checked
from tests.components.test_shadow_settings import shadowed
from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal, model


@pytest.fixture(scope="module")
def stack(archive: Path) -> Recorded:
    elsewhere = model(archive, artifact="s3://models-of-others/shadow/model.tar.gz")
    return record(stack_config(shadowed(archive, of={"model": elsewhere, "percent": 25, "instances": {"min": 2}})))


def test_it_is_beside_the_variant_that_answers(stack: Recorded) -> None:
    configuration = stack.one("EndpointConfiguration").properties
    (serving,), (beside,) = configuration["productionVariants"], configuration["shadowProductionVariants"]
    assert (serving["variantName"], serving["initialVariantWeight"]) == ("AllTraffic", 1)
    assert (beside["variantName"], beside["initialVariantWeight"]) == ("shadow", 0.25)
    assert (beside["instanceType"], beside["initialInstanceCount"]) == ("ml.c5.xlarge", 2)
    assert beside["modelName"] == stack.one("Model", "triage-shadow").outputs["name"]


def test_the_endpoints_role_and_the_gateway_let_its_artifact_be_read(stack: Recorded) -> None:
    artifact = "arn:aws:s3:::models-of-others/shadow/model.tar.gz"
    for kind, name in (("RolePolicy", "triage"), ("VpcEndpoint", "s3")):
        statements = json.loads(stack.one(kind, name).properties["policy"])["Statement"]
        assert any(artifact in each["Resource"] for each in statements if "s3:GetObject" in each["Action"])


def test_its_alarms_notify_and_roll_no_update_back(stack: Recorded) -> None:
    own = {each.outputs["name"] for each in stack.all("MetricAlarm") if each.name.startswith("triage-shadow-")}
    notifying = [each for each in stack.all("MetricAlarm") if each.outputs["name"] in own]
    assert all(each.properties["alarmActions"] for each in notifying)
    deployment = stack.one("Endpoint").properties["deploymentConfig"]
    rolling_back = {each["alarmName"] for each in deployment["autoRollbackConfiguration"]["alarms"]}
    assert len(rolling_back) == 2
    assert not rolling_back & own


def test_it_is_on_scaling_only_where_it_has_a_maximum(stack: Recorded, archive: Path) -> None:
    assert [each.name for each in stack.all("Target")] == ["triage"]
    scaled = record(stack_config(shadowed(archive, of={"instances": {"max": 3}})))
    target = scaled.one("Target", "triage-shadow").properties
    assert target["resourceId"] == "endpoint/triage/variant/shadow"
    assert (target["minCapacity"], target["maxCapacity"]) == (1, 3)


def test_callers_learn_nothing_of_it(stack: Recorded, archive: Path) -> None:
    plain = record(stack_config(minimal(archive, endpoints=[endpoint(archive)])))
    assert checked(stack.outputs).endpoints["triage"].variants == ("AllTraffic",)
    policies = [json.loads(each.one("Policy", "triage").properties["policy"]) for each in (stack, plain)]
    assert [len(each["Statement"]) for each in policies] == [1, 1]
    assert "shadow" not in json.dumps(policies)


def test_the_dashboard_shows_it_beside_the_other(stack: Recorded) -> None:
    widgets = json.loads(stack.one("Dashboard").properties["dashboardBody"])["widgets"]
    titles = [each["properties"]["title"] for each in widgets]
    assert {"triage: Invocations", "triage-shadow: Invocations"} <= set(titles)
