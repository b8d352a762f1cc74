"""What a stack may set for each production variant of an endpoint, with its defaults."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components import container_environment, model_archive, model_directory, offline
from components.settings.fields import EcrUri, ImageTag, InstanceType, KeyArn, Reason, VariantName
from components.settings.group import SettingsGroup
from components.settings.hosting import HostingSettings
from components.settings.problems import Problem

ALL_TRAFFIC = "AllTraffic"
"""Name of the variant of an endpoint that names none. AWS would draw one, and scaling could not refer to it."""


class ImageSettings(SettingsGroup):
    """A serving image: exactly one of a URI, a tag in this stack's registry, or an AWS prebuilt image."""

    uri: EcrUri | None = None
    """An ECR image with tag or digest."""
    repository_tag: ImageTag | None = None
    """A tag in the registry of this stack."""
    framework: Literal["xgboost", "scikit-learn", "pytorch", "tensorflow", "huggingface", "lmi"] | None = None
    """An AWS prebuilt image, together with `version`."""
    version: ImageTag | None = None
    """The prebuilt image's tag, such as 3.0-5."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("uri", "repository_tag", "framework") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of uri, repositoryTag, or framework with version")
        if (self.framework is None) != (self.version is None):
            raise ValueError("needs framework and version together, such as xgboost and 3.0-5")
        return self


class ModelSettings(SettingsGroup):
    """What is served: the artifact and the image that loads it."""

    artifact: str
    """A local model.tar.gz (relative to the project) or its S3 URI; what ends in `/` is a directory or a prefix.

    Its files are loaded as they are, which suits large models: a hundred gigabytes need not be packed.
    """
    image: ImageSettings
    """The serving image."""
    artifact_key_arn: KeyArn | None = None
    """The key of an S3 artifact that is encrypted with a customer key of its own."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the container. No secrets: they are readable in the console.

    Those that keep language models' containers from asking a hub are set by themselves, and can't be undone.
    """
    network_isolation_off_because: Reason | None = None
    """Why the container needs the network; it then reaches S3 and this VPC's interface endpoints, nothing else."""

    @property
    def isolated(self) -> bool:
        """Whether the container has no network."""
        return self.network_isolation_off_because is None

    @property
    def uncompressed(self) -> bool:
        """Whether the artifact is a directory's files, not an archive."""
        return self.artifact.endswith("/")

    @property
    def local_artifact(self) -> Path | None:
        """The archive or directory on disk; None if it is in S3."""
        return None if self.artifact.startswith("s3://") else Path(self.artifact)

    @property
    def container_environment(self) -> dict[str, str]:
        """What the container gets: the settings', and what keeps one for language models offline."""
        asks_hubs = self.uncompressed or self.image.framework in ("huggingface", "lmi")
        return {**(offline.OFFLINE if asks_hubs else {}), **self.environment}

    def _contradictions(self) -> Iterator[Problem]:
        yield from self._artifact_contradictions()
        for name, message in chain(container_environment.refused(self.environment), offline.refused(self.environment)):
            yield Problem(f"environment.{name}", self.environment[name], message)
        count, most = len(self.container_environment), container_environment.most()
        if count > most:
            yield Problem("environment", count, f"variables are more than the {most} that SageMaker takes; remove some")

    def _artifact_contradictions(self) -> Iterator[Problem]:
        if self.local_artifact is None:
            if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^/].*(\.tar\.gz|/)", self.artifact):
                message = "is not s3://BUCKET/KEY ending in .tar.gz, or in / as a prefix does; correct the URI"
                yield Problem("artifact", self.artifact, message)
        elif self.uncompressed:
            if problem := model_directory.problem_with(self.local_artifact):
                message = f"can't be served: {problem}. Name a directory with the model's files"
                yield Problem("artifact", self.artifact, message)
            for message in offline.refused_files(self.local_artifact):
                yield Problem("artifact", self.artifact, message)
        elif self.local_artifact.is_dir():
            message = "can't be served: that is a directory. Name a model.tar.gz, or end it in / to serve its files"
            yield Problem("artifact", self.artifact, message)
        elif problem := model_archive.problem_with(self.local_artifact):
            message = f"can't be served: {problem}. Name a model.tar.gz (`make model` makes the example's)"
            yield Problem("artifact", self.artifact, message)
        if self.artifact_key_arn and self.local_artifact is not None:
            message = "is for S3 artifacts; remove it, local ones use the stack's key"
            yield Problem("artifactKeyArn", self.artifact_key_arn, message)


