"""What an update may not do to the variants that serve, and what has to leave scaling for it."""

from typing import Any

import pytest

from components.variant_changes import SHADOW, VariantChanges, Variants


def variants(**given: tuple[int, float]) -> dict[str, dict[str, Any]]:
    """Configured variants: instances and weight by name."""
    return {
        name: {"InitialInstanceCount": instances, "InitialVariantWeight": weight, "InstanceType": "ml.m5.large"}
        for name, (instances, weight) in given.items()
    }


def live(**given: tuple[int, float]) -> dict[str, dict[str, Any]]:
    """Variants as they serve."""
    return {
        name: {"DesiredInstanceCount": instances, "DesiredWeight": weight}
        for name, (instances, weight) in given.items()
    }


def changes(before: dict[str, Any], now: dict[str, Any], after: dict[str, Any]) -> VariantChanges:
    return VariantChanges("triage", live=now, serving=before, planned=after)


MAIN, BOTH = variants(AllTraffic=(2, 1)), variants(AllTraffic=(2, 9), canary=(2, 1))


def test_an_update_that_starts_what_serves_may_happen() -> None:
    now = live(AllTraffic=(7, 9), canary=(3, 1))
    assert changes(BOTH, now, variants(AllTraffic=(7, 9), canary=(3, 1))).refusal() == ""


@pytest.mark.parametrize(
    ("now", "after", "told"),
    [
        (
            live(AllTraffic=(7, 9), canary=(2, 1)),
            BOTH,
            "triage serves with 7 instances, and its new configuration starts 2",
        ),
        (
            live(AllTraffic=(2, 9), canary=(4, 1)),
            BOTH,
            "triage's variant canary serves with 4 instances, and its new configuration starts 2",
        ),
        (
            live(AllTraffic=(7, 9), canary=(2, 1)),
            variants(canary=(2, 1)),
            "triage serves with 7 instances, and the variants that take over its calls start 2",
        ),
    ],
    ids=["the first", "another", "one that goes"],
)
def test_fewer_instances_than_serve_are_refused(now: dict[str, Any], after: dict[str, Any], told: str) -> None:
    assert changes(BOTH, now, after).refusal().startswith(told)


@pytest.mark.parametrize(
    ("now", "after"),
    [
        (live(AllTraffic=(7, 9), canary=(2, 1)), variants(AllTraffic=(7, 9))),
        (live(AllTraffic=(2, 9), canary=(4, 0)), variants(AllTraffic=(2, 9))),
        (live(AllTraffic=(7, 9), canary=(2, 1)), variants(AllTraffic=(7, 9), canary=(2, 1), third=(2, 1))),
    ],
    ids=["the smaller goes", "one without calls goes", "one comes"],
)
def test_variants_may_come_and_go(now: dict[str, Any], after: dict[str, Any]) -> None:
    assert changes(BOTH, now, after).refusal() == ""


def test_a_weight_that_somebody_set_is_not_undone_by_settings_that_say_what_they_said() -> None:
    drained = live(AllTraffic=(2, 9), canary=(2, 0))
    said = changes(BOTH, drained, BOTH).refusal()
    assert said.startswith("triage's variant canary has the weight 0, which somebody gave it beside the settings")
    assert "they say 1" in said


@pytest.mark.parametrize(
    ("now", "after"),
    [
        (live(AllTraffic=(2, 9), canary=(2, 0)), variants(AllTraffic=(2, 9), canary=(2, 0))),
        (live(AllTraffic=(2, 9), canary=(2, 0)), variants(AllTraffic=(2, 9), canary=(2, 3))),
        (live(AllTraffic=(2, 9), canary=(2, 1.0000000149)), BOTH),
        (live(AllTraffic=(2, 5), canary=(2, 1)), variants(AllTraffic=(2, 9))),
    ],
    ids=["written down", "decided anew", "single precision", "one takes all"],
)
def test_a_weight_that_the_settings_decide_is_set(now: dict[str, Any], after: dict[str, Any]) -> None:
    assert changes(BOTH, now, after).refusal() == ""


def test_off_scaling_are_the_variants_of_another_type_and_those_that_go() -> None:
    three = variants(a=(2, 1), b=(2, 1), c=(2, 1))
    after = {"a": three["a"], "b": {**three["b"], "InstanceType": "ml.c5.xlarge"}, "d": three["a"]}
    assert changes(three, {}, after).off_scaling() == {"b", "c"}
    assert changes(MAIN, {}, BOTH).off_scaling() == set()


def as_shadow(variants: dict[str, dict[str, Any]], name: str) -> Variants:
    return {each: found | ({SHADOW: True} if each == name else {}) for each, found in variants.items()}


def test_nobody_takes_over_the_calls_of_a_shadow_and_it_takes_over_nobodys() -> None:
    both = as_shadow(variants(AllTraffic=(2, 1), shadow=(1, 1)), "shadow")
    busy = as_shadow(live(AllTraffic=(2, 1), shadow=(4, 1)), "shadow")
    assert VariantChanges("triage", live=busy, serving=both, planned=MAIN).refusal() == ""
    promoted = as_shadow(variants(successor=(2, 1), shadow=(4, 1)), "shadow")
    said = VariantChanges("triage", live=live(AllTraffic=(3, 1)), serving=MAIN, planned=promoted).refusal()
    assert said.startswith("triage serves with 3 instances, and the variants that take over its calls start 2")


def test_a_share_that_somebody_set_is_not_undone_either() -> None:
    both = as_shadow(variants(AllTraffic=(2, 1), shadow=(1, 0.5)), "shadow")
    stopped = as_shadow(live(AllTraffic=(2, 1), shadow=(1, 0)), "shadow")
    said = VariantChanges("triage", live=stopped, serving=both, planned=both).refusal()
    assert said.startswith("triage's variant shadow has the weight 0, which somebody gave it beside the settings")
