"""What remote components are made of. Source: pulumi/pulumi-awsx, awsx/ecr/repository.ts and its test."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pytest
from pulumi.output import Unknown

from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig
from private_inference.runner.remote import RemoteComponentError, lifecycle_rules
from private_inference.runner.resource import Resource, Run
from tests.support.recording import REGION, ROOT, RecordingEngine, inline


def run(*, preview: bool = False, **properties: Any) -> Run:
    """A program with a key and an `awsx.ecr.Repository` of these arguments, which exports what it hands out."""

    def body() -> None:
        key = aws.kms.Key("data")
        encryption = {"encryption_type": "KMS", "kms_key": key.arn}
        images = awsx.ecr.Repository(
            "Images", encryption_configurations=[encryption], opts=pulumi.ResourceOptions(protect=True), **properties
        )
        pulumi.export("url", images.url)
        pulumi.export("arn", images.repository.apply(lambda repository: repository.repository_url))

    token = inline.set(body)
    try:
        config = StackConfig("shop", "dev", ROOT / "tests/support/inline", {"aws:region": REGION})
        return run_program(config, PreviewEngine(REGION) if preview else RecordingEngine(), preview=preview)
    finally:
        inline.reset(token)


def one(of: Run, kind: str) -> Resource:
    (found,) = [resource for resource in of.all_resources if resource.type == kind]
    return found


def test_a_repository_keeps_one_untagged_image_by_default() -> None:
    made = run(image_tag_mutability="IMMUTABLE")
    repository, policy = made.remote_children
    (rule,) = json.loads(policy.properties["policy"])["rules"]
    assert (repository.type, repository.name) == ("aws:ecr/repository:Repository", "images")
    assert repository.urn == "urn:pulumi:dev::shop::awsx:ecr:Repository$aws:ecr/repository:Repository::images"
    assert repository.properties["imageTagMutability"] == "IMMUTABLE"
    assert policy.type == "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    assert policy.properties["repository"] == repository.outputs["name"]
    assert rule["selection"] == {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 1}


def test_what_the_program_registered_is_apart_from_what_it_is_made_of() -> None:
    made = run()
    component = one(made, "awsx:ecr:Repository")
    assert component in made.resources
    assert component.properties["encryptionConfigurations"][0]["encryptionType"] == "KMS"
    assert {child.parent for child in made.remote_children} == {component.urn}
    assert not {child.urn for child in made.remote_children} & {resource.urn for resource in made.resources}


def test_children_read_what_the_component_reads_and_have_its_options() -> None:
    made = run()
    repository, policy = made.remote_children
    assert repository.property_dependencies == {"encryptionConfigurations": (one(made, "aws:kms/key:Key").urn,)}
    assert policy.property_dependencies == {"repository": [repository.urn]}
    assert repository.protect
    assert policy.protect


def test_the_program_follows_references_to_children() -> None:
    made = run()
    url = made.remote_children[0].outputs["repositoryUrl"]
    assert (made.outputs["url"], made.outputs["arn"]) == (url, url)


def test_in_a_preview_what_the_children_will_have_is_unknown() -> None:
    made = run(preview=True)
    repository, policy = made.remote_children
    assert isinstance(policy.properties["repository"], Unknown)
    assert policy.property_dependencies == {"repository": [repository.urn]}
    assert isinstance(made.outputs["url"], Unknown)
    assert isinstance(made.outputs["arn"], Unknown)


def test_the_policy_can_be_skipped() -> None:
    made = run(lifecycle_policy={"skip": True})
    assert [child.type for child in made.remote_children] == ["aws:ecr/repository:Repository"]


def test_what_is_refused_names_the_component_and_nothing_is_made_of_it() -> None:
    with pytest.raises(RemoteComponentError, match="Repository 'Images' was refused: a lifecycle rule needs"):
        run(lifecycle_policy={"rules": [{"tag_status": "untagged"}]})


def test_the_rule_for_any_image_comes_last() -> None:
    rules = lifecycle_rules(
        [
            {"tagStatus": "any", "maximumNumberOfImages": 5},
            {"tagStatus": "tagged", "tagPrefixList": ["v"], "maximumAgeLimit": 30.0},
        ]
    )
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["tagged", "any"]
    assert [rule["rulePriority"] for rule in rules] == [1, 2]
    assert rules[0]["selection"] == {
        "tagStatus": "tagged",
        "tagPrefixList": ["v"],
        "countType": "sinceImagePushed",
        "countNumber": 30,
        "countUnit": "days",
    }


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([{"tagStatus": "any", "maximumAgeLimit": 1}] * 2, "at most one"),
        ([{"tagStatus": "untagged"}], "maximumNumberOfImages and maximumAgeLimit"),
        ([{"tagStatus": "any", "maximumAgeLimit": 1, "maximumNumberOfImages": 1}], "needs one of"),
        ([{"tagStatus": "untagged", "maximumAgeLimit": 1, "new": 1}], "new is not supported"),
    ],
)
def test_lifecycle_rules_that_are_refused(rules: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        lifecycle_rules(rules)