class InstanceSettings(SettingsGroup):
    """How many instances serve a variant."""

    min: Annotated[int, Field(ge=0, le=1000)] = 2
    """Scaling never goes below; two or more keep serving when a zone fails. 0 is for asynchronous endpoints."""
    max: Annotated[int, Field(ge=1, le=1000)] = 10
    """Scaling never goes above."""
    initial: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Instances at creation; `min` unless given, and one where that is 0."""
    single_because: Reason | None = None
    """Why one instance is enough, and an outage of its zone an outage of the endpoint."""

    @property
    def at_creation(self) -> int:
        """How many instances the endpoint starts with."""
        return max(self.min, 1) if self.initial is None else self.initial

    def _contradictions(self) -> Iterator[Problem]:
        if self.min > self.max:
            yield Problem("max", self.max, f"is below min ({self.min}); raise max or lower min")
        elif not self.min <= self.at_creation <= self.max:
            message = f"must lie between min ({self.min}) and max ({self.max}); leave it out for min"
            yield Problem("initial", self.initial, message)
        if self.min == 1 and self.single_because is None:
            message = "is below 2: one zone's outage stops the endpoint. Use 2, or give singleBecause a reason"
            yield Problem("min", self.min, message)


class ScalingSettings(SettingsGroup):
    """When instances are added and removed."""

    invocations_per_instance: Annotated[float, Field(gt=0)] = 600
    """Target of SageMakerVariantInvocationsPerInstance, a minute. Start with half of what one instance bears."""
    concurrent_requests_per_instance: Annotated[float, Field(gt=0)] | None = None
    """In its place: target of SageMakerVariantConcurrentRequestsPerModelHighResolution, which is seen within seconds.

    For requests that take long, such as those of language models. Start with half of what one instance serves at once.
    """
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 60
    """Target of CPUUtilization, in percent of the whole instance whatever its vCPUs."""
    scale_out_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two additions."""
    scale_in_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two removals."""

    def _contradictions(self) -> Iterator[Problem]:
        if self.concurrent_requests_per_instance and "invocations_per_instance" in self.model_fields_set:
            message = (
                "is set beside concurrentRequestsPerInstance, and either says when instances are added; remove one"
            )
            yield Problem("invocationsPerInstance", self.invocations_per_instance, message)


class AlarmSettings(SettingsGroup):
    """Thresholds over five minutes that notify the operators."""

    server_errors: Annotated[int, Field(ge=1)] = 5
    """Answers with status 5XX."""
    latency_ms: Annotated[float, Field(gt=0)] = 1000
    """95th percentile of the model's latency, in milliseconds.

    Of an asynchronous endpoint half of `asynchronous.invocationTimeoutSeconds`, unless given.
    """
    client_error_percent: Annotated[float, Field(gt=0, le=100)] = 25
    """Answers with status 4XX, in percent of all."""
    overhead_ms: Annotated[float, Field(gt=0)] = 500
    """95th percentile of what SageMaker adds to the model's latency, in milliseconds."""
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 90
    """Average CPU, in percent of the whole instance."""
    memory_percent: Annotated[float, Field(gt=0, le=100)] = 90
    """Average memory of the containers."""
    disk_percent: Annotated[float, Field(gt=0, le=100)] = 80
    """Average use of the containers' disk."""
    gpu_percent: Annotated[float, Field(gt=0, le=100)] = 95
    """Average GPU, in percent of all GPUs of the instance, where it has any."""
    gpu_memory_percent: Annotated[float, Field(gt=0, le=100)] = 95
    """Average GPU memory, in percent of that of all GPUs of the instance, where it has any."""
    silent_minutes: Annotated[int, Field(ge=5, le=1440, multiple_of=5)] | None = None
    """Minutes without an invocation, where some are expected; by default silence is no alarm."""


class VariantSettings(SettingsGroup):
    """One of several models behind an endpoint, on instances of its own."""

    name: VariantName
    """TargetVariant of InvokeEndpoint. One named AllTraffic is the one that an endpoint without variants has."""
    model: ModelSettings
    """What is served."""
    instance_type: InstanceType
    """Such as ml.m5.large."""
    weight: Annotated[float, Field(ge=0)] = 1
    """Its share of the calls that name no variant: of the sum of all weights. With 0 it gets none of them."""
    instances: InstanceSettings = InstanceSettings()
    """How many."""
    hosting: HostingSettings = HostingSettings()
    """How they start."""
    scaling: ScalingSettings = ScalingSettings()
    """When the number changes."""
    alarms: AlarmSettings = AlarmSettings()
    """When operators are notified."""


def label(endpoint: str, variant: str) -> str:
    """What the resources of a variant are named for: its endpoint, and itself where the endpoint names its variants."""
    return endpoint if variant == ALL_TRAFFIC else f"{endpoint}-{variant}"
