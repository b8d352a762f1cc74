"""What an instance type's hardware makes of a variant's settings."""

from components.settings import SettingsError, VariantSettings

NEURON = ("ml.inf2.", "ml.trn1.", "ml.trn1n.", "ml.trn2.")
"""Instance types with AWS's own accelerators: the Neuron AMI is for Inferentia2 and Trainium."""


def check_hosting(key: str, variant: VariantSettings, *, gpus: int, local_storage: bool) -> None:
    """Raises SettingsError, with `key` for the variant's place, where the instance type can't start like that.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html (InferenceAmiVersion); types
    with local storage refuse a volume: volume_size_supported in AWS's SageMaker Python SDK
    (https://github.com/aws/sagemaker-python-sdk/pull/4828).
    """
    hosting, kind = variant.hosting, variant.instance_type
    if hosting.volume_gb is not None and local_storage:
        raise SettingsError(
            f"{key}hosting.volumeGb: {hosting.volume_gb} can't be had on {kind}, whose local NVMe storage takes the "
            "place of a volume. Remove it, or choose a type with more local storage."
        )
    version = hosting.ami_version or ""
    if "-gpu-" in version and not gpus:
        raise SettingsError(f"{key}hosting.amiVersion: {version!r} is for GPUs, and {kind} has none. Remove it.")
    if "-neuron-" in version and not kind.startswith(NEURON):
        raise SettingsError(
            f"{key}hosting.amiVersion: {version!r} is for Inferentia2 and Trainium, and {kind} has neither. Remove it."
        )
    framework = variant.model.served[0].image.framework if variant.model.models else None
    if gpus and framework:
        # https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-support.html
        raise SettingsError(
            f"{key}model.image.framework: {framework!r} loads several models on CPUs only, and {kind} has GPUs. Name a "
            "Triton image by its uri, or a type without GPUs."
        )
