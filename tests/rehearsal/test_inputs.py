"""How properties become requests: respelled, never dropped."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.output import Unknown

from private_inference.rehearsal.account import account_of
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.handler import call
from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError
from private_inference.rehearsal.requests import request, tag_parameters
from tests.rehearsal.test_patches import REGION, unique


def test_names_take_the_services_spelling(aws: EmbeddedAws) -> None:
    variant = {"variantName": "v", "modelName": "m", "volumeSizeInGb": 5, "managedInstanceScaling": None}
    given = {"endpointConfigName": "c", "productionVariants": [variant]}
    spelled = request(aws.client("sagemaker"), "create_endpoint_config", given)
    assert spelled == {
        "EndpointConfigName": "c",
        "ProductionVariants": [{"VariantName": "v", "ModelName": "m", "VolumeSizeInGB": 5}],
    }


def test_a_renaming_is_of_the_resources_own_property_only(aws: EmbeddedAws) -> None:
    group = Inputs({"name": unique("renamed"), "logGroupClass": "STANDARD"}, {"name": "kept"})
    account = account_of(aws)
    sent = call(account, "logs", "create_log_group", group, renamed={"name": "logGroupName"})["request"]
    assert sent.keys() == {"logGroupName", "logGroupClass", "tags"}
    assert sent["tags"] == {"name": "kept"}


def test_what_is_no_parameter_goes_into_the_one_that_takes_it(aws: EmbeddedAws) -> None:
    name = unique("within")
    aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    inputs = Inputs({"bucket": name, "rule": {"objectOwnership": "BucketOwnerEnforced"}}, {})
    operation, renamed = "put_bucket_ownership_controls", {"rule": "rules"}
    sent = call(account_of(aws), "s3", operation, inputs, renamed=renamed, within="ownershipControls")["request"]
    assert sent == {"Bucket": name, "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}}


def test_a_single_value_becomes_the_list_that_aws_wants_and_the_other_way_round(aws: EmbeddedAws) -> None:
    rules = {"bucket": "b", "ownershipControls": {"rules": {"objectOwnership": "BucketOwnerEnforced"}}}
    kms = {"repositoryName": "r", "encryptionConfiguration": [{"encryptionType": "KMS"}]}
    assert request(aws.client("s3"), "put_bucket_ownership_controls", rules)["OwnershipControls"] == {
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
    }
    assert request(aws.client("ecr"), "create_repository", kms)["encryptionConfiguration"] == {"encryptionType": "KMS"}


def test_a_number_written_as_text_becomes_one(aws: EmbeddedAws) -> None:
    steps = {"stepAdjustments": [{"metricIntervalLowerBound": "1.5", "scalingAdjustment": 1}]}
    given = {"policyName": "p", "stepScalingPolicyConfiguration": steps}
    spelled = request(aws.client("application-autoscaling"), "put_scaling_policy", given)
    (step,) = spelled["StepScalingPolicyConfiguration"]["StepAdjustments"]
    assert step["MetricIntervalLowerBound"] == 1.5


def test_a_name_that_aws_does_not_have_is_told_with_its_place(aws: EmbeddedAws) -> None:
    given = {"productionVariants": [{"variantName": "v"}, {"imaginary": 1}]}
    with pytest.raises(UnhandledError, match=r"productionVariants\[1\]\.imaginary has no counterpart"):
        request(aws.client("sagemaker"), "create_endpoint_config", given)


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_the_keys_of_a_map_are_the_users(aws: EmbeddedAws, environment: dict[str, str]) -> None:
    given = {"modelName": "m", "primaryContainer": {"environment": environment}}
    spelled = request(aws.client("sagemaker"), "create_model", given)
    assert spelled["PrimaryContainer"]["Environment"] == environment


@given(st.dictionaries(st.text(min_size=1).filter(lambda key: key != "tags"), st.integers()), st.data())
def test_what_was_not_read_is_remembered(properties: dict[str, Any], data: st.DataObject) -> None:
    inputs = Inputs(properties, {})
    read = data.draw(st.sets(st.sampled_from(sorted(properties)))) if properties else set()
    for key in read:
        assert inputs[key] == properties[key]
    assert inputs.unread() == sorted(set(properties) - read)
    assert inputs.rest() == {key: value for key, value in properties.items() if key not in read}
    assert inputs.unread() == []


def test_tags_have_to_be_read_even_if_the_resource_has_none_of_its_own() -> None:
    inputs = Inputs({"vpcId": "vpc-1"}, {"Owner": "default"})
    assert inputs.rest() == {"vpcId": "vpc-1"}
    assert inputs.unread() == ["tags"]
    assert inputs.tags == {"Owner": "default"}
    assert inputs.unread() == []


def test_an_absent_property_that_a_handler_needs_is_named() -> None:
    with pytest.raises(RefusedError, match="vpcId is required"):
        Inputs({}, {})["vpcId"]


def test_an_unknown_value_is_never_sent() -> None:
    with pytest.raises(UnhandledError, match="vpcId"):
        Inputs({"vpcId": Unknown()}, {})  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("ec2", "create_vpc", {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "k", "Value": "v"}]}]}),
        ("kms", "create_key", {"Tags": [{"TagKey": "k", "TagValue": "v"}]}),
        ("logs", "create_log_group", {"tags": {"k": "v"}}),
        ("sagemaker", "create_model", {"Tags": [{"Key": "k", "Value": "v"}]}),
        ("ecr", "create_repository", {"tags": [{"Key": "k", "Value": "v"}]}),
        ("lambda", "create_function", {"Tags": {"k": "v"}}),
    ],
)
def test_tags_take_the_services_form(aws: EmbeddedAws, service: str, operation: str, expected: dict[str, Any]) -> None:
    assert tag_parameters(aws.client(service), operation, {"k": "v"}, "vpc") == expected
    assert tag_parameters(aws.client(service), operation, {}, "vpc") == {}
