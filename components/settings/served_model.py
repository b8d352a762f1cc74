"""What a stack may set for a model: its container, several in a row or side by side, one for many models, a package."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from components import model_archive, model_directory, offline
from components.settings.environment import problems as environment_problems
from components.settings.fields import ContainerName, KeyArn, Reason, SpecificationName, TargetName
from components.settings.group import SettingsGroup
from components.settings.image import ImageSettings
from components.settings.model_package import ModelPackageArn, Package
from components.settings.model_package import contradictions as package_contradictions
from components.settings.problems import Problem

MOST_CONTAINERS = 15
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html (Containers)"""

OF_ONE_CONTAINER = ("artifact", "image", "artifact_key_arn", "environment")
"""Settings of a model that names no containers; each container has them of its own."""

MOST_TARGETS = 1000
"""Characters of all names of models: the contract's SSM parameter, of 4 KB, and callers' policies hold them.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""

LOADING_MANY = ("xgboost", "scikit-learn", "pytorch", "tensorflow")
"""AWS's images that load several models: https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-support.html"""


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container of a model, whichever way the settings name it."""

    image: ImageSettings
    artifact: str = ""
    """What it loads when it starts; empty if it loads `models` when they are called."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Local archives, by the names that calls have for them (TargetModel)."""
    artifact_key_arn: str | None = None
    set_environment: Mapping[str, str] = field(default_factory=dict)
    """As the settings have it."""
    key: str = ""
    """Where it is set, relative to the model: nowhere of its own, or such as `pipeline[1].`"""
    hostname: str = ""
    """The name that calls have for it (TargetContainerHostname), if they may choose one."""

    @property
    def source(self) -> str:
        """What it loads, in words, by which it is told from others."""
        return self.artifact or ", ".join(f"{name} ({path})" for name, path in sorted(self.models.items()))

    @property
    def uncompressed(self) -> bool:
        """Whether the artifact is a directory's files, not an archive."""
        return self.artifact.endswith("/")

    @property
    def listed(self) -> bool:
        """Whether what it loads is below a prefix: files, or several archives."""
        return self.uncompressed or bool(self.models)

    @property
    def local_artifact(self) -> Path | None:
        """The archive or directory on disk; None if it is in S3, or are several."""
        return None if not self.artifact or self.artifact.startswith("s3://") else Path(self.artifact)

    @property
    def local(self) -> Mapping[str, str]:
        """All archives and directories on disk that it loads, by the key of each, relative to the model."""
        one = {f"{self.key}artifact": self.artifact} if self.local_artifact else {}
        return {**one, **{f"models.{name}": path for name, path in self.models.items()}}

    @property
    def environment(self) -> dict[str, str]:
        """What the container gets: the settings', and what keeps one for language models offline."""
        asks_hubs = self.uncompressed or self.image.framework in ("huggingface", "lmi")
        return {**(offline.OFFLINE if asks_hubs else {}), **self.set_environment}

    def problems(self) -> Iterator[Problem]:
        """What is wrong with it, with keys relative to itself."""
        yield from _artifact_problems(self) if self.artifact else ()
        yield from environment_problems(self.set_environment, len(self.environment))


def _artifact_problems(container: Container) -> Iterator[Problem]:
    artifact, local = container.artifact, container.local_artifact
    if local is None:
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^/].*(\.tar\.gz|/)", artifact):
            message = "is not s3://BUCKET/KEY ending in .tar.gz, or in / as a prefix does; correct the URI"
            yield Problem("artifact", artifact, message)
    elif container.uncompressed:
        if problem := model_directory.problem_with(local):
            message = f"can't be served: {problem}. Name a directory with the model's files"
            yield Problem("artifact", artifact, message)
        for message in offline.refused_files(local):
            yield Problem("artifact", artifact, message)
    elif local.is_dir():
        message = "can't be served: that is a directory. Name a model.tar.gz, or end it in / to serve its files"
        yield Problem("artifact", artifact, message)
    elif problem := model_archive.problem_with(local):
        message = f"can't be served: {problem}. Name a model.tar.gz (`make model` makes the example's)"
        yield Problem("artifact", artifact, message)
    if container.artifact_key_arn and local is not None:
        message = "is for S3 artifacts; remove it, local ones use the stack's key"
        yield Problem("artifactKeyArn", container.artifact_key_arn, message)


