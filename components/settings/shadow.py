"""What a stack may set of an endpoint's shadow: a model that is sent copies of calls, and whose answers nobody sees.

SageMaker's own terms: one shadow variant beside one production variant
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html, ShadowProductionVariants), and
no shadow for asynchronous endpoints and for Inf1 instances
(https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests-exclusions.html).
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from components.settings.fields import LONGEST_NAME, InstanceType, VariantName
from components.settings.group import SettingsGroup
from components.settings.hosting import HostingSettings
from components.settings.problems import Problem
from components.settings.served_model import ModelSettings
from components.settings.variants import (
    AlarmSettings,
    InstanceSettings,
    ScalingSettings,
    VariantSettings,
    label,
)

WITHOUT_SHADOWS = "ml.inf1."
"""How instance types begin that SageMaker has no shadows with."""


class ShadowInstanceSettings(SettingsGroup):
    """How many instances have the copies. No caller waits for them, so one is enough."""

    min: Annotated[int, Field(ge=1, le=1000)] = 1
    """So many at creation; scaling, if any, never goes below."""
    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Scaling never goes above. Left out, their number stays as it is, and the shadow is not on scaling.

    AWS describes scaling for variants, and says of shadows neither that it takes them nor that it doesn't.
    """

    def _contradictions(self) -> Iterator[Problem]:
        if self.max is not None and self.max < self.min:
            yield Problem("max", self.max, f"is below min ({self.min}); raise max or lower min")


class ShadowSettings(SettingsGroup):
    """One model beside the one that answers, on instances of its own."""

    name: VariantName = "shadow"
    """Of the variant, in metrics and captured data. No call can name it."""
    model: ModelSettings
    """What is tried."""
    instance_type: InstanceType
    """Such as ml.m5.large."""
    percent: Annotated[float, Field(gt=0, le=100)] = 100
    """Share of the calls that are copied to it, as its weight beside the production variant's."""
    instances: ShadowInstanceSettings = ShadowInstanceSettings()
    """How many."""
    hosting: HostingSettings = HostingSettings()
    """How they start."""
    scaling: ScalingSettings = ScalingSettings()
    """When the number changes, if `instances.max` lets it."""
    alarms: AlarmSettings = AlarmSettings()
    """When operators are notified. None of them rolls an update back."""

    @property
    def scaled(self) -> bool:
        """Whether the number of its instances follows the load."""
        return self.instances.max is not None

    def variant(self, beside: VariantSettings) -> VariantSettings:
        """The shadow as a variant; `beside` is the production variant, whose calls it is sent."""
        least, most = self.instances.min, self.instances.max or self.instances.min
        # Validated already, where the artifact's path is relative to: not once more, from elsewhere.
        return VariantSettings.model_construct(
            name=self.name,
            model=self.model,
            instance_type=self.instance_type,
            weight=beside.weight * self.percent / 100,
            instances=InstanceSettings.model_construct(min=least, max=most, initial=None, single_because=None),
            hosting=self.hosting,
            scaling=self.scaling,
            alarms=self.alarms,
        )

    def contradicted_by(
        self, endpoint: str, variants: Sequence[VariantSettings], *, asynchronous: bool, rolling: bool
    ) -> Iterator[Problem]:
        """What an endpoint with a shadow can't have, with keys relative to the endpoint."""
        if asynchronous:
            message = (
                "is not to be had beside asynchronous: SageMaker copies calls that wait for their answers; remove one"
            )
            yield Problem("shadow.name", self.name, message)
        if len(variants) > 1:
            message = (
                "is how many there are, and SageMaker takes one beside a shadow. Keep the one whose calls it is to be "
                "sent, or remove shadow"
            )
            yield Problem("variants", len(variants), message)
        if any(variant.name.lower() == self.name.lower() for variant in variants):
            yield Problem("shadow.name", self.name, "is the name of the production variant, too; give it another")
        named = label(endpoint, self.name)
        if len(named) > LONGEST_NAME:
            message = (
                f"makes a model's name of {len(named)} characters with the endpoint's; at most {LONGEST_NAME} are "
                "allowed. Shorten one of them"
            )
            yield Problem("shadow.name", self.name, message)
        kinds = {"shadow.instanceType": self.instance_type} | {
            f"variants[{number}].instanceType": variant.instance_type for number, variant in enumerate(variants)
        }
        for key, kind in kinds.items():
            if kind.startswith(WITHOUT_SHADOWS):
                yield Problem(key, kind, "is Inf1, which SageMaker has no shadows with; choose another type")
        if rolling:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html
            message = "is not to be had for several variants, a shadow included; choose all-at-once, canary or linear"
            yield Problem("update.strategy", "rolling", message)
        if not self.scaled and self.scaling.model_fields_set:
            given = self.scaling.model_dump(mode="json", by_alias=True, exclude_unset=True)
            for key, value in given.items():
                message = (
                    "has no effect: the number of instances stays as it is. Add shadow.instances.max, or remove it"
                )
                yield Problem(f"shadow.scaling.{key}", value, message)
