"""Rules judge what a model package runs and loads by the facts that the program tells of it."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from private_inference.deployer.policy import Place, policies
from private_inference.graph.packages import MODEL_PACKAGES
from private_inference.graph.resources import Resource as Read
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.resource import Resource, Run
from tests.policy.judge import Judgement, judge
from tests.support.recording import REGION, stack_config
from tests.support.stacks import HERE, OTHERS, endpoint, minimal

ARN = HERE.arn("sagemaker", "model-package/triage/3")
THROUGH, INSIDE = "artifacts-come-through-the-gateway", "destinations-are-inside"


@pytest.fixture(scope="module")
def run(archive: Path) -> Run:
    values = minimal(archive, endpoints=[endpoint(archive, model={"modelPackage": ARN})])
    return run_program(stack_config(values), PreviewEngine(REGION), preview=True)


def said(rule: str, run: Run, change: Callable[[dict[str, Any]], Any] = lambda package: None) -> Judgement:
    """What a rule says of a run that tells otherwise of its package."""

    def one(resource: Resource) -> Resource:
        if resource.type != MODEL_PACKAGES:
            return resource
        properties = copy.deepcopy(dict(resource.properties))
        change(properties["packages"][0])
        return replace(resource, properties=properties, outputs=properties)

    return judge(rule, map(one, run.all_resources))


@pytest.mark.parametrize("rule", [THROUGH, INSIDE])
def test_what_the_gateway_lets_through_from_this_account_is_fine(rule: str, run: Run) -> None:
    assert said(rule, run).violations == []
    assert not any("Model" in urn for urn, _ in said(rule, run).unverified)


def test_an_artifact_that_the_gateway_does_not_let_through_is_refused(run: Run) -> None:
    found = said(THROUGH, run, lambda package: package["containers"][0].update(modelDataUrl="s3://open/model.tar.gz"))
    ((urn, message),) = found.violations
    assert urn.endswith("Model::triage")
    assert "loads an artifact that the S3 gateway's policy does not let through" in message


def test_a_package_that_nobody_tells_of_is_not_verified(run: Run) -> None:
    found = said(THROUGH, run, lambda package: package.update(modelPackageName=ARN.replace("/3", "/4")))
    assert [urn.rpartition("::")[2] for urn, _ in found.unverified] == ["triage"]


def test_another_specification_than_what_is_told_of_is_not_verified(run: Run) -> None:
    found = said(THROUGH, run, lambda package: package.update(inferenceSpecificationName="gpu"))
    assert [urn.rpartition("::")[2] for urn, _ in found.unverified] == ["triage"]


def test_an_image_of_another_account_is_refused(run: Run) -> None:
    image = f"{OTHERS}.dkr.ecr.{REGION}.amazonaws.com/triage:3"
    ((urn, message),) = said(INSIDE, run, lambda package: package["containers"][0].update(image=image)).violations
    assert urn.endswith("ModelPackages::packages")
    assert "takes an image from another account or registry" in message


def test_who_deploys_may_read_the_package_and_make_a_model_of_it(run: Run) -> None:
    (teller,) = [each for each in run.all_resources if each.type == MODEL_PACKAGES]
    read = Read(teller.urn, teller.type, teller.name, teller.properties, {})
    ((statement,),) = [each["Statement"] for each in policies([read], [], Place("aws", REGION, HERE.id, {}))]
    assert statement["Resource"] == [ARN]
    assert statement["Action"] == ["sagemaker:CreateModel", "sagemaker:DescribeModelPackage"]
