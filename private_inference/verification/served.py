"""What serves an endpoint's models: its variants, or inference components that share its fleet."""

from collections.abc import Sequence

from private_inference.verification.descriptions import Item
from private_inference.verification.reader import Reader


def component(aws: Reader, name: str) -> Item:
    """An inference component."""
    return aws.get("sagemaker", "describe_inference_component", InferenceComponentName=name)


def served(aws: Reader, endpoint: str, variants: Sequence[Item]) -> list[Item]:
    """The variants of an endpoint; where they serve no model of their own, its components in the form of such."""
    if all(variant.get("ModelName") for variant in variants):
        return list(variants)
    listed = aws.all("sagemaker", "list_inference_components", "InferenceComponents", EndpointNameEquals=endpoint)
    names = [each["InferenceComponentName"] for each in listed]
    models = [component(aws, name).get("Specification", {}).get("ModelName", "") for name in names]
    return [{"VariantName": name, "ModelName": model} for name, model in zip(names, models, strict=True)]
