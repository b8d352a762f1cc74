"""What an endpoint whose calls have to name a model, or a container, can't have."""

from collections.abc import Iterator, Mapping
from itertools import chain

from components.settings.problems import Problem
from components.settings.served_model import ModelSettings
from components.settings.variants import VariantSettings

ACCELERATORS = ("ml.inf", "ml.trn")
"""No instances for several models: https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-support.html"""


def contradictions(
    variants: Mapping[str, VariantSettings], *, asynchronous: bool, streaming: bool
) -> Iterator[Problem]:
    """With keys relative to the endpoint; `variants` are its, by where each is set, such as `variants[1].`

    A call names one whichever variant it reaches. InvokeEndpointAsync takes neither,
    InvokeEndpointWithResponseStream takes no TargetModel:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html,
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html
    """
    first = next(iter(variants.values()), None)
    for key, variant in variants.items():
        model = variant.model
        if first and _targets(model) != _targets(first.model):
            message = f"can't be chosen from beside {first.name}, and a call may reach either; offer the same ones"
            yield Problem(f"{key}model", [*chain(*_targets(model))] or "one model", message)
        if model.models and variant.instance_type.startswith(ACCELERATORS):
            message = "can't hold several models; choose a type with CPUs or GPUs"
            yield Problem(f"{key}instanceType", variant.instance_type, message)
        if not model.models and "model_loading_ms" in variant.alarms.model_fields_set:
            message = "is for several models in one container, which are loaded when they are called; remove it"
            yield Problem(f"{key}alarms.modelLoadingMs", variant.alarms.model_loading_ms, message)
    if first and asynchronous and any(_targets(first.model)):
        message = "can't be had with several models or containers to choose from: requests can't name one. Remove it"
        yield Problem("asynchronous", True, message)
    if first and streaming and first.model.models:
        message = "can't be had with several models in one container: such a call can't name one. Remove it"
        yield Problem("streaming", True, message)


def without_shadows(variants: Mapping[str, VariantSettings]) -> Iterator[Problem]:
    """Forms of models that SageMaker has no shadows with.

    https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests-exclusions.html
    """
    for key, variant in variants.items():
        for form in ("pipeline", "containers", "models"):
            if given := getattr(variant.model, form):
                message = "is not to be had beside or as a shadow: SageMaker copies calls between single models only"
                yield Problem(f"{key}model.{form}", [*given], f"{message}. Remove shadow, or serve one")


def _targets(model: ModelSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What calls choose from: models, or containers. In whichever order the settings have them."""
    return model.target_models, tuple(sorted(model.target_containers))
