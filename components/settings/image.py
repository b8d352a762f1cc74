"""What a stack may set for a serving image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from components import image_directory
from components.settings.fields import EcrUri, ImageTag
from components.settings.group import SettingsGroup
from components.settings.problems import Problem


class ImageSettings(SettingsGroup):
    """A serving image: a URI, a tag in this stack's registry, a directory to build from, or an AWS prebuilt image."""

    uri: EcrUri | None = None
    """An ECR image with tag or digest."""
    repository_tag: ImageTag | None = None
    """A tag in the registry of this stack."""
    build: str | None = None
    """A directory with a Dockerfile: built with Docker, pushed to the registry of this stack, and served by its digest.

    Another content is another image. Docker logs in to the registry by itself (`docker login`, or its helper for ECR).
    """
    framework: Literal["xgboost", "scikit-learn", "pytorch", "tensorflow", "huggingface", "lmi"] | None = None
    """An AWS prebuilt image, together with `version`."""
    version: ImageTag | None = None
    """The prebuilt image's tag, such as 3.0-5."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("uri", "repository_tag", "build", "framework") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of uri, repositoryTag, build, or framework with version")
        if (self.framework is None) != (self.version is None):
            raise ValueError("needs framework and version together, such as xgboost and 3.0-5")
        return self

    def _contradictions(self) -> Iterator[Problem]:
        if self.build is not None and (problem := image_directory.problem_with(Path(self.build))):
            message = f"can't be built: {problem}. Name a directory with a Dockerfile, such as examples/serving"
            yield Problem("build", self.build, message)

    @property
    def identity(self) -> dict[str, Any]:
        """What tells it from others, for a directory by its content."""
        built = {"build": image_directory.digest(Path(self.build))} if self.build is not None else {}
        return self.model_dump(mode="json", exclude={"build"}) | built
