"""What a stack may set for each of its endpoints, with its defaults."""

import math
from collections.abc import Iterator
from functools import reduce
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from components.settings.asynchronous import AsynchronousSettings
from components.settings.components import ComponentSettings
from components.settings.components import contradictions as component_contradictions
from components.settings.data_capture import DataCaptureSettings
from components.settings.distinct import distinct
from components.settings.fields import EndpointName, InstanceType, KvCachePercent, Reason
from components.settings.group import SettingsGroup
from components.settings.hosting import HostingSettings
from components.settings.openai import contradictions as openai_contradictions
from components.settings.problems import Problem
from components.settings.served_model import ModelSettings
from components.settings.several_variants import contradictions as variant_contradictions
from components.settings.shadow import ShadowSettings
from components.settings.targets import contradictions, without_shadows
from components.settings.update import UpdateSettings
from components.settings.variants import (
    ALL_TRAFFIC,
    AlarmSettings,
    InstanceSettings,
    ScalingSettings,
    VariantSettings,
)

MOST_VARIANTS = 10
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html (ProductionVariants)"""


class EndpointSettings(SettingsGroup):
    """One SageMaker endpoint."""

    name: EndpointName
    """Name that callers use."""
    variants: Annotated[
        tuple[VariantSettings, ...],
        Field(max_length=MOST_VARIANTS),
        AfterValidator(distinct("variants")),
    ] = ()
    """Several models behind the endpoint, between which calls are split by weight.

    Then `model`, `instanceType`, `instances`, `hosting`, `scaling` and `alarms` are set for each of them.
    """
    components: Annotated[tuple[ComponentSettings, ...], AfterValidator(distinct("components"))] = ()
    """Several models on one fleet (inference components), between which its instances are shared.

    Then `instanceType`, `instances`, `hosting` and the hardware's `alarms` are the fleet's; callers name a component.
    """
    model: Annotated[ModelSettings | None, Field(validate_default=True)] = None
    """What is served; required without `variants` and `components`."""
    instance_type: Annotated[InstanceType | None, Field(validate_default=True)] = None
    """Such as ml.m5.large; required without `variants`."""
    instances: InstanceSettings = InstanceSettings()
    """How many."""
    hosting: HostingSettings = HostingSettings()
    """How they start."""
    scaling: ScalingSettings = ScalingSettings()
    """When the number changes."""
    alarms: AlarmSettings = AlarmSettings()
    """When operators are notified."""
    kv_cache_percent: KvCachePercent | None = None
    """Percent of a GPU's KV cache in use, as the container's log says, that operators are told of; by default none is.

    vLLM's own server logs it, every ten seconds; not every container does.
    """
    update: UpdateSettings = UpdateSettings()
    """How new models and settings reach it."""
    streaming: bool = False
    """Whether callers may have answers part by part (InvokeEndpointWithResponseStream), as the container sends them."""
    openai: bool = False
    """Whether callers may use the OpenAI-compatible path, with bearer tokens of their credentials."""
    shadow: ShadowSettings | None = None
    """A model that is sent copies of the calls, and whose answers no caller gets; beside one production variant."""
    data_capture: DataCaptureSettings | None = None
    """If a share of requests and answers is kept, in a bucket of the endpoint's own; by default none is."""
    asynchronous: AsynchronousSettings | None = None
    """If answers come later, in S3; by default each call waits for its answer."""
    volume_key_off_because: Reason | None = None
    """For instance types with local NVMe storage only: why no customer key is named (the hardware encrypts it)."""

    @field_validator("model", "instance_type")
    @classmethod
    def _given_without_variants(cls, value: Any, info: ValidationInfo) -> Any:
        needed = info.field_name == "instance_type" or info.data.get("components") == ()
        if value is None and info.data.get("variants") == () and needed:
            raise PydanticCustomError("missing", "Field required")
        return value

    @property
    def models(self) -> tuple[ModelSettings, ...]:
        """What is served: each variant's model, or each component's."""
        variants = [variant.model for variant in self.hosted_variants]
        return (*variants, *(component.model for component in self.components))

    @property
    def instance_types(self) -> tuple[str, ...]:
        """The types of its instances, each once."""
        fleet = [self.instance_type] if self.components and self.instance_type else []
        return tuple(dict.fromkeys([*(variant.instance_type for variant in self.hosted_variants), *fleet]))

    @property
    def isolated(self) -> bool:
        """Whether no container on its instances has a network."""
        return all(model.isolated for model in self.models)

    @property
    def production_variants(self) -> tuple[VariantSettings, ...]:
        """What serves: the variants, or the one that the endpoint's own settings describe; none where components do."""
        return tuple(self._watched(each) for each in self._named_variants)

    def _watched(self, variant: VariantSettings) -> VariantSettings:
        """A variant with the alarms that the endpoint's modes ask for."""
        modes = (mode for mode in (self.asynchronous, self.data_capture) if mode)
        return reduce(lambda each, mode: each.model_copy(update={"alarms": mode.watched(each.alarms)}), modes, variant)

    @property
    def _named_variants(self) -> tuple[VariantSettings, ...]:
        if self.variants or self.model is None or self.instance_type is None:
            return self.variants
        # They are validated already, where the artifact's path is relative to: not once more, from elsewhere.
        only = VariantSettings.model_construct(
            name=ALL_TRAFFIC,
            model=self.model,
            instance_type=self.instance_type,
            instances=self.instances,
            hosting=self.hosting,
            scaling=self.scaling,
            alarms=self.alarms,
        )
        return (only,)

    @property
    def hosted_variants(self) -> tuple[VariantSettings, ...]:
        """All that have instances: the production variants, then the shadow."""
        serving = self.production_variants
        return (*serving, self._watched(self.shadow.variant(serving[0]))) if self.shadow and serving else serving

    @property
    def target_models(self) -> tuple[str, ...]:
        """What calls may name as TargetModel, and have to, in whichever variant; nothing if the model is no choice."""
        return next((variant.model.target_models for variant in self.production_variants), ())

    @property
    def target_containers(self) -> tuple[str, ...]:
        """The same of TargetContainerHostname."""
        return next((variant.model.target_containers for variant in self.production_variants), ())

    def key(self, position: int) -> str:
        """Where what is hosted is set, relative to the endpoint: nowhere of its own, or such as `variants[1].`"""
        if self.components:
            return f"components[{position}]."
        if position == len(self.production_variants):
            return "shadow."
        return f"variants[{position}]." if self.variants else ""

    @property
    def most_instances(self) -> int:
        """How many instances there may be while an update runs: old and new ones together."""
        fleets = [variant.instances for variant in self.hosted_variants] or [self.instances]
        update, most = self.update, sum(instances.max for instances in fleets)
        if update.blue_green:
            return 2 * most
        return most + (update.step_instances or math.ceil((update.step_percent or 100) * most / 100))

    def _contradictions(self) -> Iterator[Problem]:
        for position, variant in enumerate(self.production_variants):
            yield from self.update.contradicted_by(variant)
            yield from self._mode_contradictions(self.key(position), variant)
        if self.asynchronous:
            yield from self.asynchronous.contradicted_by(self.name, self.production_variants)
            if self.streaming:
                message = "has no effect: an asynchronous endpoint's answers come whole, in S3. Remove it"
                yield Problem("streaming", True, message)
        if self.openai:
            yield from openai_contradictions(self)
        if self.components:
            yield from component_contradictions(self)
            return
        if self.data_capture:
            yield from self.data_capture.contradicted_by(self.name, asynchronous=self.asynchronous is not None)
        if self.shadow:
            asynchronous, rolling = self.asynchronous is not None, self.update.strategy == "rolling"
            yield from self.shadow.contradicted_by(
                self.name, self.production_variants, asynchronous=asynchronous, rolling=rolling
            )
        if self.variants:
            yield from variant_contradictions(self)
        keyed = {self.key(position): variant for position, variant in enumerate(self.hosted_variants)}
        if self.shadow:
            yield from without_shadows(keyed)
        else:
            yield from contradictions(keyed, asynchronous=self.asynchronous is not None, streaming=self.streaming)

    def _mode_contradictions(self, key: str, variant: VariantSettings) -> Iterator[Problem]:
        if self.asynchronous:
            for problem in self.asynchronous.unpublished(variant.scaling, variant.alarms):
                yield problem._replace(key=key + problem.key)
        elif variant.instances.min == 0:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html
            message = "is for asynchronous endpoints, whose requests wait; use 2, or add asynchronous"
            yield Problem(f"{key}instances.min", 0, message)
