"""Every policy document of every stack: well formed, no wider than AWS lets it be, bounded to this account."""

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.settings.models import InterfaceService
from tests.support.recording import ACCOUNT, REGION, Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal, model

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # parliament reads its data by pkg_resources
    import parliament

ACCEPTED = {
    ("Key", "RESOURCE_MISMATCH"): "a key's policy speaks of the key alone; aliases and lists are IAM's",
    (
        "Key",
        "MISMATCHED_TYPE",
    ): "kms:EncryptionContext:aws:logs:arn is text to parliament, and AWS's example has ArnLike",
    ("Key", "UNKNOWN_CONDITION_FOR_ACTION"): "AWS's example for log groups has kms:Describe* under that condition",
    ("BucketPolicy", "MISMATCHED_TYPE"): "to parliament, s3:TlsVersion 1.2 is no number: it knows whole ones only",
    ("BucketPolicy", "MISMATCHED_TYPE_BUT_USABLE"): "the key's ARN is compared whole",
    ("BucketPolicy", "UNKNOWN_CONDITION_FOR_ACTION"): "a deny of s3:* reaches two actions without s3:TlsVersion",
}
"""Findings of parliament that are not faults, with the reason, by the kind of resource."""

LONGEST = {"RolePolicy": 10_240, "Policy": 6_144, "Key": 32_768, "VpcEndpoint": 20_480, "BucketPolicy": 20_480}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html and each service's quotas."""


@dataclass(frozen=True)
class Attached:
    """A policy document, and the resource that it stands in or is attached to."""

    kind: str
    name: str
    arn: str
    content: dict[str, Any]

    def statement(self, sid: str) -> dict[str, Any]:
        (found,) = [statement for statement in self.content["Statement"] if statement["Sid"] == sid]
        return dict(found)

    def allows(self) -> list[dict[str, Any]]:
        return [statement for statement in self.content["Statement"] if statement["Effect"] == "Allow"]


def documents(recorded: Recorded) -> list[Attached]:
    return [
        Attached(
            kind=resource.type.rpartition(":")[2],
            name=resource.name,
            arn=resource.outputs.get("arn", ""),
            content=json.loads(resource.properties[key]),
        )
        for resource in recorded.resources
        for key in ("policy", "assumeRolePolicy")
        if isinstance(resource.properties.get(key), str)
    ]


def document(recorded: Recorded, kind: str, name: str) -> Attached:
    (found,) = [one for one in documents(recorded) if (one.kind, one.name) == (kind, name)]
    return found


