"""What SageMaker is told of a model's containers.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws

from components.artifacts import Artifact
from components.images import ServingImage
from components.settings import Container, ModelSettings


@dataclass(frozen=True, kw_only=True)
class ServedContainer:
    """A container, and what it runs."""

    settings: Container
    artifact: Artifact
    image: ServingImage


def arguments(model: ModelSettings, served: Sequence[ServedContainer]) -> dict[str, Any]:
    """The arguments of a SageMaker model that say what its containers are, and which of them a call gets to."""
    if model.model_package:
        package = aws.sagemaker.ModelPrimaryContainerArgs(
            model_package_name=model.model_package,
            inference_specification_name=model.inference_specification,
            environment=model.environment or None,
        )
        return {"primary_container": package}
    if not (model.pipeline or model.containers):
        (only,) = served
        return {"primary_container": aws.sagemaker.ModelPrimaryContainerArgs(**_loading(model, only))}
    return {
        "containers": [
            aws.sagemaker.ModelContainerArgs(container_hostname=each.settings.hostname or None, **_loading(model, each))
            for each in served
        ],
        "inference_execution_config": {"mode": "Serial" if model.pipeline else "Direct"},
    }


def _loading(model: ModelSettings, served: ServedContainer) -> dict[str, Any]:
    container = served.settings
    said: dict[str, Any] = {"image": served.image.uri, "environment": container.environment or None}
    if container.models:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/create-multi-model-endpoint.html
        cached = None if model.model_caching else {"model_cache_setting": "Disabled"}
        return said | {"mode": "MultiModel", "model_data_url": served.artifact.uri, "multi_model_config": cached}
    if not container.uncompressed:
        return said | {"model_data_url": served.artifact.uri}
    # https://docs.aws.amazon.com/sagemaker/latest/dg/large-model-inference-uncompressed.html
    files = {"s3_uri": served.artifact.uri, "s3_data_type": "S3Prefix", "compression_type": "None"}
    return said | {"model_data_source": {"s3_data_sources": [files]}}
