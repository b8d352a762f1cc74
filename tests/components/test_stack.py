"""The program as a whole: what holds for every resource of every stack."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from private_inference.runner.resource import Resource
from tests.support.recording import PlanningEngine, Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal, shipped

HOLD_DATA = ("Key", "Bucket", "Repository", "LogGroup")
WAYS_OUT = ("internetgateway", "natgateway", "egressonly", "eip", "carriergateway", "peering", "clientvpn")


def parents(recorded: Recorded) -> dict[str, Resource]:
    return {resource.urn: resource for resource in recorded.resources if not resource.type.startswith("pulumi:")}


def test_every_child_has_its_component_as_parent(stack: Recorded) -> None:
    made = parents(stack)
    for resource in made.values():
        if resource.type.startswith(("aws:", "awsx:")):
            assert made[resource.parent].type.startswith("private-inference:"), resource.name


def test_component_types_name_their_layer(stack: Recorded) -> None:
    components = [resource for resource in stack.resources if resource.type.startswith("private-inference:")]
    layers = {"network", "access", "security", "inference", "contract"}
    for component in components:
        found = re.fullmatch(r"private-inference:(\w+):[A-Z]\w+", component.type)
        assert found, component.type
        assert found[1] in layers
    assert {component.type.split(":")[1] for component in components} == layers


def test_every_resource_goes_through_the_provider_with_the_stacks_tags(stack: Recorded) -> None:
    provider = stack.one("pulumi:providers:aws")
    assert provider.properties["region"] == "us-east-1"
    tags = json.loads(provider.properties["defaultTags"])["tags"]
    assert tags.keys() >= {"Project", "Stack", "Owner", "CostCenter"}
    custom = [resource for resource in stack.resources if resource.type.startswith(("aws:", "awsx:"))]
    assert {resource.provider.rpartition("::")[0] for resource in custom} == {provider.urn}


def test_a_stack_that_names_no_account_is_deployed_to_any(dev: Recorded) -> None:
    assert "allowedAccountIds" not in dev.one("pulumi:providers:aws").properties


def test_a_stack_that_names_its_account_is_deployed_to_no_other(prod: Recorded) -> None:
    assert json.loads(prod.one("pulumi:providers:aws").properties["allowedAccountIds"]) == ["123456789012"]


def test_the_endpoints_that_the_default_provider_calls_are_those_of_the_stacks_own(
    dev: Recorded, archive: Path
) -> None:
    keys = ("useFipsEndpoint", "useDualstackEndpoint")
    assert not {*keys} & dev.one("pulumi:providers:aws").properties.keys()
    config = shipped("dev", archive)
    asked = replace(config, values={**config.values, **{f"aws:{key}": "true" for key in keys}})
    provider = record(asked).one("pulumi:providers:aws")
    assert [provider.properties[key] for key in keys] == ["true", "true"]


def test_tags_of_the_settings_are_default_tags(prod: Recorded) -> None:
    tags = json.loads(prod.one("pulumi:providers:aws").properties["defaultTags"])["tags"]
    assert tags == {
        "Project": "private-inference",
        "Stack": "prod",
        "Owner": "ml-platform",
        "CostCenter": "4711",
        "DataClass": "patient",
    }


def test_resources_add_no_tag_but_their_name(stack: Recorded) -> None:
    for resource in stack.resources:
        assert resource.properties.get("tags", {}).keys() <= {"Name"}


def test_there_is_no_way_to_the_internet(stack: Recorded) -> None:
    assert [r.type for r in stack.resources if any(way in r.type.lower() for way in WAYS_OUT)] == []
    addresses = [key for r in stack.resources for key in r.properties if "publicip" in key.lower()]
    assert set(addresses) <= {"mapPublicIpOnLaunch"}


def test_no_rule_of_any_firewall_names_every_address(stack: Recorded) -> None:
    for type_ in ("NetworkAclRule", "SecurityGroupIngressRule", "SecurityGroupEgressRule", "Route"):
        for rule in stack.all(type_):
            assert not [value for value in rule.properties.values() if value in ("0.0.0.0/0", "::/0")]


@pytest.mark.parametrize("name", ["staging", "prod"])
@pytest.mark.parametrize("type_", HOLD_DATA)
def test_data_resources_are_protected(type_: str, name: str, request: pytest.FixtureRequest) -> None:
    recorded: Recorded = request.getfixturevalue(name)
    found = recorded.all(type_)
    assert found
    assert all(resource.protect for resource in found)


def test_a_development_stack_can_be_destroyed_whole(dev: Recorded) -> None:
    assert [resource.name for resource in dev.resources if resource.protect or resource.retain_on_delete] == []
    assert dev.one("Bucket").properties["forceDestroy"] is True


def test_log_groups_are_encrypted_and_kept_a_year(stack: Recorded) -> None:
    groups = stack.all("LogGroup")
    assert len(groups) == 1 + len(stack.all("Endpoint"))
    for group in groups:
        assert group.properties["kmsKeyId"] == stack.one("Key", "logs").outputs["arn"]
        assert group.properties["retentionInDays"] == 365


def test_what_is_at_rest_has_a_customer_key(stack: Recorded) -> None:
    data, logs, notifications = (stack.one("Key", name).outputs["arn"] for name in ("data", "logs", "notifications"))
    buckets = {"artifacts": data, "calls": logs}
    for encryption in stack.all("BucketServerSideEncryptionConfiguration"):
        (rule,) = encryption.properties["rules"]
        assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == buckets[encryption.name]
    assert {trail.properties["kmsKeyId"] for trail in stack.all("Trail")} <= {logs}
    assert {upload.properties["kmsKeyId"] for upload in stack.all("BucketObjectv2")} == {data}
    assert stack.one("Repository").properties["encryptionConfigurations"][0]["kmsKey"] == data
    assert {each.properties["kmsKeyArn"] for each in stack.all("EndpointConfiguration")} == {data}
    assert stack.one("Topic").properties["kmsMasterKeyId"] == notifications


def test_an_endpoint_waits_for_every_step_of_its_artifacts_way(stack: Recorded) -> None:
    way = stack.all("NetworkAclRule") + stack.all("SecurityGroupEgressRule") + stack.all("RouteTableAssociation")
    way += [stack.one("VpcEndpoint", "s3"), *stack.all("BucketObjectv2")]
    for each in stack.all("Endpoint"):
        waited_for = stack.depends_on(each)
        assert [step.name for step in way if step.urn not in waited_for] == []


def test_models_of_a_stack_live_in_its_model_subnets(prod: Recorded) -> None:
    subnets = {subnet.id for subnet in prod.all("Subnet") if subnet.name.startswith("model-")}
    for each in prod.all("Model"):
        assert set(each.properties["vpcConfig"]["subnets"]) == subnets
        assert each.properties["vpcConfig"]["securityGroupIds"] == [prod.one("SecurityGroup", "model").id]


def test_a_preview_shows_every_resource(archive: Path) -> None:
    config = shipped("prod", archive)
    planned, made = record(config, PlanningEngine(), preview=True), record(config)
    assert {resource.urn for resource in planned.resources} == {resource.urn for resource in made.resources}


def test_a_further_endpoint_changes_nothing_of_the_others(archive: Path, least: Recorded) -> None:
    two = record(stack_config(minimal(archive, endpoints=[endpoint(archive, name="new"), endpoint(archive)])))
    of_every_endpoint = {"VpcEndpoint", "Dashboard", "EventRule"}
    for resource in least.resources:
        if resource.type.rpartition(":")[2] not in of_every_endpoint:
            before, after = (dict(each.properties) for each in (resource, two.by_urn[resource.urn]))
            if resource.type.endswith(":BucketObjectv2"):
                before["source"], after["source"] = before["source"].path, after["source"].path
            assert after == before, resource.urn


def test_names_are_left_to_pulumi_but_for_what_others_call_by_name(stack: Recorded) -> None:
    named = {
        resource.type.rpartition(":")[2]
        for resource in stack.resources
        if {"name", "bucket", "bucketName"} & resource.properties.keys() and resource.type.startswith("aws")
    }
    about_the_bucket = {type_ for type_ in named if type_.startswith("Bucket")}
    assert "Bucket" not in named
    watched = {"Trail", "EventRule"} if stack.all("Trail") else set()
    assert named - about_the_bucket - watched <= {"Alias", "Endpoint", "LogGroup", "Parameter", "Repository"}


def test_the_settings_that_loosen_nothing_warn_of_nothing(least: Recorded, prod: Recorded) -> None:
    assert least.warnings == ""
    assert prod.warnings == ""
