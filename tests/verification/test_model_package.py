"""A model of a Model Registry's package in an embedded AWS: it answers, and `verify` follows it to what it loads."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components import clients
from components.live_endpoints import live_endpoints
from components.model_packages import read_packages
from components.settings.model_package import Package
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.model_packages import artifact_of, hold
from private_inference.runner.undeployed import nothing, undeployed
from private_inference.verification import Desired, Verdict, assertions
from private_inference.verification.checks import evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.reader import Reader
from tests.support.recording import stack_config
from tests.support.stacks import HERE, OTHERS, endpoint, minimal, settings
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")

ARN = HERE.arn("sagemaker", "model-package/triage/3")
PACKAGE = Package(ARN, "fast")
MODEL = {"modelPackage": ARN, "inferenceSpecification": "fast"}
APPROVED = "Model Registry: triage/3, fast is approved, and its artifacts are there"
STARTABLE = "Endpoint triage: what serves can be started again"


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    asked = minimal(built, endpoints=[endpoint(built, model=MODEL)])

    def of_a_pipeline(aws: EmbeddedAws) -> None:
        """The example's model, under the key that the package's has."""
        hold(aws, PACKAGE, built.read_bytes(), built.with_name("sample.csv").read_bytes(), key_of(aws.client("s3")))

    with deployed(stack_config(asked), of_a_pipeline) as deployment:
        yield deployment


def key_of(s3: Any) -> str:
    """The ARN of the archive's key."""
    bucket, path = artifact_of(PACKAGE)
    found: str = s3.head_object(Bucket=bucket, Key=path)["SSEKMSKeyId"]
    return found


@pytest.fixture
def key(stack: Deployment) -> str:
    return key_of(stack.client("s3"))


def test_it_answers_with_the_model_that_was_registered(stack: Deployment, built: Path) -> None:
    body = built.with_name("sample.csv").read_bytes()
    runtime = stack.client("sagemaker-runtime")
    answer = runtime.invoke_endpoint(
        EndpointName="triage", ContentType="text/csv", Accept="application/json", Body=body
    )
    found, expected = answer["Body"].read(), built.with_name("expected.json").read_text()
    scores, wanted = ([each["score"] for each in json.loads(text)["predictions"]] for text in (found, expected))
    assert scores == pytest.approx(wanted, rel=1e-5)


def test_it_is_as_asked(stack: Deployment) -> None:
    checks = {f"{check.subject}: {check.asked}": check.verdict for check in stack.verify()}
    called = "Endpoint triage: answers the sample payload of its package, called from where this runs"
    assert {APPROVED, STARTABLE, "Endpoint triage: serves triage/3, fast of the Model Registry"} <= checks.keys()
    assert any(each.startswith(called) for each in checks)
    assert {each for each, verdict in checks.items() if verdict is not Verdict.OK} == set()


def said(stack: Deployment, claim: str, desired: Desired | None = None) -> Verdict:
    """The verdict on one claim: of all, it takes a hundredth of the time."""
    whole = Deployed(desired or stack.desired, Reader(stack.client))
    (asked,) = [each for each in assertions(whole) if f"{each.subject}: {each.text}" == claim]
    return evaluate(asked).verdict


def test_an_approval_that_was_withdrawn_is_told(stack: Deployment) -> None:
    def decide(status: str) -> None:
        stack.client("sagemaker").update_model_package(ModelPackageArn=ARN, ModelApprovalStatus=status)

    decide("Rejected")
    assert said(stack, APPROVED) is Verdict.MISS
    decide("Approved")
    assert said(stack, APPROVED) is Verdict.OK


def test_a_key_that_can_not_be_used_is_told(stack: Deployment, key: str) -> None:
    identity = key.rpartition("/")[2]
    stack.client("kms").disable_key(KeyId=identity)
    assert said(stack, STARTABLE) is Verdict.MISS
    stack.client("kms").enable_key(KeyId=identity)
    assert said(stack, STARTABLE) is Verdict.OK


def test_another_version_is_not_what_serves(stack: Deployment, built: Path) -> None:
    for other, called in (
        (MODEL | {"modelPackage": ARN.replace("/3", "/4")}, "triage/4, fast"),
        (MODEL | {"modelPackage": ARN.replace(HERE.id, OTHERS)}, "triage/3, fast"),
        ({"modelPackage": ARN}, "triage/3"),
    ):
        wanted = settings(minimal(built, endpoints=[endpoint(built, model=other)]))
        claim = f"Endpoint triage: serves {called} of the Model Registry"
        assert said(stack, claim, replace(stack.desired, settings=wanted)) is Verdict.MISS


def test_a_specification_that_is_not_there_is_told(stack: Deployment, built: Path) -> None:
    other = MODEL | {"inferenceSpecification": "slow"}
    wanted = settings(minimal(built, endpoints=[endpoint(built, model=other)]))
    claim = "Model Registry: triage/3, slow is approved, and its artifacts are there"
    assert said(stack, claim, replace(stack.desired, settings=wanted)) is Verdict.MISS


def test_an_update_keeps_what_the_serving_package_loads_readable(stack: Deployment, key: str) -> None:
    with clients.using(stack.client):
        live: Any = live_endpoints(stack.desired.settings, stack.desired.project, stack.desired.stack)["triage"]
    bucket, path = artifact_of(PACKAGE)
    assert (live.artifacts, live.artifact_keys) == ((f"s3://{bucket}/{path}",), (key,))
    assert [image.partition("/")[2] for image in live.images] == ["triage:3"]


def test_an_account_before_the_deployment_has_the_package_and_no_endpoint(stack: Deployment) -> None:
    desired = stack.desired
    with clients.using(undeployed(stack.client)):
        assert live_endpoints(desired.settings, desired.project, desired.stack) == {}
        assert list(read_packages(desired.settings)) == [PACKAGE]
    with clients.using(undeployed(nothing)):
        assert live_endpoints(desired.settings, desired.project, desired.stack) == {}
