"""What a stack may set for each of its endpoints, with its defaults."""

import math
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from components.settings.asynchronous import AsynchronousSettings
from components.settings.components import ComponentSettings
from components.settings.components import contradictions as component_contradictions
from components.settings.data_capture import DataCaptureSettings
from components.settings.fields import LONGEST_NAME, EndpointName, InstanceType, Reason
from components.settings.group import SettingsGroup
from components.settings.hosting import HostingSettings
from components.settings.openai import contradictions as openai_contradictions
from components.settings.problems import Problem, raise_if_any
from components.settings.served_model import ModelSettings
from components.settings.shadow import ShadowSettings
from components.settings.targets import contradictions, without_shadows
from components.settings.variants import (
    ALL_TRAFFIC,
    AlarmSettings,
    InstanceSettings,
    ScalingSettings,
    VariantSettings,
    label,
)

MOST_VARIANTS = 10
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html (ProductionVariants)"""

MOST_ROLLBACK_ALARMS = 10
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AutoRollbackConfig.html (Alarms)"""

ROLLBACK_ALARMS = 2
"""Of each variant: on server errors and latency."""

OF_ONE_VARIANT = ("model", "instance_type", "instances", "hosting", "scaling", "alarms")
"""Settings of an endpoint that names no variants; each variant has them of its own."""


class UpdateSettings(SettingsGroup):
    """How an update moves traffic to new instances, and what rolls it back.

    The numbers are AWS's: https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html and
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeploymentConfig.html
    """

    strategy: Literal["all-at-once", "canary", "linear", "rolling"] = "all-at-once"
    """Blue/green over a whole second fleet (all at once, after a canary, or in equal steps), or rolling by batches."""
    step_percent: Annotated[int, Field(ge=1, le=50)] | None = None
    """Size of the canary, of a linear step (10 or more) or of a batch (5 or more), in percent of the instances."""
    step_instances: Annotated[int, Field(ge=1, le=500)] | None = None
    """The same as a number of instances, in place of `stepPercent`."""
    wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """After each step, how long alarms are watched before the next one: two periods of the alarms, unless given."""
    termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Blue/green: how long the old instances are kept after the last step."""
    maximum_seconds: Annotated[int, Field(ge=600, le=28800)] | None = None
    """When the update is given up and rolled back; AWS's own limit unless given."""
    rollback_off_because: Reason | None = None
    """Why no alarm rolls an update back, such as one that mends errors which already raise it."""

    @property
    def blue_green(self) -> bool:
        """Whether a whole second fleet is started."""
        return self.strategy != "rolling"

    def waits(self, instances: int) -> int:
        """Seconds that an update of so many instances waits in all."""
        steps = {"all-at-once": 1, "canary": 2}.get(self.strategy)
        if steps is None:
            share = self.step_percent or 100 * (self.step_instances or instances) / instances
            steps = math.ceil(100 / share)
        return steps * self.wait_seconds + self.termination_wait_seconds

    def _contradictions(self) -> Iterator[Problem]:
        given = [key for key in ("step_percent", "step_instances") if getattr(self, key) is not None]
        if self.strategy == "all-at-once" and given:
            yield Problem(
                "strategy", self.strategy, "has no steps; remove stepPercent and stepInstances, or choose one"
            )
        elif self.strategy != "all-at-once" and len(given) != 1:
            yield Problem("strategy", self.strategy, "needs exactly one of stepPercent and stepInstances")
        least = LEAST_PERCENT.get(self.strategy, 1)
        if self.step_percent is not None and self.step_percent < least:
            message = f"is below {least}, the least that AWS takes for {self.strategy}; raise it"
            yield Problem("stepPercent", self.step_percent, message)
        if self.termination_wait_seconds and not self.blue_green:
            message = "is for blue/green; remove it, rolling ends a batch of old instances with each step"
            yield Problem("terminationWaitSeconds", self.termination_wait_seconds, message)


LEAST_PERCENT = {"linear": 10, "rolling": 5}
"""Of the instances in one step, by strategy; the most is 50 for each.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TrafficRoutingConfig.html,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_RollingUpdatePolicy.html
"""


