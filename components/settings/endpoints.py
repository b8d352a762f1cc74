"""What a stack may set for each of its endpoints, with its defaults."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components import model_archive
from components.settings.fields import EcrUri, EndpointName, ImageTag, InstanceType, KeyArn, Reason
from components.settings.group import SettingsGroup
from components.settings.problems import Problem, raise_if_any


class ImageSettings(SettingsGroup):
    """A serving image: exactly one of a URI, a tag in this stack's registry, or an AWS prebuilt image."""

    uri: EcrUri | None = None
    """An ECR image with tag or digest."""
    repository_tag: ImageTag | None = None
    """A tag in the registry of this stack."""
    framework: Literal["xgboost", "scikit-learn", "pytorch", "tensorflow", "huggingface"] | None = None
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
    """A local model.tar.gz (relative to the project) or an S3 URI."""
    image: ImageSettings
    """The serving image."""
    artifact_key_arn: KeyArn | None = None
    """The key of an S3 artifact that is encrypted with a customer key of its own."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the container. No secrets: they are readable in the console."""
    network_isolation_off_because: Reason | None = None
    """Why the container needs the network; it then reaches S3 and this VPC's interface endpoints, nothing else."""

    @property
    def isolated(self) -> bool:
        """Whether the container has no network."""
        return self.network_isolation_off_because is None

    @property
    def local_artifact(self) -> Path | None:
        """The archive on disk; None if it is in S3."""
        return None if self.artifact.startswith("s3://") else Path(self.artifact)

    def _contradictions(self) -> Iterator[Problem]:
        if self.local_artifact is None:
            if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\.tar\.gz", self.artifact):
                yield Problem("artifact", self.artifact, "is not s3://BUCKET/KEY ending in .tar.gz; correct the URI")
        elif problem := model_archive.problem_with(self.local_artifact):
            message = f"can't be served: {problem}. Name a model.tar.gz (`make model` makes the example's)"
            yield Problem("artifact", self.artifact, message)
        if self.artifact_key_arn and self.local_artifact is not None:
            message = "is for S3 artifacts; remove it, local ones use the stack's key"
            yield Problem("artifactKeyArn", self.artifact_key_arn, message)


class InstanceSettings(SettingsGroup):
    """How many instances serve a variant."""

    min: Annotated[int, Field(ge=1, le=1000)] = 2
    """Scaling never goes below; two or more keep serving when a zone fails."""
    max: Annotated[int, Field(ge=1, le=1000)] = 10
    """Scaling never goes above."""
    initial: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Instances at creation; `min` unless given."""
    single_because: Reason | None = None
    """Why one instance is enough, and an outage of its zone an outage of the endpoint."""

    @property
    def at_creation(self) -> int:
        """How many instances the endpoint starts with."""
        return self.min if self.initial is None else self.initial

    def _contradictions(self) -> Iterator[Problem]:
        if self.min > self.max:
            yield Problem("max", self.max, f"is below min ({self.min}); raise max or lower min")
        elif not self.min <= self.at_creation <= self.max:
            message = f"must lie between min ({self.min}) and max ({self.max}); leave it out for min"
            yield Problem("initial", self.initial, message)
        if self.min < 2 and self.single_because is None:
            message = "is below 2: one zone's outage stops the endpoint. Use 2, or give singleBecause a reason"
            yield Problem("min", self.min, message)


class ScalingSettings(SettingsGroup):
    """When instances are added and removed."""

    invocations_per_instance: Annotated[float, Field(gt=0)] = 600
    """Target of SageMakerVariantInvocationsPerInstance, a minute. Start with half of what one instance bears."""
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 60
    """Target of CPUUtilization, in percent of the whole instance whatever its vCPUs."""
    scale_out_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two additions."""
    scale_in_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two removals."""


class AlarmSettings(SettingsGroup):
    """Thresholds over five minutes that notify the operators."""

    server_errors: Annotated[int, Field(ge=1)] = 5
    """Answers with status 5XX."""
    latency_ms: Annotated[float, Field(gt=0)] = 1000
    """95th percentile of the model's latency, in milliseconds."""
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