class ContainerSettings(SettingsGroup):
    """One of several containers of a model: the artifact and the image that loads it, as for a model of one."""

    artifact: str
    """A local model.tar.gz, its S3 URI, or a directory or prefix, which ends in `/`."""
    image: ImageSettings
    """The serving image."""
    artifact_key_arn: KeyArn | None = None
    """The key of an S3 artifact that is encrypted with a customer key of its own."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the container. No secrets: they are readable in the console."""

    def container(self, key: str = "", hostname: str = "") -> Container:
        """What the program serves, set at `key`."""
        return Container(
            image=self.image,
            artifact=self.artifact,
            artifact_key_arn=self.artifact_key_arn,
            set_environment=self.environment,
            key=key,
            hostname=hostname,
        )

    def _contradictions(self) -> Iterator[Problem]:
        yield from self.container().problems()


class ModelSettings(SettingsGroup):
    """What is served: the artifact and the image that loads it.

    Or several containers, in a row (`pipeline`) or side by side (`containers`); or several models in one container,
    each of which is loaded when it is called (`models`).
    """

    artifact: str | None = None
    """A local model.tar.gz (relative to the project) or its S3 URI; what ends in `/` is a directory or a prefix.

    Its files are loaded as they are, which suits large models: a hundred gigabytes need not be packed.
    """
    image: ImageSettings | None = None
    """The serving image."""
    artifact_key_arn: KeyArn | None = None
    """The key of an S3 artifact that is encrypted with a customer key of its own."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the container. No secrets: they are readable in the console.

    Those that keep language models' containers from asking a hub are set by themselves, and can't be undone.
    """
    models: dict[TargetName, str] = Field(default_factory=dict)
    """In the place of `artifact`: local archives by name. A call names one, as NAME.tar.gz (TargetModel)."""
    model_caching: bool = True
    """Whether an instance keeps models of `models` in memory for further calls."""
    pipeline: Annotated[tuple[ContainerSettings, ...], Field(max_length=MOST_CONTAINERS)] = ()
    """In the place of `artifact` and `image`: containers in a row, each of which gets what the one before answered."""
    containers: Annotated[dict[ContainerName, ContainerSettings], Field(max_length=MOST_CONTAINERS)] = Field(
        default_factory=dict
    )
    """In their place, too: containers side by side, by name. A call names one (TargetContainerHostname)."""
    model_package: ModelPackageArn | None = None
    """In their place, too: a version of a Model Registry's package group, by its ARN. It has to be approved.

    What it names is read before anything is made; `artifactKeyArn` is needed where whoever deploys can't read its
    artifact, and `environment` is set beside the package's own.
    """
    inference_specification: SpecificationName | None = None
    """Which of the package's additional inference specifications is served, by its name; without it its first one."""
    network_isolation_off_because: Reason | None = None
    """Why the container needs the network; it then reaches S3 and this VPC's interface endpoints, nothing else."""

    @property
    def package(self) -> Package | None:
        """The version of a package that it is, if it is one."""
        return Package(self.model_package, self.inference_specification) if self.model_package else None

    @property
    def isolated(self) -> bool:
        """Whether the container has no network."""
        return self.network_isolation_off_because is None

    @property
    def served(self) -> tuple[Container, ...]:
        """Its containers, in their order; nothing where a package says what they are."""
        if self.pipeline:
            return tuple(each.container(f"pipeline[{number}].") for number, each in enumerate(self.pipeline))
        if self.containers:
            return tuple(each.container(f"containers.{name}.", name) for name, each in self.containers.items())
        if self.image is None:
            return ()
        only = Container(
            image=self.image,
            artifact=self.artifact or "",
            models=self.models,
            artifact_key_arn=self.artifact_key_arn,
            set_environment=self.environment,
        )
        return (only,)

    @property
    def target_models(self) -> tuple[str, ...]:
        """What calls may name as TargetModel, and have to; nothing if the model is no choice."""
        return tuple(sorted(f"{name}{ARCHIVE}" for name in self.models))

    @property
    def target_containers(self) -> tuple[str, ...]:
        """What calls may name as TargetContainerHostname, and have to; nothing if the container is no choice."""
        return tuple(self.containers)

    @property
    def local(self) -> Mapping[str, str]:
        """All archives and directories on disk that it loads, by the key of each, relative to itself."""
        return {key: path for container in self.served for key, path in container.local.items()}

    def _contradictions(self) -> Iterator[Problem]:
        if self.model_package:
            yield from package_contradictions(self)
            return
        if self.inference_specification:
            message = "is of a package's version, and modelPackage names none; set it, or remove this"
            yield Problem("inferenceSpecification", self.inference_specification, message)
        forms = [form for form in ("pipeline", "containers", "models") if getattr(self, form)]
        for form in forms[1:]:
            yield Problem(
                form, [*getattr(self, form)], f"is set beside {forms[0]}, and a model has one form; remove one"
            )
        if self.pipeline or self.containers:
            yield from self._several_containers(forms[0])
        else:
            yield from self._one_container()
            for container in self.served:
                yield from container.problems()
        if self.models:
            yield from self._many_models()
        elif not self.model_caching:
            yield Problem("modelCaching", False, "is for several models in one container; remove it, or set models")

    def _several_containers(self, form: str) -> Iterator[Problem]:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/multi-container-create.html"""
        if len(self.served) < 2:
            message = f"{form} is of two or more; set its artifact and image in its place"
            yield Problem(form, [self.served[0].artifact], f"is one container, and {message}")
        for key in OF_ONE_CONTAINER:
            if key in self.model_fields_set:
                given = self.model_dump(mode="json", by_alias=True, exclude_unset=True, include={key})
                ((alias, value),) = given.items()
                yield Problem(alias, value, f"is set beside {form}, each of which has its own; move it into them")

    def _one_container(self) -> Iterator[Problem]:
        """What a model of one container lacks, or has too much."""
        if self.image is None:
            yield Problem(
                "image", None, "is given; name the serving image, such as {framework: xgboost, version: 3.0-5}"
            )
        if self.artifact is None and not self.models:
            yield Problem("artifact", None, "is given; name a model.tar.gz, or set models, pipeline or containers")

    def _many_models(self) -> Iterator[Problem]:
        """https://docs.aws.amazon.com/sagemaker/latest/dg/create-multi-model-endpoint.html, multi-model-support.html"""
        for key in ("artifact", "artifact_key_arn"):
            if (value := getattr(self, key)) is not None:
                camel = {"artifact": "artifact", "artifact_key_arn": "artifactKeyArn"}[key]
                yield Problem(camel, value, "is for one model; remove it, or models")
        for name, path in self.models.items():
            if path.startswith("s3://"):
                message = "is in S3, and models are local archives, which the stack puts below one prefix; name a file"
                yield Problem(f"models.{name}", path, message)
            elif problem := model_archive.problem_with(Path(path)):
                message = f"can't be served: {problem}. Name a model.tar.gz: AWS loads several from archives only"
                yield Problem(f"models.{name}", path, message)
        named = sum(map(len, self.target_models))
        if named > MOST_TARGETS:
            message = (
                f"is how many there are, with names of {named} characters; contracts and policies hold them, with room "
                f"for {MOST_TARGETS}. Shorten them, or use several endpoints"
            )
            yield Problem("models", len(self.models), message)
        framework = self.image.framework if self.image else None
        if framework and framework not in LOADING_MANY:
            message = f"loads one model; use {', '.join(LOADING_MANY)}, or an image of your own that loads several"
            yield Problem("image.framework", framework, message)


ARCHIVE = ".tar.gz"
"""What the names of models end in, where a container loads several."""
