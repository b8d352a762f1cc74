"""What an update does to an endpoint's variants: what must not happen, and what is told of the rest."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.live_endpoints import DEFAULT_WEIGHT, LiveEndpoint
from components.settings import ALL_TRAFFIC, VariantSettings

Variants = Mapping[str, Mapping[str, Any]]
"""Variants by name, as SageMaker describes them."""

SHADOW = "Shadow"
"""A key of those that are shadows: SageMaker lists them apart."""


@dataclass(frozen=True)
class VariantChanges:
    """The variants of an endpoint before and after an update, its shadow included."""

    endpoint: str
    live: Variants
    """As DescribeEndpoint tells them."""
    serving: Variants
    """As the configuration has them that the endpoint is on."""
    planned: Variants
    """As the configuration has them that it is updated to."""

    def refusal(self) -> str:
        """Why the update must not happen, and what to do instead; empty if it may."""
        return next(iter([*self._fewer_instances(), *self._undone_weights()]), "")

    def off_scaling(self) -> frozenset[str]:
        """Variants that SageMaker wants off scaling for the update: those of another type, and those that go.

        https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-update.html (note)
        """
        return frozenset(
            name
            for name, before in self.serving.items()
            if name not in self.planned or self.planned[name].get("InstanceType") != before.get("InstanceType")
        )

    def _fewer_instances(self) -> Iterator[str]:
        starts = {name: variant.get("InitialInstanceCount", 0) for name, variant in self.planned.items()}
        answering = sum(count for name, count in starts.items() if SHADOW not in self.planned[name])
        for name, variant in self.live.items():
            instances = variant.get("DesiredInstanceCount", 0)
            if name in starts and starts[name] < instances:
                yield (
                    f"{_named(self.endpoint, name)} serves with {instances} instances, and its new configuration "
                    f"starts {starts[name]}. Nothing was changed. Run `pulumi up` again, which plans with the "
                    f"instances that serve then, or set the endpoint's instances.initial to {instances}."
                )
            gone = name not in starts and SHADOW not in variant
            if gone and answering < instances and _weight(variant, self.serving.get(name, {})):
                yield (
                    f"{_named(self.endpoint, name)} serves with {instances} instances, and the variants that take over "
                    f"its calls start {answering}. Nothing was changed. Raise their instances.initial, or "
                    f"set the weight of {name} to 0 first and let scaling follow."
                )

    def _undone_weights(self) -> Iterator[str]:
        """An operator may have taken the calls from a variant that fails. An update would give them back."""
        if len(self.planned) < 2:
            return
        for name, after in self.planned.items():
            before = self.serving.get(name)
            if before is None or name not in self.live:
                continue
            initial, now = before.get("InitialVariantWeight", DEFAULT_WEIGHT), _weight(self.live[name], before)
            if _undoes(initial, now, after.get("InitialVariantWeight", DEFAULT_WEIGHT)):
                yield (
                    f"{_named(self.endpoint, name)} has the weight {now:g}, which somebody gave it beside the "
                    f"settings; they say {initial:g}. Nothing was changed. Write the weight that is to stay into the "
                    f"settings, or give the variant {initial:g} again (`aws sagemaker "
                    "update-endpoint-weights-and-capacities`), then run `pulumi up` again."
                )


def announce(
    endpoint: str,
    variants: Sequence[VariantSettings],
    live: LiveEndpoint,
    component: pulumi.Resource,
    *,
    scaled: Collection[str],
) -> None:
    """Say in a preview what the update will do to variants, of which those in `scaled` are registered for scaling."""
    if not pulumi.runtime.is_dry_run():
        return
    for variant in variants:
        before = live.variants[variant.name].instance_type if variant.name in live.variants else ""
        if before not in ("", variant.instance_type) and variant.name in scaled:
            pulumi.log.info(
                f"{_named(endpoint, variant.name)} is taken off scaling while its instance type changes from {before} "
                f"to {variant.instance_type}, and put back.",
                component,
            )
    names = [variant.name for variant in variants]
    come, go = (
        [name for name in names if name not in live.variants],
        [name for name in live.variants if name not in names],
    )
    if live.variants and (come or go):
        changes = [f"{', '.join(some)} {verb}" for some, verb in ((come, "added"), (go, "removed")) if some]
        pulumi.log.info(
            f"The variants of {endpoint} change ({'; '.join(changes)}): SageMaker moves all traffic at once then, and "
            "no alarm rolls the update back.",
            component,
        )
    for variant in variants if len(variants) > 1 else ():
        serves = live.variants.get(variant.name)
        if serves and _undoes(serves.initial_weight, serves.weight, variant.weight):
            pulumi.log.info(
                f"{_named(endpoint, variant.name)} has the weight {serves.weight:g} now, its settings say "
                f"{variant.weight:g}: an update of the endpoint is refused until they agree.",
                component,
            )


def _weight(live: Mapping[str, Any], configured: Mapping[str, Any]) -> float:
    """The weight that a variant has now."""
    weight: float = live.get("DesiredWeight", configured.get("InitialVariantWeight", DEFAULT_WEIGHT))
    return weight


def _undoes(initial: float, now: float, after: float) -> bool:
    """Whether an update undoes what somebody set: the settings still say what the serving configuration started with.

    SageMaker keeps weights in single precision.
    """
    return _same(initial, after) and not _same(initial, now)


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-6)


def _named(endpoint: str, variant: str) -> str:
    return endpoint if variant == ALL_TRAFFIC else f"{endpoint}'s variant {variant}"
