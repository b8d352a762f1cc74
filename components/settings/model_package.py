"""What a stack may set of a model that is a version of a Model Registry's package group.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from components.settings.environment import problems as environment_problems
from components.settings.problems import Problem

if TYPE_CHECKING:
    from components.settings.served_model import ModelSettings

NAMED_BY_THE_PACKAGE = ("artifact", "image", "models", "pipeline", "containers")
"""Settings that say what a package's version says."""

_EXAMPLE = "arn:aws:sagemaker:REGION:ACCOUNT:model-package/GROUP/VERSION"


def _versioned(value: str) -> str:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeModelPackage.html (ModelPackageName)"""
    name = r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:\d{12}:model-package"
    if re.fullmatch(rf"{name}(-group)?/[A-Za-z0-9-]+", value):
        raise ValueError(f"is no version, and what it names may change; write one of its versions, {_EXAMPLE}")
    if not re.fullmatch(rf"{name}/[A-Za-z0-9-]{{1,63}}/[1-9]\d{{0,8}}", value):
        raise ValueError(f"is not the ARN of a model package's version; write {_EXAMPLE}")
    return value


ModelPackageArn = Annotated[str, AfterValidator(_versioned)]


@dataclass(frozen=True)
class Package:
    """A version of a package group, and which of its inference specifications is served."""

    arn: str
    specification: str | None = None
    """Name of one of its AdditionalInferenceSpecifications; None is for its InferenceSpecification."""

    @property
    def version(self) -> str:
        """Its group and number: an error names no account."""
        return self.arn.partition("/")[2]


def region_of(arn: str) -> str:
    """Of the registry that a package is in."""
    return arn.split(":")[3]


def contradictions(model: "ModelSettings") -> Iterator[Problem]:
    """What a model of a package can't have beside it, with keys relative to the model.

    Variables may be set beside the package's own: https://github.com/aws/sagemaker-python-sdk/pull/3581.
    """
    given = model.model_dump(mode="json", by_alias=True, exclude_unset=True, include={*NAMED_BY_THE_PACKAGE})
    for key, value in given.items():
        yield Problem(key, value, "is set beside modelPackage, whose version says what is served; remove one of them")
    if not model.model_caching:
        yield Problem("modelCaching", False, "is for several models in one container; remove it")
    yield from environment_problems(model.environment, len(model.environment))
