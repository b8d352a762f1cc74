"""An endpoint: a model in the model subnets, isolated, encrypted, logged, and called by name."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.artifacts import Artifact
from components.container_logs import ContainerLogs
from components.execution_role import ExecutionRole, ExecutionRoleArgs
from components.images import ServingImage
from components.inference import InferenceEndpoint, InferenceEndpointArgs
from components.live_endpoints import NOT_DEPLOYED, LiveEndpoint, LiveVariant
from components.model_containers import ServedContainer
from components.production_variant import ServedVariant
from components.safeguards import Safeguards
from components.served_models import Reads
from components.variant import VariantArgs
from tests.support.recording import Recorded, record_part
from tests.support.stacks import HERE, endpoint, minimal, model, settings, variant

DATA_KEY, LOGS_KEY = HERE.arn("kms", "key/data"), HERE.arn("kms", "key/logs")
TOPIC = HERE.arn("sns", "alarms")
IMAGE = f"{HERE.id}.dkr.ecr.{HERE.region}.amazonaws.com/serving:1"


def inference(
    archive: Path, *, protect: bool = True, live: LiveEndpoint = NOT_DEPLOYED, preview: bool = False, **changes: Any
) -> Recorded:
    given = {"name": "triage", **changes} if "variants" in changes else endpoint(archive, **changes)
    (entry,) = settings(minimal(archive, endpoints=[given])).endpoints

    def program() -> None:
        gateway = aws.ec2.VpcEndpoint("gateway", vpc_id="vpc-1", service_name="com.amazonaws.us-east-1.s3")
        role = ExecutionRole(
            "triage",
            ExecutionRoleArgs(
                endpoint_name="triage", account=HERE, iam_path="/stack/", vpc_id="vpc-1", unscoped_interfaces=False
            ),
        )
        InferenceEndpoint(
            "triage",
            InferenceEndpointArgs(
                settings=entry,
                account=HERE,
                iam_path="/stack/",
                execution_role=role,
                variants=[
                    ServedVariant(
                        variant=VariantArgs(endpoint=entry.name, settings=each, vcpus=4, gpus=0),
                        containers=[
                            ServedContainer(
                                settings=container,
                                artifact=Artifact(
                                    uri=pulumi.Output.from_input("s3://models/triage"),
                                    content="triage",
                                    readable=pulumi.Output.from_input("arn:aws:s3:::models/triage"),
                                ),
                                image=ServingImage(IMAGE, HERE.arn("ecr", "repository/serving")),
                            )
                            for container in each.model.served
                        ],
                    )
                    for each in entry.production_variants
                ],
                reads=Reads(
                    artifacts=["arn:aws:s3:::models/old", "arn:aws:s3:::models/triage"],
                    keys=[HERE.arn("kms", "key/old"), HERE.arn("kms", "key/new")],
                    repositories=[HERE.arn("ecr", "repository/old"), HERE.arn("ecr", "repository/serving")],
                ),
                subnet_ids=["subnet-a", "subnet-b"],
                zones=["us-east-1a", "us-east-1b"],
                security_group_id="sg-model",
                unscoped_interfaces=False,
                artifact_dependencies=[gateway],
                runtime_endpoint_id="vpce-runtime",
                vpc_id="vpc-own",
                data_key_arn=DATA_KEY,
                logs=ContainerLogs(key_arn=LOGS_KEY, days=365, topic_arn=TOPIC, protect=protect),
                topic_arn=TOPIC,
                live=live,
                safeguards=Safeguards(HERE.region),
            ),
        )

    return record_part(program, preview=preview)


@pytest.fixture(scope="module")
def default(archive: Path) -> Recorded:
    return inference(archive)


def test_the_model_lives_in_the_model_subnets_and_group(default: Recorded) -> None:
    configuration = default.one("Model").properties["vpcConfig"]
    assert configuration == {"subnets": ["subnet-a", "subnet-b"], "securityGroupIds": ["sg-model"]}


def test_the_model_is_its_image_and_artifact(default: Recorded) -> None:
    container = default.one("Model").properties["primaryContainer"]
    assert container == {"image": IMAGE, "modelDataUrl": "s3://models/triage"}


def test_the_container_gets_its_environment(archive: Path) -> None:
    recorded = inference(archive, model=model(archive, environment={"LEVEL": "debug"}))
    assert recorded.one("Model").properties["primaryContainer"]["environment"] == {"LEVEL": "debug"}


def test_network_isolation_is_off_only_with_a_reason(default: Recorded, archive: Path) -> None:
    assert default.one("Model").properties["enableNetworkIsolation"] is True
    loose = inference(archive, model=model(archive, networkIsolationOffBecause="it writes metrics of its own"))
    assert loose.one("Model").properties["enableNetworkIsolation"] is False


def test_the_model_waits_for_its_roles_permissions(default: Recorded) -> None:
    role, permissions = default.one("Role"), default.one("RolePolicy", "triage")
    assert default.one("Model").properties["executionRoleArn"] == role.outputs["arn"]
    assert permissions.properties["role"] == role.id
    assert permissions.urn in default.one("Model").dependencies


def test_the_role_reaches_what_serves_and_what_will_serve(default: Recorded) -> None:
    policy = json.loads(default.one("RolePolicy", "triage").properties["policy"])
    resources = {statement["Sid"]: statement["Resource"] for statement in policy["Statement"]}
    assert resources["Artifact"] == ["arn:aws:s3:::models/old", "arn:aws:s3:::models/triage"]
    assert resources["Keys"] == [DATA_KEY, HERE.arn("kms", "key/old"), HERE.arn("kms", "key/new")]
    assert resources["Image"] == [HERE.arn("ecr", "repository/old"), HERE.arn("ecr", "repository/serving")]


def test_the_configuration_is_auto_named_and_made_before_the_old_one_goes(default: Recorded) -> None:
    configuration = default.one("EndpointConfiguration")
    assert not {"name", "namePrefix"} & configuration.properties.keys()
    assert not configuration.delete_before_replace
    assert default.one("Endpoint").properties["endpointConfigName"] == configuration.outputs["name"]


def _generation(recorded: Recorded) -> str:
    """The name of the configuration's resource, to which Pulumi adds a suffix in AWS."""
    return recorded.one("EndpointConfiguration").name


