"""Model Registry packages: what a model of one runs and loads."""

from typing import Any

from moto.sagemaker.exceptions import ValidationError


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
    package = backend.model_packages.get(named)
    return package.inference_specification["Containers"] if package else []


def refuse(backend: Any, container: dict[str, Any]) -> None:
    """CreateModel takes an approved version that is there (model-registry-deploy.html); AWS's words are not known."""
    named = container.get("ModelPackageName")
    package = backend.model_packages.get(named)
    if named and package is None:
        raise ValidationError(f"Could not find model package {named}.")
    if named and package.model_approval_status != "Approved":
        raise ValidationError(f"Model package {named} is not approved.")


def keep(backend: Any, made: str, arn: str) -> None:
    """Give a version that CreateModelPackage made another ARN, which no AWS call can do."""
    package = backend.model_packages.pop(made)
    package.arn, package.model_package_version = arn, int(arn.rpartition("/")[2])
    backend.model_packages[arn] = package
    backend.model_package_name_mapping[arn] = arn