def every(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


@pytest.fixture(scope="session")
def everything(archive: Any) -> Recorded:
    """A stack with every interface endpoint, both gateways, an alarm address, and answers at once and later."""
    services = list(InterfaceService.__args__)  # type: ignore[attr-defined]
    access = {"interfaceEndpoints": services, "dynamodb": True}
    endpoints = [endpoint(archive), endpoint(archive, name="later", asynchronous={})]
    operators = {"emails": ["team@example.com"]}
    return record(stack_config(minimal(archive, privateAccess=access, operators=operators, endpoints=endpoints)))


@pytest.fixture(params=["least", "dev", "staging", "prod", "everything"])
def any_stack(request: pytest.FixtureRequest) -> Recorded:
    recorded: Recorded = request.getfixturevalue(request.param)
    return recorded


def findings(attached: Attached) -> Iterator[tuple[str, str]]:
    """What parliament says, by issue. In the policy of a key or a role, the resource is the key or the role."""
    statements = [{**statement} for statement in attached.content["Statement"]]
    for statement in statements:
        if attached.kind in ("Key", "Role"):
            statement["Resource"] = attached.arn
    linted = parliament.analyze_policy_string(json.dumps({**attached.content, "Statement": statements}))
    for finding in linted.findings:
        yield finding.issue, f"{attached.kind} {attached.name}: {finding.issue} {finding.detail}"


def test_every_kind_of_document_is_looked_at(everything: Recorded) -> None:
    kinds = {"Role", "RolePolicy", "Policy", "Key", "VpcEndpoint", "BucketPolicy", "TopicPolicy"}
    assert {attached.kind for attached in documents(everything)} == kinds


def test_parliament_finds_no_fault(any_stack: Recorded) -> None:
    faults = [
        said
        for attached in documents(any_stack)
        for issue, said in findings(attached)
        if (attached.kind, issue) not in ACCEPTED
    ]
    assert faults == []


def test_what_is_accepted_of_parliaments_findings_is_still_found(everything: Recorded) -> None:
    found = {(attached.kind, issue) for attached in documents(everything) for issue, _ in findings(attached)}
    assert found >= ACCEPTED.keys()


def resource_types(action: str) -> set[str]:
    """Types of resource that a statement with the action can name, required or not, as AWS's reference has them."""
    prefix = action.partition(":")[0]
    (service,) = [service for service in parliament.iam_definition if service["prefix"] == prefix]
    wanted = {expanded["action"] for expanded in parliament.expand_action(action)}
    return {
        resource["resource_type"]
        for privilege in service["privileges"]
        if privilege["privilege"] in wanted
        for resource in privilege["resource_types"]
    } - {""}


def test_the_referee_knows_which_actions_take_a_resource() -> None:
    assert resource_types("ecr:GetAuthorizationToken") == set()
    assert resource_types("s3:GetObject") == {"object*"}
    assert resource_types("sagemaker:ListTags")


def test_any_resource_is_allowed_only_where_the_action_takes_none(any_stack: Recorded) -> None:
    too_wide = [
        f"{attached.kind} {attached.name}: {action}"
        for attached in documents(any_stack)
        if attached.kind != "Key"  # there the key itself is meant
        for statement in attached.allows()
        if "*" in every(statement.get("Resource", []))
        for action in every(statement["Action"])
        if resource_types(action)
    ]
    assert too_wide == []


def test_no_action_is_a_whole_service(any_stack: Recorded) -> None:
    for attached in documents(any_stack):
        for statement in attached.allows():
            assert not [action for action in every(statement["Action"]) if action.endswith(":*") or action == "*"]


def test_documents_fit_the_quotas_of_aws(any_stack: Recorded) -> None:
    for attached in documents(any_stack):
        assert len(json.dumps(attached.content)) <= LONGEST.get(attached.kind, 2_048), attached


def test_only_services_of_this_account_may_take_a_role(any_stack: Recorded) -> None:
    trusts = [attached for attached in documents(any_stack) if attached.kind == "Role"]
    assert {every(trust.content["Statement"])[0]["Principal"]["Service"] for trust in trusts} == {
        "sagemaker.amazonaws.com",
        "vpc-flow-logs.amazonaws.com",
    }
    for trust in trusts:
        (statement,) = trust.content["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_no_resource_policy_lets_in_another_account(any_stack: Recorded) -> None:
    for attached in documents(any_stack):
        for statement in attached.allows():
            principal = statement.get("Principal")
            if principal is None or principal == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}:
                continue
            condition = json.dumps(statement.get("Condition", {}))
            # Presigned by ECR, for AWS's own bucket; and AWS lets a topic set no condition for EventBridge.
            unbounded = {("VpcEndpoint", "ReadImageLayers"), ("TopicPolicy", "EventsPublish")}
            bounded = ACCOUNT in condition or (attached.kind, statement["Sid"]) in unbounded
            assert bounded, f"{attached.kind} {attached.name} {statement['Sid']}"


# Keys


def test_who_administers_a_key_can_not_use_it(least: Recorded) -> None:
    use = {"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"}
    for attached in documents(least):
        if attached.kind == "Key":
            actions = attached.statement("Administration")["Action"]
            granted = {each["action"] for action in actions for each in parliament.expand_action(action)}
            assert granted & (use | {"CreateGrant", "DisableKeyRotation"}) == set()
            assert granted >= {"PutKeyPolicy", "ScheduleKeyDeletion", "CancelKeyDeletion", "EnableKeyRotation"}


def test_the_data_key_works_through_s3_ecr_and_sagemaker_only(least: Recorded) -> None:
    data = document(least, "Key", "data")
    services = [f"{service}.{REGION}.amazonaws.com" for service in ("s3", "ecr", "sagemaker")]
    for sid in ("UseThroughServices", "GrantToServices"):
        equal = data.statement(sid)["Condition"]["StringEquals"]
        assert equal == {"kms:CallerAccount": ACCOUNT, "kms:ViaService": services}
    assert data.statement("GrantToServices")["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_the_logs_key_works_for_log_groups_of_this_account(least: Recorded) -> None:
    allowed = document(least, "Key", "logs").statement("LogGroups")
    assert allowed["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    context = {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"}
    assert allowed["Condition"] == {"ArnLike": context}


def test_cloudwatch_may_use_the_key_of_the_alarm_topic(least: Recorded) -> None:
    allowed = document(least, "Key", "notifications").statement("AlarmsPublish")
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]


def test_eventbridge_may_use_that_key_for_topics_of_this_account(least: Recorded) -> None:
    allowed = document(least, "Key", "notifications").statement("EventsPublish")
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    # A source condition would lose every event: SNS does not support it there.
    assert allowed["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:*"}
    }