def _instances(recorded: Recorded) -> int:
    (only,) = recorded.one("EndpointConfiguration").properties["productionVariants"]
    return int(only["initialInstanceCount"])


def _serves(configuration: str, initial: int, instances: int) -> LiveEndpoint:
    serving = LiveVariant(initial_instances=initial, instances=instances)
    return replace(NOT_DEPLOYED, configuration=configuration, variants={"AllTraffic": serving})


@pytest.mark.parametrize(
    "change",
    [
        {"instanceType": "ml.m5.xlarge"},
        {"instances": {"min": 2, "initial": 3}},
        {"volumeKeyOffBecause": "the instance storage is encrypted by its hardware"},
    ],
    ids=str,
)
def test_another_content_is_another_configuration(default: Recorded, archive: Path, change: dict[str, Any]) -> None:
    assert _generation(inference(archive, **change)) != _generation(default)


def test_the_same_content_is_the_same_configuration(default: Recorded, archive: Path) -> None:
    watched = inference(archive, alarms={"latencyMs": 10}, scaling={"cpuPercent": 30})
    assert _generation(watched) == _generation(default)


def test_a_new_configuration_starts_with_the_instances_that_serve(default: Recorded, archive: Path) -> None:
    live = _serves(f"{_generation(default)}-1234567", 2, 7)
    changed = inference(archive, live=live, instanceType="ml.m5.xlarge")
    assert _instances(changed) == 7
    fewer = inference(archive, live=_serves(live.configuration, 2, 1), instanceType="ml.m5.xlarge")
    assert _instances(fewer) == 2


def test_scaling_makes_no_new_configuration(default: Recorded, archive: Path) -> None:
    scaled = inference(archive, live=_serves(f"{_generation(default)}-1234567", 2, 7))
    assert (_generation(scaled), _instances(scaled)) == (_generation(default), 2)
    # The one that an update with seven instances made stays, whatever scaling does afterwards.
    seven = inference(archive, live=_serves("other-1234567", 2, 7))
    settled = inference(archive, live=_serves(f"{_generation(seven)}-1234567", 7, 4))
    assert (_generation(settled), _instances(settled)) == (_generation(seven), 7)


def test_the_names_of_configurations_fit_into_63_characters(archive: Path) -> None:
    assert len(_generation(inference(archive, name="a" * 55)) + "-1234567") <= 63


