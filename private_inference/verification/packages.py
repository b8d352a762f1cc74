"""Model Registry packages: what a model of one runs and loads, as the registry has it, and whether it is approved."""

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from components.settings import Container, EndpointSettings, ImageSettings, ModelSettings
from components.settings.model_package import Package
from private_inference.rehearsal.fleet_needs import artifact_uri
from private_inference.verification.checks import Assertion, Result, UnreadableError, joined, result, text
from private_inference.verification.controls import INTEGRITY
from private_inference.verification.descriptions import Item, given_containers
from private_inference.verification.reader import Reader


def containers(aws: Reader, model: Item) -> list[Item]:
    """The containers of a model, whichever way it was given them, and those of the packages that it names."""
    return [
        one
        for each in given_containers(model)
        for one in (packaged(aws, named(each)) if "ModelPackageName" in each else [each])
    ]


def named(container: Item) -> Package:
    """The package that a container of a model names."""
    return Package(container["ModelPackageName"], container.get("InferenceSpecificationName"))


def packaged(aws: Reader, package: Package) -> Sequence[Item]:
    """The containers of a package's version."""
    found: Sequence[Item] = _specification(aws, package).get("Containers", [])
    return found


def served(aws: Reader, model: ModelSettings) -> Sequence[Container]:
    """What a model of the settings is to serve: its containers, or those of the package that it names."""
    if not model.package:
        return model.served
    return [
        Container(
            image=ImageSettings(uri=each["Image"]),
            artifact=artifact_uri(each),
            artifact_key_arn=model.artifact_key_arn or _key(aws, artifact_uri(each)),
        )
        for each in packaged(aws, model.package)
    ]


def served_by(aws: Reader, endpoints: Sequence[EndpointSettings]) -> list[Container]:
    """What all models of some endpoints are to serve."""
    return [each for endpoint in endpoints for model in endpoint.models for each in served(aws, model)]


def payload(aws: Reader, package: Package) -> tuple[bytes, str] | None:
    """The sample payload that a version was registered with, and the type that it has first; None without one.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html (SamplePayloadUrl)
    """
    described = _package(aws, package.arn)
    bucket, _, key = described.get("SamplePayloadUrl", "").removeprefix("s3://").partition("/")
    if not bucket:
        return None
    archive = io.BytesIO(b"".join(aws.stream("s3", "get_object", "Body", 1 << 20, Bucket=bucket, Key=key)))
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as packed:
            files = (packed.extractfile(each) for each in packed)
            body = next(file.read() for file in files if file)
    except (tarfile.TarError, OSError, StopIteration) as error:
        raise UnreadableError(f"{key} is no archive with a sample: {error}") from None
    types = _specification(aws, package).get("SupportedContentTypes")
    return body, (types or described["InferenceSpecification"]["SupportedContentTypes"])[0]


def in_words(package: Package) -> str:
    """A package's group and number, and which of its specifications is meant."""
    return f"{package.version}, {package.specification}" if package.specification else package.version


def assertions(aws: Reader, endpoints: Sequence[EndpointSettings]) -> Iterator[Assertion]:
    """About each package that the settings name."""
    for package in dict.fromkeys(model.package for endpoint in endpoints for model in endpoint.models):
        if package:
            claim = f"{in_words(package)} is approved, and its artifacts are there"
            yield Assertion("Model Registry", claim, partial(_servable, aws, package), INTEGRITY)


def _servable(aws: Reader, package: Package) -> Result:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeModelPackage.html (ModelApprovalStatus)"""
    approval = _package(aws, package.arn).get("ModelApprovalStatus")
    uris = list(map(artifact_uri, packaged(aws, package)))
    for uri in uris:
        _head(aws, uri)
    faults = [] if approval == "Approved" else [f"it is {text(approval)}"]
    faults += [] if uris else ["it has no such specification"]
    return result(f"{text(approval)}, {joined(uris)}", faults)


def _package(aws: Reader, arn: str) -> Item:
    return aws.get("sagemaker", "describe_model_package", ModelPackageName=arn)


def _specification(aws: Reader, package: Package) -> Item:
    described = _package(aws, package.arn)
    if not package.specification:
        first: Item = described.get("InferenceSpecification", {})
        return first
    additional = described.get("AdditionalInferenceSpecifications", [])
    return next((each for each in additional if each["Name"] == package.specification), {})


def _key(aws: Reader, uri: str) -> str | None:
    key: str | None = _head(aws, uri).get("SSEKMSKeyId")
    return key


def _head(aws: Reader, uri: str) -> Mapping[str, str]:
    """What S3 says of an object, or of the first below a prefix. Raises AbsentError where there is none."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if key.endswith("/"):
        listed = aws.all("s3", "list_objects_v2", "Contents", Bucket=bucket, Prefix=key)
        key = listed[0]["Key"] if listed else key
    return aws.get("s3", "head_object", Bucket=bucket, Key=key)