def test_eventbridge_may_publish_and_no_condition_loses_its_events(least: Recorded) -> None:
    allowed = document(least, "TopicPolicy", "alarms").statement("EventsPublish")
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert allowed["Resource"] == [least.one("Topic").outputs["arn"]]
    assert "Condition" not in allowed


# The execution role


def test_the_execution_roles_eni_actions_are_bounded_to_the_model_subnets_and_group(least: Recorded) -> None:
    role = document(least, "RolePolicy", "triage")
    ec2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
    subnets = [f"{ec2}subnet/{subnet.id}" for subnet in least.all("Subnet") if subnet.name.startswith("model-")]
    assert len(subnets) == 2
    group = f"{ec2}security-group/{least.one('SecurityGroup', 'model').id}"
    interfaces = f"{ec2}network-interface/*"
    assert set(role.statement("CreateInterfaces")["Resource"]) == {*subnets, group, interfaces}
    role = document(least, "RolePolicy", "triage-interfaces")
    manage = role.statement("ManageInterfaces")
    assert manage["Resource"] == [interfaces]
    assert manage["Condition"] == {"ArnEquals": {"ec2:Vpc": f"{ec2}vpc/{least.one('Vpc').id}"}}
    described = role.statement("DescribeNetwork")["Action"]
    assert all(action.startswith("ec2:Describe") for action in described)


def test_interfaces_are_managed_until_the_last_is_gone_whatever_subnets_there_are(archive: Any) -> None:
    """SageMaker removes interfaces with this role after the subnets that the model names have changed."""
    statements = [
        document(
            record(stack_config(minimal(archive, network={"zones": zones}))), "RolePolicy", "triage-interfaces"
        ).statement("ManageInterfaces")
        for zones in (2, 3)
    ]
    assert statements[0] == statements[1]


def test_a_reason_gives_execution_roles_awss_own_form_of_network_interface_permissions(archive: Any) -> None:
    security = {"networkInterfacesUnscopedBecause": "SageMaker refuses the bounded form in this account"}
    recorded = record(stack_config(minimal(archive, security=security)))
    made = document(recorded, "RolePolicy", "triage").statement("CreateInterfaces")
    managed = document(recorded, "RolePolicy", "triage-interfaces").statement("ManageInterfaces")
    assert made["Resource"] == managed["Resource"] == ["*"]
    assert not {"Condition"} & (made.keys() | managed.keys())


def test_the_models_group_goes_before_the_role_that_removes_its_interfaces(least: Recorded) -> None:
    group = least.one("SecurityGroup", "model")
    for outliving in (least.one("Role", "triage"), least.one("RolePolicy", "triage-interfaces")):
        assert outliving.urn in least.depends_on(group)


def test_the_execution_role_reads_its_own_artifact_image_log_group_and_key(staging: Recorded) -> None:
    bucket = staging.one("Bucket").outputs["arn"]
    role = document(staging, "RolePolicy", "triage-features")
    assert role.statement("Artifact")["Resource"] == [f"{bucket}/models/*"]
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/private-inference-staging"
    assert role.statement("Image")["Resource"] == [repository]
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/triage-features:*"
    assert role.statement("Logs")["Resource"] == [group]
    data_key = staging.one("Key", "data").outputs["arn"]
    assert role.statement("Keys")["Resource"] == [data_key]
    assert role.statement("VolumeGrant")["Resource"] == [data_key]


def test_the_execution_role_writes_metrics_of_sagemaker_only(least: Recorded) -> None:
    metrics = document(least, "RolePolicy", "triage").statement("Metrics")
    assert metrics["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}
    }


def test_flow_logs_are_written_to_their_own_group(least: Recorded) -> None:
    role = document(least, "RolePolicy", "network-flow-logs")
    group = least.one("LogGroup", "network-flow-logs").outputs["arn"]
    assert role.statement("DeliverFlowLogs")["Resource"] == [f"{group}:*"]
    assert role.statement("FindLogGroup")["Action"] == ["logs:DescribeLogGroups"]


