"""What a stack may set of the start of a variant's instances, which takes long with large models."""

from typing import Annotated

from pydantic import AfterValidator, Field

from components import service_model
from components.settings.group import SettingsGroup


def _ami_version(value: str) -> str:
    known = sorted(service_model.inference_ami_versions())
    if value not in known:
        raise ValueError(f"is not an inference AMI version; choose one of {', '.join(known)}")
    return value


class HostingSettings(SettingsGroup):
    """How its instances start. What is left out is SageMaker's own choice.

    The limits are AWS's: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html
    """

    startup_seconds: Annotated[int, Field(ge=60, le=3600)] | None = None
    """Until the container has to answer its health check: large models take minutes to load."""
    download_seconds: Annotated[int, Field(ge=60, le=3600)] | None = None
    """Until the model has to be fetched from S3."""
    volume_gb: Annotated[int, Field(ge=1, le=512)] | None = None
    """Size of each instance's volume, which holds image and model. Types with local NVMe storage have no volume."""
    ami_version: Annotated[str, AfterValidator(_ami_version)] | None = None
    """InferenceAmiVersion: which drivers the instances have, such as al2023-ami-sagemaker-inference-gpu-4-1."""
