"""What versions of a Model Registry's packages run and load, read before anything is declared.

Where there is no account to read, it is taken to be as the stack needs it, and the program says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from components import clients, offline
from components.described_models import Item, artifact_of, read_key, specification
from components.ecr import EcrImage
from components.settings import Container, ImageSettings, Settings, SettingsError
from components.settings.model_package import Package, region_of

Packages = Mapping[Package, Sequence[Container]]
"""The containers of packages."""


@dataclass(frozen=True)
class _Named:
    """A package where the settings name it."""

    key: str
    """Of the model's settings, up to its last dot."""
    package: Package
    artifact_key: str | None
    """The key of its artifact, if that is set."""
    instance_type: str

    def refusal(self, message: str) -> SettingsError:
        return SettingsError(f"{self.key}modelPackage: {self.package.version!r} {message}.")


def read_packages(settings: Settings) -> Packages:
    """What each package that the settings name is made of.

    Raises SettingsError for one that can't be read, isn't approved, or can't be served here.
    """
    named = list(_named(settings))
    if not named:
        return {}
    sagemaker, s3 = (clients.client(service, settings.region) for service in ("sagemaker", "s3"))
    if sagemaker is None:
        versions = ", ".join(dict.fromkeys(each.package.version for each in named))
        pulumi.warn(
            f"modelPackage: {versions} can't be read without an account, and is taken to be approved, with an image "
            "and an artifact that are examples. `check --live` reads it."
        )
        return {
            each.package: [replace(one, artifact_key_arn=each.artifact_key) for one in assumed(each.package)]
            for each in named
        }
    return {each.package: tuple(_read(sagemaker, s3, each)) for each in named}


def assumed(package: Package) -> tuple[Container, ...]:
    """What a package is taken to be, where there is no account to read: an example, in the package's own account."""
    _, partition, _, region, account, name = package.arn.split(":")
    _, group, version = name.lower().split("/")
    host = f"{account}.dkr.ecr.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"
    place = f"{version}/{package.specification}" if package.specification else version
    artifact = f"s3://{group}-{account}/{place}/model.tar.gz"
    return (Container(image=ImageSettings(uri=f"{host}/{group}:{version}"), artifact=artifact),)


def _named(settings: Settings) -> Iterator[_Named]:
    for position, endpoint in enumerate(settings.endpoints):
        for number, model in enumerate(endpoint.models):
            if model.package:
                shared = (endpoint.instance_type or "") if endpoint.components else ""
                yield _Named(
                    key=f"endpoints[{position}].{endpoint.key(number)}model.",
                    package=model.package,
                    artifact_key=model.artifact_key_arn,
                    instance_type=shared or endpoint.hosted_variants[number].instance_type,
                )


def _read(sagemaker: Any, s3: Any, named: _Named) -> Iterator[Container]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        package = sagemaker.describe_model_package(ModelPackageName=named.package.arn)
    except (BotoCoreError, ClientError) as error:
        raise named.refusal(f"can't be looked up in SageMaker: {_reason(error)}. Correct it, or the access") from None
    _check(named, package)
    for container in specification(package, named.package.specification)["Containers"]:
        _check_container(named, container)
        uri = artifact_of(container) or ""
        try:
            key = named.artifact_key or read_key(s3, uri)
        except (BotoCoreError, ClientError) as error:
            raise named.refusal(
                f"has an artifact that can't be read, so that nobody knows its key: {uri}: {_reason(error)}. Correct "
                "the access, or set artifactKeyArn"
            ) from None
        yield Container(image=ImageSettings(uri=container["Image"]), artifact=uri, artifact_key_arn=key)


def _reason(error: Exception) -> str:
    answer = getattr(error, "response", None)
    return str(answer["Error"]["Code"] if answer else error)


def _check(named: _Named, package: Item) -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeModelPackage.html"""
    approval, status = package.get("ModelApprovalStatus"), package["ModelPackageStatus"]
    if approval != "Approved":
        raise named.refusal(
            f"is {approval or 'without approval'}, not Approved. Have it approved in the registry, or name a version "
            "that is"
        )
    if status != "Completed":
        raise named.refusal(f"is {status}, not Completed. Wait until it is, or register it again")
    chosen = specification(package, named.package.specification)
    if named.package.specification and not chosen:
        there = ", ".join(each["Name"] for each in package.get("AdditionalInferenceSpecifications", []))
        raise SettingsError(
            f"{named.key}inferenceSpecification: {named.package.specification!r} is none of {named.package.version}, "
            f"which has {there or 'no additional one'}. Name one of them, or none."
        )
    if not chosen.get("Containers"):
        raise named.refusal("has no inference specification, which says what to serve. Register one that has")
    supported = chosen.get("SupportedRealtimeInferenceInstanceTypes")
    if supported and named.instance_type not in supported:
        raise named.refusal(f"is for {', '.join(supported)}, not for {named.instance_type}. Choose one of these types")


def _check_container(named: _Named, container: Item) -> None:
    uri = artifact_of(container) or ""
    if not uri.startswith("s3://"):
        raise named.refusal("has a container that loads nothing from S3. Register one with its artifact there")
    if container.get("AdditionalModelDataSources") or container.get("AdditionalS3DataSource"):
        raise named.refusal("has a container that loads more than its artifact. Put all of it into one artifact")
    region = region_of(named.package.arn)
    try:
        image = EcrImage.parse(container.get("Image", ""))
    except ValueError as error:
        raise named.refusal(f"has an image that can't be served: it {error}") from None
    if image.region != region:
        raise named.refusal(f"has an image in {image.region}, and SageMaker takes images of {region} only. Copy it")
    for name, message in offline.refused(container.get("Environment", {})):
        raise named.refusal(f"sets {name}, which {message}: register it so")


class ModelPackages(pulumi.ComponentResource):
    """The packages as facts for rules and proofs: SageMaker's models name them, and not what they load and run."""

    def __init__(self, name: str, packages: Packages, opts: pulumi.ResourceOptions | None = None) -> None:
        told = [
            {
                "modelPackageName": package.arn,
                **({"inferenceSpecificationName": package.specification} if package.specification else {}),
                "containers": [{"image": each.image.uri, "modelDataUrl": each.artifact} for each in containers],
            }
            for package, containers in packages.items()
        ]
        super().__init__("private-inference:inference:ModelPackages", name, {"packages": told}, opts)
        self.register_outputs({})