def test_files_of_a_model_are_listed_below_its_prefix_and_nowhere_else(archive: Path) -> None:
    elsewhere = [f"s3://models-of-others/{name}/" for name in ("llama", "adapters")] + ["s3://models-of-more/qwen/"]
    entries = [
        endpoint(archive, name=f"model-{number}", model=model(archive, artifact=uri))
        for number, uri in enumerate(elsewhere)
    ]
    recorded = record(stack_config(minimal(archive, endpoints=[endpoint(archive), *entries])))
    gateway = document(recorded, "VpcEndpoint", "s3")
    found = {
        (*each["Resource"], *each["Condition"]["StringLike"]["s3:prefix"])
        for each in gateway.allows()
        if each["Action"] == ["s3:ListBucket"] and each["Condition"].keys() > {"StringLike"}
    }
    assert found == {
        ("arn:aws:s3:::models-of-others", "llama/*", "adapters/*"),
        ("arn:aws:s3:::models-of-more", "qwen/*"),
    }
    role = document(recorded, "RolePolicy", "model-2")
    (listing,) = (each for each in role.allows() if each["Action"] == ["s3:ListBucket"])
    assert listing["Resource"] == ["arn:aws:s3:::models-of-more"]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["qwen/*"]}}
    assert "s3:ListBucket" not in str(document(recorded, "RolePolicy", "triage").content)


# Who may call


def test_the_invoke_policy_is_bounded_to_the_endpoint_and_the_vpc_endpoint(staging: Recorded) -> None:
    runtime = staging.one("VpcEndpoint", "sagemaker.runtime").id
    for name in ("triage", "triage-features"):
        (statement,) = document(staging, "Policy", name).content["Statement"]
        assert statement["Action"] == ["sagemaker:InvokeEndpoint"]
        assert statement["Resource"] == [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name}"]
        assert statement["Condition"] == {"StringEquals": {"aws:SourceVpce": runtime}}


def test_callers_of_an_endpoint_that_streams_may_have_its_answers_part_by_part(archive: Path) -> None:
    recorded = record(stack_config(minimal(archive, endpoints=[endpoint(archive, streaming=True)])))
    (statement,) = document(recorded, "Policy", "triage").content["Statement"]
    assert statement["Action"] == ["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"]


def test_bearer_tokens_are_taken_through_the_vpc_endpoint_where_the_setting_says_so(archive: Path) -> None:
    each = [endpoint(archive, openai=True), endpoint(archive, name="churn")]
    recorded = record(stack_config(minimal(archive, endpoints=each)))
    runtime = recorded.one("VpcEndpoint", "sagemaker.runtime").id
    _, tokens = document(recorded, "Policy", "triage").content["Statement"]
    assert (tokens["Action"], tokens["Resource"]) == (["sagemaker:CallWithBearerToken"], ["*"])
    assert tokens["Condition"] == {"StringEquals": {"aws:SourceVpce": runtime}}
    (_,) = document(recorded, "Policy", "churn").content["Statement"]
    _, passing = document(recorded, "VpcEndpoint", "sagemaker.runtime").content["Statement"]
    assert passing["Action"] == ["sagemaker:CallWithBearerToken"]
    assert passing["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    told = recorded.outputs["endpoints"]
    url = f"https://runtime.sagemaker.{REGION}.amazonaws.com/endpoints/triage/openai/v1"
    assert [each.get("openaiUrl") for each in (told["triage"], told["churn"])] == [url, None]


def test_only_this_stacks_endpoints_can_be_invoked_through_the_runtime_endpoint(staging: Recorded) -> None:
    (statement,) = document(staging, "VpcEndpoint", "sagemaker.runtime").content["Statement"]
    assert statement["Resource"] == [
        f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name}" for name in ("triage", "triage-features")
    ]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    assert all(action.startswith("sagemaker:InvokeEndpoint") for action in statement["Action"])


def test_only_this_stacks_roles_read_only_its_artifacts_through_the_s3_gateway(least: Recorded) -> None:
    (statement,) = document(least, "VpcEndpoint", "s3").content["Statement"]
    bucket = least.one("Bucket")
    assert statement["Action"] == ["s3:GetObject"]
    assert statement["Resource"] == [f"{bucket.outputs['arn']}/models/*"]
    roles = statement["Condition"]["ArnLike"]["aws:PrincipalArn"]
    assert roles == f"arn:aws:iam::{ACCOUNT}:role/private-inference/test/*"
    assert least.one("Role", "triage").outputs["arn"].startswith(roles.removesuffix("*"))


