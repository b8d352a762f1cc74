"""Fleets start, scale and heal only if they have what they need then; failed updates roll back."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import xgboost
from botocore.exceptions import ClientError

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.operations import HEALTH_CHECK, OperationError
from tests.rehearsal.served import ACCOUNT, Served, served_by, statements
from tests.rehearsal.test_model_server import ask
from tests.rehearsal.test_patches import REGION, VARIANT, policy

NEW_S3_BLOCK = "16.182.0.0/16"


@pytest.fixture
def own() -> Iterator[EmbeddedAws]:
    """An AWS for one test, which changes what all of an account share."""
    with EmbeddedAws(REGION) as embedded:
        yield embedded


@pytest.fixture
def stack(aws: EmbeddedAws) -> Served:
    return served_by(aws)


def without(stack: Served, action: str) -> None:
    stack.permit(*(item for item in stack.permissions() if action not in item[0]))


def deny_bucket(stack: Served) -> None:
    statement = json.loads(policy("*", "s3:GetObject", Resource=f"arn:aws:s3:::{stack.name}/*"))["Statement"]
    denied = {"Version": "2012-10-17", "Statement": [statement[0] | {"Effect": "Deny"}]}
    stack.aws.client("s3").put_bucket_policy(Bucket=stack.name, Policy=json.dumps(denied))


def narrow_gateway(stack: Served) -> None:
    document = policy("*", "s3:GetObject", Resource=f"arn:aws:s3:::{stack.name}/other.tar.gz")
    stack.aws.client("ec2").modify_vpc_endpoint(VpcEndpointId=stack.gateway, PolicyDocument=document)


def close_key(stack: Served) -> None:
    nobody = policy({"AWS": f"arn:aws:iam::{ACCOUNT}:role/another"}, "kms:*", Resource="*")
    stack.aws.client("kms").put_key_policy(KeyId=stack.key, PolicyName="default", Policy=nobody)


def change_trust(stack: Served) -> None:
    trust = policy({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    stack.aws.client("iam").update_assume_role_policy(RoleName=stack.name, PolicyDocument=trust)


def delete_role(stack: Served) -> None:
    stack.aws.client("iam").delete_role_policy(RoleName=stack.name, PolicyName="own")
    stack.aws.client("iam").delete_role(RoleName=stack.name)


def push_another_image(stack: Served) -> None:
    stack.aws.client("ecr").put_image(
        repositoryName=stack.name,
        imageTag="2",
        imageManifest=json.dumps({"mediaType": "application/vnd.oci.image.manifest.v1+json"}),
    )


def close_group(stack: Served) -> None:
    stack.aws.client("ec2").revoke_security_group_egress(
        GroupId=stack.group,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
                "PrefixListIds": [{"PrefixListId": stack.s3_list}],
            }
        ],
    )


def limit_boundary(stack: Served) -> None:
    iam = stack.aws.client("iam")
    made = iam.create_policy(PolicyName=stack.name, PolicyDocument=statements(("logs:*", "*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=stack.name, PermissionsBoundary=made)


def delete_acl_entry(stack: Served, *, egress: bool) -> None:
    stack.aws.client("ec2").delete_network_acl_entry(NetworkAclId=stack.acl, RuleNumber=101, Egress=egress)


LOSSES: dict[str, tuple[Callable[[Served], Any], str]] = {
    "configuration": (
        lambda s: s.aws.client("sagemaker").delete_endpoint_config(
            EndpointConfigName=s.described["EndpointConfigName"]
        ),
        "configuration ",
    ),
    "model": (lambda s: s.aws.client("sagemaker").delete_model(ModelName=s.name), "model "),
    "artifact": (lambda s: s.aws.client("s3").delete_object(Bucket=s.name, Key="m.tar.gz"), "artifact s3://"),
    "role": (delete_role, "role arn:"),
    "trust": (change_trust, "role arn:"),
    "read permission": (lambda s: without(s, "s3:GetObject"), "s3:GetObject on "),
    "permissions boundary": (limit_boundary, "s3:GetObject on "),
    "bucket policy": (deny_bucket, "s3:GetObject on "),
    "gateway policy": (narrow_gateway, "s3:GetObject on "),
    "decrypt permission": (lambda s: without(s, "kms:Decrypt"), "kms:Decrypt on "),
    "key policy": (close_key, "kms:Decrypt on "),
    "key": (lambda s: s.aws.client("kms").disable_key(KeyId=s.key.rpartition("/")[2]), "key of s3://"),
    "pull permission": (lambda s: without(s, "ecr:*"), "ecr:BatchGetImage on "),
    "image": (push_another_image, "image "),
    "repository": (lambda s: s.aws.client("ecr").delete_repository(repositoryName=s.name), "image "),
    "interface permission": (lambda s: without(s, "ec2:CreateNetworkInterface"), "ec2:CreateNetworkInterface on "),
    "gateway": (lambda s: s.aws.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[s.gateway]), "path from "),
    "group rule": (close_group, "path from "),
    "way out": (lambda s: delete_acl_entry(s, egress=True), "path from "),
    "way in": (lambda s: delete_acl_entry(s, egress=False), "path from "),
}


def test_a_fleet_with_all_it_needs_starts(stack: Served) -> None:
    assert (stack.described["EndpointStatus"], stack.counts) == ("InService", (2, 2))
    assert stack.happen.needs(stack.name) == []


@pytest.mark.parametrize("lost", LOSSES)
def test_what_is_taken_away_is_named_and_an_instance_is_not_replaced(stack: Served, lost: str) -> None:
    take, named = LOSSES[lost]
    take(stack)
    assert any(lacking.name.startswith(named) for lacking in stack.happen.needs(stack.name))
    assert stack.counts == (2, 2)  # what runs, runs on
    assert stack.happen.heal(stack.name)
    assert stack.counts == (1, 2)


def test_an_endpoint_that_lacks_a_permission_fails_and_says_which(aws: EmbeddedAws) -> None:
    failed = served_by(aws, permitted=False)
    assert failed.described["EndpointStatus"] == "Failed"
    assert 'the role has "s3:GetObject" permissions' in failed.described["FailureReason"]
    assert failed.counts == (0, 2)
    for refused in (failed.update, lambda: ask(aws, failed.name)):
        with pytest.raises(ClientError, match=r"it has failed|not found"):
            refused()
    aws.client("sagemaker").delete_endpoint(EndpointName=failed.name)


@pytest.mark.parametrize("lost", ["read permission", "pull permission", "gateway policy", "way in"])
def test_an_update_that_can_not_start_rolls_back(stack: Served, lost: str) -> None:
    before = stack.described["EndpointConfigName"]
    LOSSES[lost][0](stack)
    asked = stack.update()
    assert stack.described["EndpointStatus"] == "InService"
    assert stack.described["EndpointConfigName"] == before != asked
    assert stack.described["FailureReason"]
    assert stack.counts == (2, 2)


def test_the_next_update_clears_the_reason(stack: Served) -> None:
    without(stack, "s3:GetObject")
    stack.update()
    stack.permit(*stack.permissions())
    asked = stack.update()
    assert stack.described["EndpointConfigName"] == asked
    assert "FailureReason" not in stack.described


@pytest.mark.parametrize(("reason", "told"), [(HEALTH_CHECK, "variant v did not pass the ping"), ("", None)])
def test_the_next_update_fails_if_asked_to(stack: Served, reason: str, told: str | None) -> None:
    before = stack.described["EndpointConfigName"]
    stack.happen.fail_next_update(stack.name, reason)
    stack.update()
    assert stack.described["EndpointConfigName"] == before
    assert (told or "") in stack.described.get("FailureReason", "")
    assert ("FailureReason" in stack.described) == (told is not None)
    assert stack.update() == stack.described["EndpointConfigName"]


@pytest.mark.parametrize(
    ("looks", "state", "told"),
    [
        (True, "OK", None),
        (True, "ALARM", "is in the state ALARM"),
        (False, "OK", "not authorized to perform cloudwatch:DescribeAlarms"),
        (True, None, "does not exist"),
    ],
    ids=["quiet", "on", "unseen", "gone"],
)
def test_an_update_is_watched_by_its_alarms(stack: Served, looks: bool, state: str | None, told: str | None) -> None:
    cloudwatch = stack.aws.client("cloudwatch")
    if state:
        cloudwatch.put_metric_alarm(
            AlarmName=stack.name,
            MetricName="ModelLatency",
            Namespace="AWS/SageMaker",
            Statistic="Average",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
        )
        cloudwatch.set_alarm_state(AlarmName=stack.name, StateValue=state, StateReason="for this test")
    stack.permit(*stack.permissions(), *([("cloudwatch:DescribeAlarms", "*")] if looks else []))
    deployment = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": stack.name}]}}
    asked = stack.update(DeploymentConfig=deployment)
    assert (stack.described["EndpointConfigName"] == asked) == (told is None)
    assert (told or "") in stack.described.get("FailureReason", "")


def test_an_update_needs_the_configuration_that_serves(stack: Served) -> None:
    LOSSES["configuration"][0](stack)
    with pytest.raises(ClientError, match="Could not find endpoint configuration"):
        stack.update()


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({}, 2),
        ({"RetainAllVariantProperties": True}, 4),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
            },
            2,
        ),
    ],
    ids=["reset", "retained", "excluded"],
)
def test_an_update_resets_the_live_count_unless_it_is_retained(stack: Served, more: Any, count: int) -> None:
    stack.register()
    stack.happen.scale(stack.name, 4)
    stack.update(**more)
    assert stack.counts == (count, count)


def test_the_instance_type_of_a_registered_variant_does_not_change(stack: Served) -> None:
    stack.register()
    bigger = stack.configuration(instance_type="ml.m5.xlarge")
    with pytest.raises(ClientError, match="registered as a scalable target"):
        stack.update(bigger)
    scaling = stack.aws.client("application-autoscaling")
    scaling.deregister_scalable_target(**VARIANT, ResourceId=f"endpoint/{stack.name}/variant/v")
    assert stack.update(bigger) == stack.described["EndpointConfigName"]


def test_a_registered_variant_does_not_go(stack: Served) -> None:
    stack.register()
    other = stack.configuration(variant="other")
    with pytest.raises(ClientError, match="registered as a scalable target"):
        stack.update(other)
    scaling = stack.aws.client("application-autoscaling")
    scaling.deregister_scalable_target(**VARIANT, ResourceId=f"endpoint/{stack.name}/variant/v")
    assert stack.update(other) == stack.described["EndpointConfigName"]


ROUTING = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
ALL_AT_ONCE = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": ROUTING}}


def test_a_deployment_configuration_is_for_variants_of_the_same_names(stack: Served) -> None:
    other = stack.configuration(variant="other")
    with pytest.raises(ClientError, match="must have the same variant names"):
        stack.update(other, DeploymentConfig=ALL_AT_ONCE)
    assert stack.update(other) == stack.described["EndpointConfigName"]
    assert stack.update(stack.configuration(variant="other"), DeploymentConfig=ALL_AT_ONCE)


def test_the_variants_of_an_endpoint_that_goes_are_no_scalable_targets(stack: Served) -> None:
    stack.register()
    stack.aws.client("sagemaker").delete_endpoint(EndpointName=stack.name)
    targets = stack.aws.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{stack.name}/variant/v"]
    )
    assert targets["ScalableTargets"] == []


def test_scaling_keeps_within_the_registered_bounds(stack: Served) -> None:
    stack.register(least=2, most=3)
    assert stack.happen.scale(stack.name, 7) == {"v": 3}
    assert stack.happen.scale(stack.name, 1) == {"v": 2}
    assert stack.counts == (2, 2)


def test_scaling_takes_a_scalable_target(stack: Served) -> None:
    with pytest.raises(OperationError, match="no scalable target for any variant"):
        stack.happen.scale(stack.name, 3)


def test_an_operation_takes_an_endpoint(stack: Served) -> None:
    with pytest.raises(OperationError, match=f"there is no endpoint nobody; there are: .*{stack.name}"):
        stack.happen.heal("nobody")


def test_scaling_out_returns_to_what_was_if_instances_can_not_start(stack: Served) -> None:
    without(stack, "kms:Decrypt")
    stack.register()
    assert stack.happen.scale(stack.name, 4) == {"v": 2}
    assert stack.counts == (2, 2)
    assert "Could not access model data" in stack.described["FailureReason"]


def test_scaling_out_needs_addresses_for_all(aws: EmbeddedAws) -> None:
    small = served_by(aws, bits=28)
    small.register(most=30)
    assert small.happen.scale(small.name, 30) == {"v": 2}
    assert "too few free IP addresses" in small.described["FailureReason"]
    assert len([item for item in small.interfaces() if item["Status"] == "in-use"]) == 2


def test_an_update_needs_addresses_for_both_fleets(aws: EmbeddedAws) -> None:
    small = served_by(aws, bits=28)
    small.update(small.configuration(count=8))
    assert small.counts == (8, 8)
    while len(small.interfaces()) > 8:
        pass
    small.update(small.configuration(count=14))
    assert small.counts == (8, 8)
    assert "too few free IP addresses" in small.described["FailureReason"]


def test_scaling_in_needs_nothing(stack: Served) -> None:
    without(stack, "kms:Decrypt")
    stack.register()
    assert stack.happen.scale(stack.name, 1) == {"v": 1}


def test_a_weight_changes_without_the_count(stack: Served) -> None:
    change = {"VariantName": "v", "DesiredWeight": 3.0}
    stack.aws.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=stack.name, DesiredWeightsAndCapacities=[change]
    )
    assert stack.described["ProductionVariants"][0]["CurrentWeight"] == 3
    assert stack.counts == (2, 2)


def test_what_serves_answers_until_its_last_instance_is_lost(
    aws: EmbeddedAws, archive: bytes, booster: xgboost.Booster
) -> None:
    stack = served_by(aws, archive=archive)
    LOSSES["artifact"][0](stack)
    LOSSES["model"][0](stack)
    LOSSES["configuration"][0](stack)
    assert len(ask(aws, stack.name)["Body"].read().split()) == 3
    stack.happen.heal(stack.name)
    stack.happen.heal(stack.name)
    assert stack.counts == (0, 2)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        ask(aws, stack.name)


def test_an_instance_keeps_the_archive_that_it_loaded(aws: EmbeddedAws, archive: bytes) -> None:
    stack = served_by(aws, archive=archive)
    key = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": stack.key}
    aws.client("s3").put_object(Bucket=stack.name, Key="m.tar.gz", Body=b"no model", **key)
    for _ in stack.subnets:
        assert len(ask(aws, stack.name)["Body"].read().split()) == 3
        stack.happen.heal(stack.name)
    with pytest.raises(ClientError, match="ModelError"):
        ask(aws, stack.name)


def test_healing_brings_back_what_was_lost(stack: Served) -> None:
    without(stack, "s3:GetObject")
    stack.happen.heal(stack.name)
    stack.permit(*stack.permissions())
    assert stack.happen.heal(stack.name) == []
    assert stack.counts == (2, 2)


def test_a_longer_prefix_list_passes_the_group_and_not_the_acl(own: EmbeddedAws) -> None:
    stack = served_by(own)
    assert NEW_S3_BLOCK in stack.happen.prefix_list_grows(NEW_S3_BLOCK)
    (found,) = own.client("ec2").describe_prefix_lists(PrefixListIds=[stack.s3_list])["PrefixLists"]
    assert NEW_S3_BLOCK in found["Cidrs"]
    reasons = [lacking.name for lacking in stack.happen.needs(stack.name)]
    assert len(reasons) == 4  # out and in, of either subnet
    assert all(NEW_S3_BLOCK in reason and "network ACL" in reason for reason in reasons)


def test_instances_of_a_lost_zone_are_replaced_in_another(own: EmbeddedAws) -> None:
    stack, ec2 = served_by(own), own.client("ec2")
    assert {item["SubnetId"] for item in stack.interfaces()} == set(stack.subnets)
    stack.happen.zone_lost(f"{REGION}a")
    available = ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])
    assert f"{REGION}a" not in {zone["ZoneName"] for zone in available["AvailabilityZones"]}
    assert stack.counts == (2, 2)
    assert [item["SubnetId"] for item in stack.interfaces() if item["Status"] == "in-use"] == [stack.subnets[1]] * 2


def test_instances_of_all_zones_can_not_be_replaced(own: EmbeddedAws) -> None:
    stack = served_by(own)
    for zone in "ab":
        stack.happen.zone_lost(f"{REGION}{zone}")
    assert stack.counts == (0, 2)
    with pytest.raises(OperationError, match=f"there is no zone {REGION}z"):
        stack.happen.zone_lost(f"{REGION}z")