def test_the_configuration_names_its_one_variant_all_traffic(default: Recorded) -> None:
    (only,) = default.one("EndpointConfiguration").properties["productionVariants"]
    assert only["variantName"] == "AllTraffic"
    assert only["modelName"] == default.one("Model").outputs["name"]
    assert only["instanceType"] == "ml.m5.large"


def test_volumes_take_the_customer_key_unless_a_reason_says_why_not(default: Recorded, archive: Path) -> None:
    assert default.one("EndpointConfiguration").properties["kmsKeyArn"] == DATA_KEY
    local = inference(archive, volumeKeyOffBecause="the instance storage is encrypted by its hardware")
    assert "kmsKeyArn" not in local.one("EndpointConfiguration").properties


def test_an_endpoint_starts_with_its_least_instances_unless_told_otherwise(default: Recorded, archive: Path) -> None:
    for recorded, count in ((default, 2), (inference(archive, instances={"min": 2, "initial": 5}), 5)):
        (only,) = recorded.one("EndpointConfiguration").properties["productionVariants"]
        assert only["initialInstanceCount"] == count


def test_callers_know_the_endpoint_by_the_name_in_the_settings(archive: Path) -> None:
    assert inference(archive, name="credit-risk").one("Endpoint").properties["name"] == "credit-risk"


def test_the_endpoint_waits_for_the_ways_of_its_artifact_and_for_its_log_group(default: Recorded) -> None:
    waited_for = default.one("Endpoint").dependencies
    for resource in (default.one("VpcEndpoint"), default.one("LogGroup"), default.one("RolePolicy", "triage")):
        assert resource.urn in waited_for


def test_logs_are_where_sagemaker_writes_them_encrypted_and_kept_a_year(default: Recorded, archive: Path) -> None:
    group = default.one("LogGroup")
    assert group.properties["name"] == "/aws/sagemaker/Endpoints/triage"
    assert group.properties["kmsKeyId"] == LOGS_KEY
    assert group.properties["retentionInDays"] == 365
    assert group.protect
    assert not inference(archive, protect=False).one("LogGroup").protect


def test_scaling_is_registered_once_the_endpoint_exists(default: Recorded) -> None:
    target = default.one("Target")
    assert target.properties["resourceId"] == "endpoint/triage/variant/AllTraffic"
    assert default.one("Endpoint").urn in default.depends_on(target)


def test_cpu_targets_and_alarms_know_the_instances_vcpus(default: Recorded) -> None:
    policy = default.one("aws:appautoscaling/policy:Policy", "triage-cpu").properties
    assert policy["targetTrackingScalingPolicyConfiguration"]["targetValue"] == 60 * 4
    assert default.one("MetricAlarm", "triage-cpu").properties["threshold"] == 90 * 4


def test_alarms_tell_the_topic(default: Recorded) -> None:
    assert {tuple(alarm.properties["alarmActions"]) for alarm in default.all("MetricAlarm")} == {(TOPIC,)}


def test_roles_and_policies_lie_under_the_stacks_path(default: Recorded) -> None:
    assert default.one("Role").properties["path"] == "/stack/"
    assert default.one("aws:iam/policy:Policy").properties["path"] == "/stack/"


def test_a_preview_says_that_another_instance_type_interrupts_scaling(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda message, resource: told.append(message))
    live = replace(NOT_DEPLOYED, variants={"AllTraffic": LiveVariant(instance_type="ml.m5.large")})
    inference(archive, live=live, preview=True)
    inference(archive, live=live, instanceType="ml.m5.xlarge")  # no preview: the hook says it
    inference(archive, preview=True, instanceType="ml.m5.xlarge")  # the first deployment
    assert told == []
    inference(archive, live=live, preview=True, instanceType="ml.m5.xlarge")
    (message,) = told
    assert message.startswith("triage is taken off scaling")
    assert "ml.m5.large to ml.m5.xlarge" in message


def test_an_endpoint_is_replaced_only_where_its_creation_failed(default: Recorded, archive: Path) -> None:
    """SageMaker can only delete one that failed; after a failed update, the old configuration serves."""
    failed = inference(archive, live=replace(NOT_DEPLOYED, failed=True))
    assert failed.one("Endpoint").delete_before_replace
    assert not default.one("Endpoint").delete_before_replace


# Several variants


