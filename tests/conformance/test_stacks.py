"""The life of each stack under the real AWS provider: made, looked at, changed, destroyed.

The tests of a stack follow one another: each finds what the one before left, and what it plans shows whether that one
left something to do.
"""

import io
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from components import model_archive
from components.settings import Settings
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack
from private_inference.terraform.labels import label_of
from private_inference.terraform.terraform import TerraformError
from private_inference.verification import Verdict, verify
from private_inference.verification.deployed_contract import desired_of
from tests.conformance.conftest import Live
from tests.conformance.deployment import Actions, Deployment
from tests.conformance.inventory import inventory
from tests.conformance.scanner import unlisted
from tests.conformance.spelled_out import without_defaults
from tests.support.recording import ROOT

CREATE, UPDATE, DELETE, REPLACE, FORGET = "create", "update", "delete", "replace", "remove"


def test_boto3_finds_what_the_program_asked_for(live: Live) -> None:
    desired = desired_of(live.config, live.settings, live.deployment.outputs())
    checks = verify(desired, live.deployment.aws.client)
    assert [check for check in checks if check.verdict is not Verdict.OK] == []


def test_checkov_finds_nothing_in_the_plan(live: Live) -> None:
    assert unlisted("terraform_plan", live.planned) == set()


def test_a_second_plan_is_empty(live: Live) -> None:
    assert live.deployment.pending() == {}


def test_the_rehearsal_makes_the_same(live: Live) -> None:
    """Two mappings from program to AWS, of the rehearsal and of the real provider, lead to the same account."""
    with prepared_aws(live.settings) as aws:
        run_program(live.config, MotoEngine(aws))
        rehearsed = without_defaults(inventory(aws))
    assert rehearsed == without_defaults(inventory(live.deployment.aws))


def test_the_consumer_example(live: Live, tmp_path: Path) -> None:
    """An application team's own program, on the platform that Terraform made."""
    config = load_stack(ROOT / "examples" / "consumer", "dev")
    platform = f"organization/{live.config.project}/{live.config.stack}"
    config = replace(config, values={**config.values, f"{config.project}:platformStack": platform})
    before = inventory(live.deployment.aws)
    consumer = Deployment(tmp_path, live.deployment.aws)
    consumer.export(config)
    consumer.deploy()
    (function,) = inventory(live.deployment.aws)["function"].values()
    assert function["Configuration"]["FunctionName"] == consumer.outputs()["functionName"]
    assert consumer.pending() == {}
    consumer.deploy("-destroy")
    assert inventory(live.deployment.aws) == before


def test_a_new_artifact_renews_the_model_before_the_old_one_goes(live: Live, tmp_path: Path) -> None:
    endpoints = live.value("endpoints")
    name, old = endpoints[0]["name"], ROOT / endpoints[0]["model"]["artifact"]
    new = repacked(old, tmp_path / "model.tar.gz")
    endpoints[0]["model"]["artifact"] = str(new)
    live.change(endpoints=endpoints)
    label = label_of(name)
    still_used = any(endpoint["model"]["artifact"] != str(new) for endpoint in endpoints)
    gone = {} if still_used or live.settings.keep_artifacts else {object_address(old): DELETE}
    model, endpoint = f"aws_sagemaker_model.{label}", f"aws_sagemaker_endpoint.{label}"
    configuration = f"aws_sagemaker_endpoint_configuration.{label}"
    change = live.deployment.deploy()
    assert by_place(change.planned) == gone | {
        object_address(new): CREATE,
        model: REPLACE,
        configuration: REPLACE,
        endpoint: UPDATE,
    }
    said = [(event.kind, event.action, without_digest(event.address)) for event in change.events]
    order = [
        said.index(("apply_complete", "create", model)),
        said.index(("apply_complete", "create", configuration)),
        said.index(("apply_start", "update", endpoint)),
        said.index(("apply_complete", "update", endpoint)),
        said.index(("apply_start", "delete", configuration)),
        said.index(("apply_start", "delete", model)),
    ]
    assert order == sorted(order)


def test_a_larger_maximum_touches_the_scaling_target_and_its_alarm_only(live: Live) -> None:
    endpoints = live.value("endpoints")
    most = live.settings.endpoints[0].instances.max + 3
    endpoints[0]["instances"] = {**endpoints[0].get("instances", {}), "max": most}
    live.change(endpoints=endpoints)
    label = label_of(endpoints[0]["name"])
    assert live.deployment.deploy().planned == {
        f"aws_appautoscaling_target.{label}": UPDATE,
        f"aws_cloudwatch_metric_alarm.{label}_capacity": UPDATE,
    }


