"""What versions of a Model Registry's packages run and load, read before anything is declared.

Where there is no account to read, it is taken to be as the stack needs it, and the program says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from components import clients, offline
from components.described_models import Item, artifact_of, packaged, read_key
from components.ecr import EcrImage
from components.settings import Container, ImageSettings, Settings, SettingsError
from components.settings.model_package import region_of

Packages = Mapping[str, Sequence[Container]]
"""The containers of packages, by the ARN of each."""


@dataclass(frozen=True)
class _Named:
    """A package where the settings name it."""

    key: str
    """Of the setting."""
    arn: str
    artifact_key: str | None
    """The key of its artifact, if that is set."""
    instance_type: str

    @property
    def version(self) -> str:
        """Its group and number: an error names no account."""
        return self.arn.partition("/")[2]

    def refusal(self, message: str) -> SettingsError:
        return SettingsError(f"{self.key}: {self.version!r} {message}.")


def read_packages(settings: Settings) -> Packages:
    """What each package that the settings name is made of.

    Raises SettingsError for one that can't be read, isn't approved, or can't be served here.
    """
    named = list(_named(settings))
    if not named:
        return {}
    sagemaker, s3 = (clients.client(service, settings.region) for service in ("sagemaker", "s3"))
    if sagemaker is None:
        versions = ", ".join(dict.fromkeys(each.version for each in named))
        pulumi.warn(
            f"modelPackage: {versions} can't be read without an account, and is taken to be approved, with an image "
            "and an artifact that are examples. `check --live` reads it."
        )
        return {
            each.arn: [replace(container, artifact_key_arn=each.artifact_key) for container in assumed(each.arn)]
            for each in named
        }
    return {each.arn: tuple(_read(sagemaker, s3, each)) for each in named}


def assumed(arn: str) -> tuple[Container, ...]:
    """What a package is taken to be, where there is no account to read: an example, in the package's own account."""
    _, partition, _, region, account, name = arn.split(":")
    _, group, version = name.lower().split("/")
    host = f"{account}.dkr.ecr.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"
    artifact = f"s3://{group}-{account}/{version}/model.tar.gz"
    return (Container(image=ImageSettings(uri=f"{host}/{group}:{version}"), artifact=artifact),)


def _named(settings: Settings) -> Iterator[_Named]:
    for position, endpoint in enumerate(settings.endpoints):
        for number, model in enumerate(endpoint.models):
            if model.model_package:
                shared = (endpoint.instance_type or "") if endpoint.components else ""
                yield _Named(
                    key=f"endpoints[{position}].{endpoint.key(number)}model.modelPackage",
                    arn=model.model_package,
                    artifact_key=model.artifact_key_arn,
                    instance_type=shared or endpoint.hosted_variants[number].instance_type,
                )


def _read(sagemaker: Any, s3: Any, named: _Named) -> Iterator[Container]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        package = sagemaker.describe_model_package(ModelPackageName=named.arn)
    except (BotoCoreError, ClientError) as error:
        raise named.refusal(f"can't be looked up in SageMaker: {_reason(error)}. Correct it, or the access") from None
    _check(named, package)
    for container in packaged(package):
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
    if not packaged(package):
        raise named.refusal("has no inference specification, which says what to serve. Register one that has")
    supported = package["InferenceSpecification"].get("SupportedRealtimeInferenceInstanceTypes")
    if supported and named.instance_type not in supported:
        raise named.refusal(f"is for {', '.join(supported)}, not for {named.instance_type}. Choose one of these types")


def _check_container(named: _Named, container: Item) -> None:
    uri = artifact_of(container) or ""
    if not uri.startswith("s3://"):
        raise named.refusal("has a container that loads nothing from S3. Register one with its artifact there")
    if container.get("AdditionalModelDataSources") or container.get("AdditionalS3DataSource"):
        raise named.refusal("has a container that loads more than its artifact. Put all of it into one artifact")
    region = region_of(named.arn)
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
                "modelPackageName": arn,
                "containers": [{"image": each.image.uri, "modelDataUrl": each.artifact} for each in containers],
            }
            for arn, containers in packages.items()
        ]
        super().__init__("private-inference:inference:ModelPackages", name, {"packages": told}, opts)
        self.register_outputs({})
