"""Versions of Model Registry packages: what is read of them, what is refused, and what the stack makes of them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from components import clients
from components.model_packages import Packages, read_packages
from components.settings import SettingsError
from components.settings.model_package import Package
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.model_packages import artifact_of
from private_inference.rehearsal.prerequisites import provide
from tests.support.recording import ACCOUNT, REGION, Recorded, record, record_part, stack_config
from tests.support.stacks import HERE, component, endpoint, fleet, minimal, settings

ARN = HERE.arn("sagemaker", "model-package/triage/3")
PACKAGE, ON_GPUS = Package(ARN), Package(ARN, "gpu")
KEY = HERE.arn("kms", "key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9")
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/triage:3"
BESIDE = "is set beside modelPackage, whose version says what is served; remove one of them"
ARTIFACT = f"s3://triage-{ACCOUNT}/3/model.tar.gz"


def stack(archive: Path, **changes: Any) -> dict[str, Any]:
    return minimal(archive, endpoints=[endpoint(archive, model={"modelPackage": ARN, **changes})])


XGBOOST = {"framework": "xgboost", "version": "3.0-5"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"modelPackage": HERE.arn("sagemaker", "model-package-group/triage")},
            "endpoints[0].model.modelPackage: 'arn:aws:sagemaker:us-east-1:<account>:model-package-group/triage' is no "
            "version, and what it names may change; write one of its versions",
        ),
        (
            {"modelPackage": HERE.arn("sagemaker", "model-package/triage")},
            "is no version, and what it names may change",
        ),
        (
            {"modelPackage": ARN.replace(REGION, "eu-west-1")},
            f"is not in {REGION}, and SageMaker takes packages of its own region only; register it there",
        ),
        ({"artifact": ARTIFACT}, f"artifact: 's3://triage-<account>/3/model.tar.gz' {BESIDE}"),
        ({"image": XGBOOST}, f"image: {XGBOOST!r} {BESIDE}"),
        ({"pipeline": [{"artifact": ARTIFACT, "image": XGBOOST}] * 2}, BESIDE),
        ({"models": {"one": "model.tar.gz"}}, f"models: {{'one': 'model.tar.gz'}} {BESIDE}"),
        ({"modelCaching": False}, "modelCaching: False is for several models in one container; remove it"),
        ({"inferenceSpecification": "on gpus"}, "is not the name of an inference specification; write 63 letters"),
        ({"environment": {"HF_TOKEN": "hf"}}, "environment.HF_TOKEN: 'hf' is for a hub, which can't be reached"),
    ],
)
def test_the_settings_say_which_version_and_nothing_that_it_says(
    changes: Mapping[str, Any], said: str, archive: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(stack(archive, **changes))
    assert said in str(caught.value)


def test_a_specification_is_of_a_package(archive: Path) -> None:
    one = endpoint(archive)
    values = minimal(archive, endpoints=[one | {"model": {**one["model"], "inferenceSpecification": "gpu"}}])
    with pytest.raises(SettingsError, match=r"model.inferenceSpecification: 'gpu' is of a package's version, and mode"):
        settings(values)


@pytest.fixture(scope="module")
def account(archive: Path) -> Iterator[EmbeddedAws]:
    """One that has the package."""
    with EmbeddedAws(REGION) as aws:
        provide(aws, settings(stack(archive)))
        yield aws


class Registry:
    """SageMaker, which describes the package otherwise than it was registered."""

    def __init__(self, aws: EmbeddedAws, change: Mapping[str, Any], of_container: Mapping[str, Any]) -> None:
        self._sagemaker, self._change, self._of_container = aws.client("sagemaker"), change, of_container
        self.exceptions = self._sagemaker.exceptions

    def describe_model_package(self, **asked: Any) -> Mapping[str, Any]:
        found = self._sagemaker.describe_model_package(**asked)
        (container,) = found["InferenceSpecification"]["Containers"]
        specification = found["InferenceSpecification"] | {"Containers": [container | self._of_container]}
        return {**found, "InferenceSpecification": specification, **self._change}


def read(values: Mapping[str, Any], aws: EmbeddedAws, *changed: Mapping[str, Any]) -> Packages:
    change, of_container = (*changed, {}, {})[:2]
    of_registry = Registry(aws, change, of_container)
    with clients.using(lambda service: of_registry if service == "sagemaker" else aws.client(service)):
        return read_packages(settings(values))


def test_image_artifact_and_key_are_those_that_the_registry_names(archive: Path, account: EmbeddedAws) -> None:
    bucket, key = artifact_of(PACKAGE)
    wanted = account.client("s3").head_object(Bucket=bucket, Key=key)["SSEKMSKeyId"]
    (container,) = read(stack(archive), account)[PACKAGE]
    assert (container.image.uri, container.artifact, container.artifact_key_arn) == (IMAGE, ARTIFACT, wanted)


@pytest.mark.parametrize(
    ("change", "of_container", "said"),
    [
        ({"ModelApprovalStatus": "PendingManualApproval"}, {}, "is PendingManualApproval, not Approved. Have"),
        ({"ModelApprovalStatus": "Rejected"}, {}, "is Rejected, not Approved"),
        ({"ModelApprovalStatus": None}, {}, "is without approval, not Approved"),
        ({"ModelPackageStatus": "Failed"}, {}, "is Failed, not Completed"),
        ({"InferenceSpecification": {}}, {}, "has no inference specification"),
        ({}, {"ModelDataUrl": ""}, "has a container that loads nothing from S3"),
        ({}, {"AdditionalModelDataSources": [{}]}, "has a container that loads more than its artifact"),
        ({}, {"Image": "docker.io/library/nginx:1"}, "has an image that can't be served: it is not an image in ECR"),
        ({}, {"Image": IMAGE.replace(REGION, "eu-west-1")}, "has an image in eu-west-1, and SageMaker"),
        ({}, {"Environment": {"HF_MODEL_ID": "gpt2"}}, "sets HF_MODEL_ID, which is no path in the container"),
        ({}, {"ModelDataUrl": "s3://nobody/model.tar.gz"}, "has an artifact that can't be read, so"),
    ],
)  # fmt: skip
def test_what_can_not_be_served_is_refused_with_its_place_and_remedy(
    change: Mapping[str, Any], of_container: Mapping[str, Any], said: str, archive: Path, account: EmbeddedAws
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(stack(archive), account, change, of_container)
    assert f"endpoints[0].model.modelPackage: 'triage/3' {said}" in str(caught.value)
    assert ACCOUNT not in str(caught.value).replace(f"triage-{ACCOUNT}", "")


@pytest.fixture(scope="module")
def chosen(archive: Path) -> Iterator[EmbeddedAws]:
    """An account whose package has two additional specifications."""
    other = endpoint(archive, name="other", model={"modelPackage": ARN, "inferenceSpecification": "cpu"})
    with EmbeddedAws(REGION) as aws:
        provide(aws, settings(minimal(archive, endpoints=[*stack(archive, **SPECIFIED)["endpoints"], other])))
        yield aws


SPECIFIED = {"inferenceSpecification": "gpu"}


def test_the_specification_that_is_named_is_read(archive: Path, chosen: EmbeddedAws) -> None:
    found = read(stack(archive, **SPECIFIED), chosen)
    assert [each.artifact for each in found[ON_GPUS]] == [ARTIFACT.replace("/3/", "/3/gpu/")]
    assert [each.artifact for each in read(stack(archive), chosen)[PACKAGE]] == [ARTIFACT]


def test_a_specification_that_is_not_there_is_refused_with_those_that_are(
    archive: Path, chosen: EmbeddedAws, account: EmbeddedAws
) -> None:
    for aws, there in ((chosen, "gpu, cpu"), (account, "no additional one")):
        with pytest.raises(SettingsError) as caught:
            read(stack(archive, inferenceSpecification="tpu"), aws)
        wanted = f"endpoints[0].model.inferenceSpecification: 'tpu' is none of triage/3, which has {there}. Name"
        assert wanted in str(caught.value)


def test_its_own_instance_types_hold(archive: Path, chosen: EmbeddedAws) -> None:
    others = {"Name": "gpu", "Containers": [{}], "SupportedRealtimeInferenceInstanceTypes": ["ml.g5.xlarge"]}
    with pytest.raises(SettingsError, match=r"is for ml\.g5\.xlarge, not for ml\.m5\.large"):
        read(stack(archive, **SPECIFIED), chosen, {"AdditionalInferenceSpecifications": [others]})


def test_the_model_names_it_and_rules_are_told_of_it(archive: Path, made: Recorded) -> None:
    recorded = record(stack_config(stack(archive, artifactKeyArn=KEY, environment={"MODE": "fast"}, **SPECIFIED)))
    given = recorded.one("Model").properties["primaryContainer"]
    (told,) = recorded.one("ModelPackages").properties["packages"]
    assert given["inferenceSpecificationName"] == told["inferenceSpecificationName"] == "gpu"
    before, after = (each.one("EndpointConfiguration").name for each in (made, recorded))
    assert before != after


def test_a_version_that_is_not_there_is_refused(archive: Path, account: EmbeddedAws) -> None:
    with pytest.raises(SettingsError, match=r"'triage/4' can't be looked up in SageMaker: ValidationException"):
        read(stack(archive, modelPackage=ARN.replace("/3", "/4")), account)


def test_a_package_for_other_instance_types_is_refused_where_a_component_has_it_too(
    archive: Path, account: EmbeddedAws
) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": ARTIFACT}
    change = {
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.c5.large"],
        }
    }
    values = minimal(archive, endpoints=[fleet(archive, component(archive, "main", model={"modelPackage": ARN}))])
    with pytest.raises(
        SettingsError, match=r"components\[0\].model.modelPackage: .* is for ml.c5.large, not for ml.m5"
    ):
        read(values, account, change)


def test_a_key_that_is_set_is_not_read(archive: Path, account: EmbeddedAws) -> None:
    elsewhere = {"ModelDataUrl": "s3://nobody/model.tar.gz"}
    (container,) = read(stack(archive, artifactKeyArn=KEY), account, {}, elsewhere)[PACKAGE]
    assert container.artifact_key_arn == KEY


def test_without_an_account_an_example_is_assumed_and_told(archive: Path) -> None:
    found: list[Packages] = []
    run = record_part(lambda: found.append(read_packages(settings(stack(archive)))))
    assert [each.artifact for each in found[0][PACKAGE]] == [ARTIFACT]
    assert "triage/3 can't be read without an account, and is taken to be approved" in run.warnings


@pytest.fixture(scope="module")
def made(archive: Path) -> Recorded:
    values = stack(archive, artifactKeyArn=KEY, environment={"MODE": "fast"})
    return record(stack_config(values))


def test_the_model_names_the_package_alone(made: Recorded) -> None:
    (model,) = made.all("Model")
    assert model.properties["primaryContainer"] == {"modelPackageName": ARN, "environment": {"MODE": "fast"}}


def test_role_and_gateway_let_what_it_names_be_read(made: Recorded) -> None:
    role = json.loads(made.one("RolePolicy", "triage").properties["policy"])["Statement"]
    by_sid = {statement["Sid"]: statement["Resource"] for statement in role}
    artifact = f"arn:aws:s3:::triage-{ACCOUNT}/3/model.tar.gz"
    assert by_sid["Artifact"] == [artifact]
    assert by_sid["Image"] == [HERE.arn("ecr", "repository/triage")]
    assert KEY in by_sid["Keys"]
    assert artifact in made.one("VpcEndpoint", "s3").properties["policy"]


def test_another_version_is_another_configuration(archive: Path, made: Recorded) -> None:
    (before,) = made.all("EndpointConfiguration")
    values = stack(archive, modelPackage=ARN.replace("/3", "/4"), environment={"MODE": "fast"})
    (after,) = record(stack_config(values)).all("EndpointConfiguration")
    assert before.name != after.name


def test_rules_and_proofs_are_told_what_it_is_made_of(made: Recorded) -> None:
    (told,) = made.all("ModelPackages")
    (package,) = told.properties["packages"]
    assert package == {"modelPackageName": ARN, "containers": [{"image": IMAGE, "modelDataUrl": ARTIFACT}]}