def test_an_endpoint_comes_and_goes_and_leaves_the_others_alone(live: Live) -> None:
    endpoints, name = live.value("endpoints"), "second-opinion"
    live.change(endpoints=[*endpoints, {**endpoints[0], "name": name}])
    assert by_place(live.deployment.deploy().planned) == of_endpoint(name, CREATE) | shared(live.settings)
    assert live.deployment.pending() == {}
    # Its log group is forgotten after it, and the group's key changed after that: one apply of both was a cycle.
    live.change(endpoints=endpoints, security={**live.value("security"), "keyRotationDays": 200})
    roles = {f"aws_iam_role.{label_of(name)}": DELETE, f"aws_iam_role_policy.{label_of(name)}_interfaces": DELETE}
    expected = {address: does for address, does in of_endpoint(name, DELETE).items() if address not in roles}
    expected |= dict.fromkeys(("aws_kms_key.data", "aws_kms_key.logs", "aws_kms_key.notifications"), UPDATE)
    kept = {f"aws_cloudwatch_log_group.{label_of(name)}"} if live.settings.protect_data else set()
    expected = {address: does for address, does in expected.items() if address not in kept} | shared(live.settings)
    assert by_place(live.deployment.deploy().planned) == expected
    wait_for_lingering_interfaces(live)
    live.change(endpoints=endpoints)
    assert live.deployment.deploy().planned == roles | dict.fromkeys(kept, FORGET)
    assert live.deployment.pending() == {}


def wait_for_lingering_interfaces(live: Live) -> None:
    """Look until SageMaker has removed the interfaces of what is gone, as the export's README says."""
    ec2, free = live.deployment.aws.client("ec2"), [{"Name": "status", "Values": ["available"]}]
    for _ in range(10):
        if not ec2.describe_network_interfaces(Filters=free)["NetworkInterfaces"]:
            return
    raise AssertionError("SageMaker's network interfaces stay")


def test_destroy_leaves_what_is_kept_on_purpose(live: Live) -> None:
    """Protected stacks refuse first. Then what the README beside the configuration says is done."""
    if live.settings.protect_data:
        with pytest.raises(TerraformError, match="prevent_destroy"):
            live.deployment.pending("-destroy")
        live.change(security={**live.value("security"), "unprotectedBecause": "the stack is to be destroyed"})
        assert live.deployment.pending() == {}
    retained = live.deployment.retained()
    if retained:
        live.deployment.terraform.run("state", "rm", *retained)
    live.deployment.deploy("-destroy")
    assert live.deployment.addresses() == []
    kept = {KEPT[kind] for address in retained if (kind := address.partition(".")[0]) in KEPT}
    if live.settings.keep_artifacts:
        kept |= {"log group"}  # of the endpoint that was removed while the stack was protected
    left = {kind for kind, found in inventory(live.deployment.aws).items() if found.keys() - live.before.get(kind, {})}
    assert left == kept


KEPT = {
    "aws_ecr_repository": "repository",
    "aws_kms_alias": "alias",
    "aws_kms_key": "key",
    "aws_s3_bucket": "bucket",
    "aws_s3_object": "object",
}
"""What may stay, as the inventory calls it. The other resources that stay are parts of these."""


def shared(settings: Settings) -> Actions:
    """What names all endpoints of a stack: dashboard, rules, the policy of the runtime endpoint, the trail of calls."""
    rules = ["endpoint_states", *(["calls"] if settings.logs_calls else [])]
    names = ["cloudwatch_dashboard.monitoring", "vpc_endpoint.sagemaker_runtime"]
    names += [f"cloudwatch_event_rule.{rule}" for rule in rules]
    names += ["cloudtrail.calls"] if settings.logs_calls else []
    return {f"aws_{name}": UPDATE for name in names}


def by_place(planned: Actions) -> Actions:
    """What was planned; a configuration of another content, which takes the place of the one before, replaces it."""
    found: Actions = {}
    for address, does in planned.items():
        place = without_digest(address)
        found[place] = REPLACE if {does, found.get(place, "")} == {CREATE, DELETE} else does
    return found


def without_digest(address: str) -> str:
    """The address of an endpoint configuration without the digest of its content; any other as it is."""
    return re.sub(r"(?<=^aws_sagemaker_endpoint_configuration\.)(.*)_[0-9a-f]{7}$", r"\1", address)


def of_endpoint(name: str, does: str) -> Actions:
    """All that one endpoint consists of."""
    label = label_of(name)
    kinds = (
        "appautoscaling_target", "cloudwatch_composite_alarm", "cloudwatch_log_group", "iam_policy", "iam_role",
        "iam_role_policy", "sagemaker_endpoint", "sagemaker_endpoint_configuration", "sagemaker_model", "ssm_parameter",
    )  # fmt: skip
    subjects = ("capacity", "client_errors", "cpu", "disk", "latency", "memory", "overhead", "server_errors")
    alarms = (f"cloudwatch_metric_alarm.{label}_{subject}" for subject in subjects)
    policies = (f"appautoscaling_policy.{label}_{subject}" for subject in ("cpu", "idle", "invocations"))
    parts = (*(f"{kind}.{label}" for kind in kinds), f"iam_role_policy.{label}_interfaces", *alarms, *policies)
    return {f"aws_{part}": does for part in parts}


def object_address(archive: Path) -> str:
    return f"aws_s3_object.model_{model_archive.digest(archive)[:12]}"


def repacked(archive: Path, target: Path) -> Path:
    """The same model in another archive."""
    with tarfile.open(archive) as old, tarfile.open(target, "w:gz") as new:
        for member in old.getmembers():
            new.addfile(member, old.extractfile(member))
        note = tarfile.TarInfo("trained-again.txt")
        new.addfile(note, io.BytesIO())
    return target