def two(archive: Path, **canary: Any) -> list[dict[str, Any]]:
    return [variant(archive, "canary", weight=1, **canary), variant(archive, "AllTraffic", weight=9)]


@pytest.fixture(scope="module")
def several(archive: Path) -> Recorded:
    return inference(archive, variants=two(archive, instanceType="ml.c5.xlarge", alarms={"latencyMs": 5}))


def test_a_variant_that_comes_leaves_the_resources_of_the_first_as_they_are(
    default: Recorded, several: Recorded
) -> None:
    """A scaling target under another name would be registered anew, and then taken off with the old name."""
    first = {each.urn: each.properties for each in default.resources}
    same = {each.urn: each.properties for each in several.resources if each.urn in first}
    changed = {urn.rpartition("::")[2] for urn in first if same.get(urn) != first[urn]}
    generation = default.one("EndpointConfiguration").name
    assert changed == {generation, "triage"}
    changed_types = {urn.rpartition("$")[2].partition("::")[0] for urn in first if same.get(urn) != first[urn]}
    assert changed_types == {
        "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
        "aws:sagemaker/endpoint:Endpoint",
        "aws:iam/rolePolicy:RolePolicy",
    }


def test_each_variant_has_its_model_instances_and_weight(several: Recorded) -> None:
    first, canary = several.one("EndpointConfiguration").properties["productionVariants"]
    assert (first["variantName"], first["modelName"]) == ("AllTraffic", several.one("Model", "triage").outputs["name"])
    assert (first["instanceType"], first["initialVariantWeight"]) == ("ml.m5.large", 9)
    assert canary["variantName"] == "canary"
    assert canary["modelName"] == several.one("Model", "triage-canary").outputs["name"]
    assert (canary["instanceType"], canary["initialVariantWeight"]) == ("ml.c5.xlarge", 1)


def test_one_variant_has_no_weight(default: Recorded) -> None:
    """A configuration with one would be another one, and replace what every deployed stack serves."""
    (only,) = default.one("EndpointConfiguration").properties["productionVariants"]
    assert "initialVariantWeight" not in only


def test_each_variant_is_scaled_and_watched(several: Recorded) -> None:
    assert {target.name: target.properties["resourceId"] for target in several.all("Target")} == {
        "triage": "endpoint/triage/variant/AllTraffic",
        "triage-canary": "endpoint/triage/variant/canary",
    }
    latency = several.one("MetricAlarm", "triage-canary-latency").properties
    assert latency["dimensions"] == {"EndpointName": "triage", "VariantName": "canary"}
    assert latency["threshold"] == 5000
    names = {alarm.properties["alarmName"] for alarm in several.all("CompositeAlarm")}
    assert names == {"triage-any", "triage-canary-any"}


def test_the_alarms_of_all_variants_roll_an_update_back(several: Recorded) -> None:
    rolled = several.one("Endpoint").properties["deploymentConfig"]["autoRollbackConfiguration"]["alarms"]
    names = {alarm["alarmName"].rpartition("-")[0] for alarm in rolled}
    assert names == {"triage-server-errors", "triage-latency", "triage-canary-server-errors", "triage-canary-latency"}
    policy = json.loads(several.one("RolePolicy", "triage").properties["policy"])
    (watched,) = [each["Resource"] for each in policy["Statement"] if each["Sid"] == "RollbackAlarms"]
    assert len(watched) == 4


def test_while_variants_come_or_go_sagemaker_takes_no_deployment_configuration(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda message, resource: told.append(message))
    live = _serves("other-1234567", 2, 7)
    recorded = inference(archive, live=live, variants=two(archive), preview=True)
    assert "deploymentConfig" not in recorded.one("Endpoint").properties
    (said,) = told
    assert "The variants of triage change (canary added)" in said
    assert "no alarm rolls the update back" in said


def test_a_preview_says_that_somebody_set_a_weight(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(pulumi.log, "info", lambda message, resource: told.append(message))
    drained = {"AllTraffic": LiveVariant(initial_weight=9, weight=9), "canary": LiveVariant(initial_weight=1, weight=0)}
    live = replace(NOT_DEPLOYED, configuration="other-1234567", variants=drained)
    inference(archive, live=live, variants=two(archive), preview=True)
    (said,) = told
    assert said.startswith("triage's variant canary has the weight 0 now, its settings say 1")
