"""Model Registry packages: what a model of one runs and loads."""

from typing import Any

from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import ModelPackage

from private_inference.rehearsal.patches.patch import patch


@patch(ModelPackage, "add_additional_inference_specifications")
def specifications_stay(original: Any, package: Any, additional_inference_specifications_to_add: Any) -> None:
    """UpdateModelPackage adds what it is given; moto takes off those that were there where it is given none.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateModelPackage.html
    (AdditionalInferenceSpecificationsToAdd)
    """
    if additional_inference_specifications_to_add:
        original(package, additional_inference_specifications_to_add)


def containers_of(backend: Any, model: Any) -> list[dict[str, Any]]:
    """The containers of a model (moto's), in their order; of a package, as it was registered.

    A package that is gone leaves none.
    """
    given = [model.primary_container] if model.primary_container else model.containers or []
    return [one for each in given for one in resolved(backend, each)]


def resolved(backend: Any, container: dict[str, Any]) -> list[dict[str, Any]]:
    """A container that CreateModel was given; those of the package that it names in its place.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html (ModelPackageName)
    """
    named = container.get("ModelPackageName")
    if not named:
        return [container]
    found = _specification(backend.model_packages.get(named), container)
    return found["Containers"] if found else []


def _specification(package: Any, container: dict[str, Any]) -> dict[str, Any] | None:
    """How a package that a container names is served; by the additional specification that it names, if it does."""
    if package is None:
        return None
    named, first = container.get("InferenceSpecificationName"), package.inference_specification
    additional = {each["Name"]: each for each in package.additional_inference_specifications or []}
    found: dict[str, Any] | None = additional.get(named) if named else first
    return found


def refuse(backend: Any, container: dict[str, Any]) -> None:
    """CreateModel takes an approved version that is there (model-registry-deploy.html), and one of its specifications.

    AWS's words are not known.
    """
    named = container.get("ModelPackageName")
    package = backend.model_packages.get(named)
    if named and package is None:
        raise ValidationError(f"Could not find model package {named}.")
    if named and package.model_approval_status != "Approved":
        raise ValidationError(f"Model package {named} is not approved.")
    if named and _specification(package, container) is None:
        chosen = container["InferenceSpecificationName"]
        raise ValidationError(f"Model package {named} has no inference specification {chosen}.")


def keep(backend: Any, made: str, arn: str) -> None:
    """Give a version that CreateModelPackage made another ARN, which no AWS call can do."""
    package = backend.model_packages.pop(made)
    package.arn, package.model_package_version = arn, int(arn.rpartition("/")[2])
    backend.model_packages[arn] = package
    backend.model_package_name_mapping[arn] = arn