def test_a_new_model_takes_nothing_from_the_fleet_that_serves_the_old_one(archive: Path, tmp_path: Path) -> None:
    changed = tmp_path / "model.tar.gz"
    changed.write_bytes(archive.read_bytes() + b"\0")
    before, after = (record(stack_config(minimal(path))) for path in (archive, changed))
    assert before.all("BucketObjectv2")[0].urn != after.all("BucketObjectv2")[0].urn
    for kind, name in (("RolePolicy", "triage"), ("VpcEndpoint", "s3")):
        assert document(before, kind, name) == document(after, kind, name)


def test_artifacts_and_images_elsewhere_are_named_one_by_one(archive: Path) -> None:
    image = f"999988887777.dkr.ecr.{REGION}.amazonaws.com/shared/serving:1"
    elsewhere = model(archive, artifact="s3://shared-models/triage/model.tar.gz", image={"uri": image})
    entries = [endpoint(archive), endpoint(archive, name="shared", model=elsewhere)]
    recorded = record(stack_config(minimal(archive, endpoints=entries)))
    artifact = "arn:aws:s3:::shared-models/triage/model.tar.gz"
    role = document(recorded, "RolePolicy", "shared")
    assert role.statement("Artifact")["Resource"] == [artifact]
    assert role.statement("Image")["Resource"] == [f"arn:aws:ecr:{REGION}:999988887777:repository/shared/serving"]
    gateway = document(recorded, "VpcEndpoint", "s3").statement("ReadArtifacts")
    assert gateway["Resource"] == [f"{recorded.one('Bucket').outputs['arn']}/models/*", artifact]


def test_without_endpoints_the_endpoint_policies_let_nothing_through(archive: Any) -> None:
    empty = record(stack_config(minimal(archive, endpoints=[])))
    for name in ("sagemaker.runtime", "s3"):
        (statement,) = document(empty, "VpcEndpoint", name).content["Statement"]
        assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "*", "*")


def test_image_layers_are_readable_only_where_images_are_pulled_through_the_vpc(
    least: Recorded, everything: Recorded
) -> None:
    layers = [f"arn:aws:s3:::prod-{REGION}-starport-layer-bucket/*"]
    assert document(everything, "VpcEndpoint", "s3").statement("ReadImageLayers")["Resource"] == layers
    assert "starport" not in json.dumps(document(least, "VpcEndpoint", "s3").content)


# Resource policies


def test_the_bucket_refuses_plain_http_old_tls_and_every_key_but_its_own(least: Recorded) -> None:
    bucket, key = least.one("Bucket").outputs["arn"], least.one("Key", "data").outputs["arn"]
    policy = document(least, "BucketPolicy", "artifacts")
    assert all(
        statement["Effect"] == "Deny" and statement["Principal"] == "*" for statement in policy.content["Statement"]
    )
    for sid, condition in {
        "TlsOnly": {"Bool": {"aws:SecureTransport": "false"}},
        "Tls12": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }.items():
        assert policy.statement(sid)["Condition"] == condition
        assert policy.statement(sid)["Action"] == "s3:*"
        assert policy.statement(sid)["Resource"] == [bucket, f"{bucket}/*"]
    encryption = "s3:x-amz-server-side-encryption"
    for sid, condition in {
        "KmsOnly": {"StringNotEquals": {encryption: "aws:kms"}, "Null": {encryption: "false"}},
        "RightKeyOnly": {
            "StringNotEquals": {f"{encryption}-aws-kms-key-id": key},
            "Null": {f"{encryption}-aws-kms-key-id": "false"},
        },
        "NoKeyOfTheCaller": {"Null": {f"{encryption}-customer-algorithm": "false"}},
    }.items():
        assert policy.statement(sid)["Condition"] == condition
        assert policy.statement(sid)["Action"] == "s3:PutObject"


def test_only_alarms_of_this_account_publish_to_the_topic_and_over_tls(least: Recorded) -> None:
    policy = document(least, "TopicPolicy", "alarms")
    publish = policy.statement("AlarmsPublish")
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publish["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"},
    }
    assert policy.statement("TlsOnly")["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