class UpdateSettings(SettingsGroup):
    """How an update moves traffic to new instances, and what rolls it back.

    The numbers are AWS's: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html and
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html
    """

    strategy: Literal["all-at-once", "canary", "linear", "rolling"] = "all-at-once"
    """Blue/green over a whole second fleet (all at once, after a canary, or in equal steps), or rolling by batches."""
    step_percent: Annotated[int, Field(ge=1, le=50)] | None = None
    """Size of the canary, of a linear step (10 or more) or of a batch (5 or more), in percent of the instances."""
    step_instances: Annotated[int, Field(ge=1, le=500)] | None = None
    """The same as a number of instances, in place of `stepPercent`."""
    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """After each step, how long alarms are watched before the next one: two periods of the alarms, unless given."""
    termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Blue/green: how long the old instances are kept after the last step."""
    maximum_seconds: Annotated[int, Field(ge=600, le=28800)] | None = None
    """When the update is given up and rolled back; AWS's own limit unless given."""
    rollback_off_because: Reason | None = None
    """Why no alarm rolls an update back, such as one that mends errors which already raise it."""

    @property
    def blue_green(self) -> bool:
        """Whether a whole second fleet is started."""
        return self.strategy != "rolling"

    def waits(self, instances: int) -> int:
        """Seconds that an update of so many instances waits in all."""
        steps = {"all-at-once": 1, "canary": 2}.get(self.strategy)
        if steps is None:
            share = self.step_percent or 100 * (self.step_instances or instances) / instances
            steps = math.ceil(100 / share)
        return steps * self.wait_seconds + self.termination_wait_seconds

    def _contradictions(self) -> Iterator[Problem]:
        given = [key for key in ("step_percent", "step_instances") if getattr(self, key) is not None]
        if self.strategy == "all-at-once" and given:
            yield Problem(
                "strategy", self.strategy, "has no steps; remove stepPercent and stepInstances, or choose one"
            )
        elif self.strategy != "all-at-once" and len(given) != 1:
            yield Problem("strategy", self.strategy, "needs exactly one of stepPercent and stepInstances")
        least = LEAST_PERCENT.get(self.strategy, 1)
        if self.step_percent is not None and self.step_percent < least:
            message = f"is below {least}, the least that AWS takes for {self.strategy}; raise it"
            yield Problem("stepPercent", self.step_percent, message)
        if self.termination_wait_seconds and not self.blue_green:
            message = "is for blue/green; remove it, rolling ends a batch of old instances with each step"
            yield Problem("terminationWaitSeconds", self.termination_wait_seconds, message)


LEAST_PERCENT = {"linear": 10, "rolling": 5}
"""Of the instances in one step, by strategy; the most is 50 for each.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RollingUpdatePolicy.html
"""


class EndpointSettings(SettingsGroup):
    """One SageMaker endpoint."""

    name: EndpointName
    """Name that callers use."""
    model: ModelSettings
    """What is served."""
    instance_type: InstanceType
    """Such as ml.m5.large."""
    instances: InstanceSettings = InstanceSettings()
    """How many."""
    scaling: ScalingSettings = ScalingSettings()
    """When the number changes."""
    alarms: AlarmSettings = AlarmSettings()
    """When operators are notified."""
    update: UpdateSettings = UpdateSettings()
    """How new models and settings reach it."""
    volume_key_off_because: Reason | None = None
    """For instance types with local NVMe storage only: why no customer key is named (the hardware encrypts it)."""

    @property
    def most_instances(self) -> int:
        """How many instances there may be while an update runs: old and new ones together."""
        update, most = self.update, self.instances.max
        if update.blue_green:
            return 2 * most
        return most + (update.step_instances or math.ceil((update.step_percent or 100) * most / 100))

    def _contradictions(self) -> Iterator[Problem]:
        update, least, most = self.update, self.instances.min, self.instances.max
        if update.step_instances is not None:
            fewest = math.ceil(LEAST_PERCENT.get(update.strategy, 0) * most / 100)
            if not fewest <= update.step_instances <= least / 2:
                message = (
                    f"must be from {max(fewest, 1)} to {least // 2}: at most half of instances.min ({least}), and "
                    f"{LEAST_PERCENT.get(update.strategy, 0)} % of instances.max ({most}) or more; use stepPercent"
                )
                yield Problem("update.stepInstances", update.step_instances, message)
        waits = update.waits(most)
        if update.maximum_seconds is not None and update.maximum_seconds <= waits:
            message = f"is no longer than the waits of an update of {most} instances ({waits} s); raise it"
            yield Problem("update.maximumSeconds", update.maximum_seconds, message)
        if update.strategy != "all-at-once" and self.instance_type.startswith("ml.inf1."):
            # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
            message = f"is not to be had on {self.instance_type}, which AWS updates all at once; remove it"
            yield Problem("update.strategy", update.strategy, message)


def distinct_names(endpoints: tuple[EndpointSettings, ...]) -> tuple[EndpointSettings, ...]:
    """The endpoints, if no two have one name. Raises PydanticCustomError."""
    raise_if_any(_repeated_names(endpoints))
    return endpoints


def _repeated_names(endpoints: Sequence[EndpointSettings]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, endpoint in enumerate(endpoints):
        other = first.setdefault(endpoint.name.lower(), position)
        if other != position:
            yield Problem(
                f"[{position}].name",
                endpoint.name,
                f"is the name of endpoints[{other}] too, case aside; give each endpoint a name of its own",
            )
