"""What a stack should be, from its settings and its contract alone.

Nothing here comes from the components, so that a mistake there is found.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from components.settings import ComponentSettings, Container, EndpointSettings, Settings, VariantSettings
from private_inference.reachability.stack_intent import TIERS

if TYPE_CHECKING:
    from components.contract import Contract

APP, ACCESS, MODEL = TIERS
S3, DYNAMODB, FRONT_DOOR = "s3", "dynamodb", "execute-api"


@dataclass(frozen=True)
class Variant:
    """One variant of an endpoint, as it was set."""

    endpoint: str
    settings: VariantSettings
    subject: str
    """In the words of a check: the endpoint's, where it names no variants."""
    shadow: bool = False
    """Whether it answers nobody."""
    scaled: bool = True
    """Whether the number of its instances follows the load."""

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def resource(self) -> str:
        """As Application Auto Scaling names it."""
        return f"endpoint/{self.endpoint}/variant/{self.name}"

    @property
    def dimensions(self) -> dict[str, str]:
        """Of its metrics."""
        return {"EndpointName": self.endpoint, "VariantName": self.name}


@dataclass(frozen=True)
class Component:
    """One inference component of an endpoint, as it was set."""

    endpoint: str
    settings: ComponentSettings

    @property
    def name(self) -> str:
        """InferenceComponentName: names are unique in an account and region, so the endpoint's comes first."""
        return f"{self.endpoint}-{self.settings.name}"

    @property
    def subject(self) -> str:
        """In the words of a check."""
        return f"Endpoint {self.endpoint}, component {self.settings.name}"

    @property
    def resource(self) -> str:
        """As Application Auto Scaling names it."""
        return f"inference-component/{self.name}"

    @property
    def dimensions(self) -> dict[str, str]:
        """Of its metrics."""
        return {"InferenceComponentName": self.name}


def components_of(endpoint: EndpointSettings) -> list[Component]:
    """The inference components of an endpoint, if several models share its fleet."""
    return [Component(endpoint.name, component) for component in endpoint.components]


def invoked(endpoint: EndpointSettings, arn: str, components: Sequence[str] = ()) -> set[str]:
    """ARNs of what calls of an endpoint are about, by its own: the component that they name, too.

    `components` are the names of those that may be called; all by default.
    """
    place = arn.partition("endpoint/")[0]
    named = [each.name for each in components_of(endpoint) if not components or each.name in components]
    return {arn, *(f"{place}inference-component/{name}" for name in named)}


def variants_of(endpoint: EndpointSettings) -> list[Variant]:
    """What an endpoint is to serve with: its production variants, then its shadow."""
    subject, shadow = f"Endpoint {endpoint.name}", endpoint.shadow
    serving = [
        Variant(endpoint.name, variant, f"{subject}, variant {variant.name}" if endpoint.variants else subject)
        for variant in endpoint.production_variants
    ]
    if shadow is None:
        return serving
    return [
        *serving,
        Variant(
            endpoint.name,
            endpoint.hosted_variants[-1],
            f"{subject}, shadow {shadow.name}",
            shadow=True,
            scaled=shadow.scaled,
        ),
    ]


@dataclass(frozen=True)
class Artifact:
    """A model archive in S3, or a prefix of its files, which ends in `/`.

    `digest` is the SHA-256 of a local one, which its key is named for; that of files is of their list, as `sha256sum`
    writes it.
    """

    bucket: str
    key: str
    digest: str | None

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Desired:
    """One stack: its project and name, the project's folder, what was set and what was promised."""

    project: str
    stack: str
    directory: Path
    settings: Settings
    contract: "Contract"

    @property
    def name(self) -> str:
        """What the names of this stack's resources begin with."""
        return f"{self.project}-{self.stack}"

    @property
    def watch(self) -> str:
        """Name of the trail that logs calls, and of the rule that tells of those from outside."""
        return f"{self.name}-calls"

    @property
    def iam_path(self) -> str:
        """Path of the stack's IAM roles and policies."""
        return f"/{self.project}/{self.stack}/"

    @property
    def partition(self) -> str:
        return self.contract.key_arns.data.split(":")[1]

    @property
    def account(self) -> str:
        return self.contract.key_arns.data.split(":")[4]

    @property
    def parameters_path(self) -> str:
        """Path of the SSM parameters that hold the contract, one for each endpoint."""
        return f"/{self.project}/{self.stack}/contract/"

    def service(self, name: str) -> str:
        """The full name of an endpoint service."""
        return f"com.amazonaws.{self.contract.region}.{name}"

    @property
    def runtime(self) -> str:
        """The endpoint service that clients call models through."""
        return "sagemaker.runtime-fips" if self.settings.private_access.fips else "sagemaker.runtime"

    @property
    def reused(self) -> frozenset[str]:
        """Ids of VPC endpoints that are the VPC owner's, and that the settings name."""
        existing = self.settings.network.existing
        return frozenset((existing.s3_gateway or "", *existing.interface_endpoints.values()) if existing else ())

    def reuses(self, service: str) -> bool:
        """Whether a service's interface endpoint is the VPC owner's, and keeps its policy and groups."""
        existing = self.settings.network.existing
        key = "sagemaker.runtime" if service == self.runtime else service
        return existing is not None and key in existing.interface_endpoints

    @property
    def interfaces(self) -> tuple[str, ...]:
        """Services with an interface endpoint."""
        front_door = (FRONT_DOOR,) if self.settings.private_api else ()
        return (self.runtime, *self.settings.private_access.interface_endpoints, *front_door)

    @property
    def gateways(self) -> tuple[str, ...]:
        """Services with a gateway endpoint."""
        return (S3, DYNAMODB) if self.settings.private_access.dynamodb else (S3,)

    @property
    def through_gateways(self) -> tuple[tuple[str, str], ...]:
        """The tiers that use a gateway endpoint, each with its service."""
        found = [(MODEL, S3)]
        if self.settings.private_access.dynamodb:
            found.append((APP, DYNAMODB))
        if self.settings.asynchronous or "ecr.dkr" in self.settings.private_access.interface_endpoints:
            found.append((APP, S3))
        return tuple(found)

    def digest(self, container: Container) -> str | None:
        """SHA-256 of a container's local archive, or of the list of its local files or archives."""
        return self._digests.get(container.source)

    @cached_property
    def _digests(self) -> Mapping[str, str]:
        local = {each.source: each for each in self.settings.containers if each.local}
        return {source: self._digest(container) for source, container in local.items()}

    def _digest(self, container: Container) -> str:
        if container.models:
            return listed({f"{name}.tar.gz": _sha256(self.directory / path) for name, path in container.models.items()})
        return _digest(self.directory / container.artifact)


def listed(digests: Mapping[str, str]) -> str:
    """SHA-256 of the list of a model's files: each one's SHA-256, by its path."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _digest(path: Path) -> str:
    if path.is_dir():
        return listed({each.relative_to(path).as_posix(): _sha256(each) for each in path.rglob("*") if each.is_file()})
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