def _repeated(names: Sequence[str], what: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        other = first.setdefault(name.lower(), position)
        if other != position:
            yield Problem(
                f"[{position}].name",
                name,
                f"is the name of {what}[{other}] too, case aside; give each {what.removesuffix('s')} a name of its own",
            )


def _distinct_components(components: tuple[ComponentSettings, ...]) -> tuple[ComponentSettings, ...]:
    raise_if_any(_repeated([component.name for component in components], "components"))
    return components


def _distinct_variants(variants: tuple[VariantSettings, ...]) -> tuple[VariantSettings, ...]:
    raise_if_any(_repeated([variant.name for variant in variants], "variants"))
    return variants


class EndpointSettings(SettingsGroup):
    """One SageMaker endpoint."""

    name: EndpointName
    """Name that callers use."""
    variants: Annotated[
        tuple[VariantSettings, ...],
        Field(max_length=MOST_VARIANTS),
        AfterValidator(_distinct_variants),
    ] = ()
    """Several models behind the endpoint, between which calls are split by weight.

    Then `model`, `instanceType`, `instances`, `hosting`, `scaling` and `alarms` are set for each of them.
    """
    components: Annotated[tuple[ComponentSettings, ...], AfterValidator(_distinct_components)] = ()
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
            yield from self._update_contradictions(variant)
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
            yield from self._variant_contradictions(self.variants)
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

    def _update_contradictions(self, variant: VariantSettings) -> Iterator[Problem]:
        update, least, most = self.update, variant.instances.min, variant.instances.max
        if update.step_instances is not None:
            fewest = math.ceil(LEAST_PERCENT.get(update.strategy, 0) * most / 100)
            if not fewest <= update.step_instances <= least / 2:
                message = (
                    f"must be from {max(fewest, 1)} to {least // 2}: at most half of instances.min ({least}), and "
                    f"{LEAST_PERCENT.get(update.strategy, 0)} % of instances.max ({most}) or more; use stepPercent"
                )
                yield Problem("update.stepInstances", update.step_instances, message)
        waits = update.waits(most)
        if update.maximum_seconds is not None and update.maximum_seconds <= waits:
            message = f"is no longer than the waits of an update of {most} instances ({waits} s); raise it"
            yield Problem("update.maximumSeconds", update.maximum_seconds, message)
        if update.strategy != "all-at-once" and variant.instance_type.startswith("ml.inf1."):
            # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
            message = f"is not to be had on {variant.instance_type}, which AWS updates all at once; remove it"
            yield Problem("update.strategy", update.strategy, message)

    def _variant_contradictions(self, variants: Sequence[VariantSettings]) -> Iterator[Problem]:
        for name in OF_ONE_VARIANT:
            if name in self.model_fields_set:
                given = self.model_dump(mode="json", by_alias=True, exclude_unset=True, include={name})
                ((key, value),) = given.items()
                yield Problem(key, value, "is set beside variants, each of which has its own; move it into them")
        for position, variant in enumerate(variants):
            named = label(self.name, variant.name)
            if len(named) > LONGEST_NAME:
                message = (
                    f"makes a model's name of {len(named)} characters with the endpoint's; at most {LONGEST_NAME} are "
                    "allowed. Shorten one of them"
                )
                yield Problem(f"variants[{position}].name", variant.name, message)
        if not any(variant.weight for variant in variants):
            weights = [variant.weight for variant in variants]
            yield Problem("variants", weights, "are their weights: no call would reach a model. Raise one above 0")
        watched = ROLLBACK_ALARMS * len(variants)
        if watched > MOST_ROLLBACK_ALARMS and self.update.rollback_off_because is None:
            message = (
                f"is how many there are, with {watched} alarms that roll an update back, and AWS takes "
                f"{MOST_ROLLBACK_ALARMS}. Use {MOST_ROLLBACK_ALARMS // ROLLBACK_ALARMS} variants at most, or give "
                "update.rollbackOffBecause a reason"
            )
            yield Problem("variants", len(variants), message)
        if len(variants) > 1 and self.update.strategy == "rolling":
            # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
            message = "is not to be had for several variants; choose all-at-once, canary or linear"
            yield Problem("update.strategy", self.update.strategy, message)


def distinct_names(endpoints: tuple[EndpointSettings, ...]) -> tuple[EndpointSettings, ...]:
    """The endpoints, if no two have one name, nor resources of one name. Raises PydanticCustomError."""
    repeated = [*_repeated([endpoint.name for endpoint in endpoints], "endpoints")]
    raise_if_any(repeated or _clashing(endpoints))
    return endpoints


def _clashing(endpoints: Sequence[EndpointSettings]) -> Iterator[Problem]:
    """Variants and components whose resources would have the names of another endpoint's."""
    first: dict[str, int] = {endpoint.name.lower(): position for position, endpoint in enumerate(endpoints)}
    for position, endpoint in enumerate(endpoints):
        names = [component.name for component in endpoint.components]
        for number, name in enumerate(names or [variant.name for variant in endpoint.hosted_variants]):
            if not endpoint.key(number):
                continue  # it has the endpoint's name alone
            named = label(endpoint.name, name).lower()
            other = first.setdefault(named, position)
            if other != position:
                message = (
                    f"makes {named} with the endpoint's name, as resources of endpoints[{other}] are named; rename it"
                )
                yield Problem(f"[{position}].{endpoint.key(number)}name", name, message)
