"""Several variants of an endpoint: what AWS refuses is told before anything is created."""

from pathlib import Path
from typing import Any

import pytest

from components.settings import VariantSettings
from tests.components.test_settings import BAD, change, leaves, problems
from tests.support.recording import ROOT
from tests.support.stacks import PROJECT, endpoint, minimal, model, settings, variant

FIRST = "endpoints[0].variants[0]."
OF_A_VARIANT = [
    *(
        (f"{FIRST}{key.removeprefix('endpoints[0].')}", value, remedy)
        for key, value, remedy in BAD
        if key.startswith("endpoints[0].")
        and key.split(".")[1] in ("model", "instanceType", "instances", "hosting", "scaling", "alarms")
    ),
    (f"{FIRST}name", "green_1", "may hold 63 letters, digits and inner hyphens at most; rename it, such as canary"),
    (f"{FIRST}name", "x" * 64, "may hold 63 letters, digits and inner hyphens at most"),
    (f"{FIRST}name", "x" * 50, "at most 55 are allowed. Shorten one of them"),
    (f"{FIRST}weight", -1, "greater than or equal to 0"),
    (f"{FIRST}weight", float("inf"), "finite number"),
]


def several(archive: Path, *variants: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A stack whose endpoint has these variants."""
    return minimal(archive, endpoints=[{"name": "triage", "variants": list(variants)} | more])


@pytest.mark.parametrize(
    ("key", "value", "remedy"), OF_A_VARIANT, ids=[f"{k}={str(v)[:30]}" for k, v, _ in OF_A_VARIANT]
)
def test_a_bad_value_of_a_variant_names_its_key_and_the_fix(
    key: str, value: Any, remedy: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    (said,) = problems(change(several(archive, variant(archive, "main")), key, value))
    assert said.startswith(f"{PROJECT}:{key}: ")
    assert remedy in said


def test_every_setting_of_a_variant_has_a_bad_value_above() -> None:
    tried = {key for key, _, _ in OF_A_VARIANT}
    for leaf in leaves(VariantSettings, FIRST):
        assert any(key == leaf or key.startswith((f"{leaf}.", f"{leaf}[")) for key in tried), leaf


def test_what_an_endpoint_says_is_what_its_one_variant_is(archive: Path) -> None:
    (one,) = settings(minimal(archive, endpoints=[endpoint(archive, instances={"max": 4})])).endpoints
    (named,) = settings(several(archive, variant(archive, "AllTraffic", instances={"max": 4}))).endpoints
    assert one.production_variants == named.production_variants
    assert one.most_instances == named.most_instances == 8


def test_an_endpoint_with_neither_model_nor_variants_lacks_its_model(archive: Path) -> None:
    nothings: list[dict[str, Any]] = [{}, {"variants": []}, {"model": None, "instanceType": None}]
    for nothing in nothings:
        assert problems(minimal(archive, endpoints=[{"name": "triage", **nothing}])) == [
            f"{PROJECT}:endpoints[0].model: is missing; add it.",
            f"{PROJECT}:endpoints[0].instanceType: is missing; add it.",
        ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("instanceType", "ml.m5.large"),
        ("instances", {"max": 4}),
        ("scaling", {"cpuPercent": 50.5}),
        ("alarms", {"latencyMs": 5.5}),
    ],
)
def test_what_each_variant_has_is_not_set_beside_them(key: str, value: Any, archive: Path) -> None:
    (said,) = problems(several(archive, variant(archive, "main"), **{key: value}))
    assert said == (
        f"{PROJECT}:endpoints[0].{key}: {value!r} is set beside variants, each of which has its own; move it into them."
    )
    (said,) = problems(several(archive, variant(archive, "main"), model=model(archive)))
    assert said.startswith(f"{PROJECT}:endpoints[0].model: ")


def test_two_variants_of_one_name(archive: Path) -> None:
    (said,) = problems(several(archive, variant(archive, "main"), variant(archive, "Main")))
    assert "endpoints[0].variants[1].name: 'Main' is the name of variants[0] too, case aside" in said


def test_eleven_variants(archive: Path) -> None:
    eleven = [variant(archive, f"v{number}") for number in range(11)]
    (said,) = problems(several(archive, *eleven))
    assert "endpoints[0].variants: " in said
    assert "at most 10 items" in said


def test_six_variants_have_more_alarms_than_a_rollback_takes(archive: Path) -> None:
    six = [variant(archive, f"v{number}", instances={"max": 4}) for number in range(6)]
    (said,) = problems(several(archive, *six))
    assert "variants: 6 is how many there are, with 12 alarms that roll an update back, and AWS takes 10" in said
    assert settings(several(archive, *six, update={"rollbackOffBecause": "operators watch the updates"}))
    assert settings(several(archive, *six[:5]))


def test_variants_that_no_call_reaches(archive: Path) -> None:
    (said,) = problems(several(archive, variant(archive, "a", weight=0), variant(archive, "b", weight=0)))
    assert "variants: [0.0, 0.0] are their weights: no call would reach a model. Raise one above 0" in said
    assert settings(several(archive, variant(archive, "a", weight=0), variant(archive, "b", weight=0.5)))


def test_rolling_updates_are_for_one_variant(archive: Path) -> None:
    rolling = {"strategy": "rolling", "stepPercent": 50}
    assert settings(several(archive, variant(archive, "a"), update=rolling))
    (said,) = problems(several(archive, variant(archive, "a"), variant(archive, "b"), update=rolling))
    assert "update.strategy: 'rolling' is not to be had for several variants" in said


def test_a_step_fits_every_variant(archive: Path) -> None:
    canary = {"strategy": "canary", "stepInstances": 2}
    small, large = variant(archive, "a"), variant(archive, "b", instances={"min": 4})
    assert settings(several(archive, large, update=canary))
    (said,) = problems(several(archive, large, small, update=canary))
    assert "update.stepInstances: 2 must be from 1 to 1: at most half of instances.min (2)" in said


def test_a_variant_and_an_endpoint_whose_resources_would_have_one_name(archive: Path) -> None:
    both = several(archive, variant(archive, "main"), variant(archive, "canary"))
    both["endpoints"].append(endpoint(archive, name="triage-canary"))
    (said,) = problems(both)
    assert "endpoints[0].variants[1].name: 'canary' makes triage-canary with the endpoint's name" in said
    assert "as resources of endpoints[1] are named; rename it" in said


def test_an_image_of_another_region_is_refused_for_a_variant_too(archive: Path) -> None:
    image = {"uri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/serving:1"}
    (said,) = problems(
        several(archive, variant(archive, "a"), variant(archive, "b", model=model(archive, image=image)))
    )
    assert "endpoints[0].variants[1].model.image.uri: " in said


def test_all_variants_need_addresses(archive: Path) -> None:
    small = {"cidr": "10.0.0.0/24"}
    one = several(archive, variant(archive, "a", instances={"max": 4}))
    two = several(archive, *(variant(archive, name, instances={"max": 4}) for name in "ab"))
    assert settings(one | {"network": small})
    (said,) = problems(two | {"network": small})
    assert "the endpoints' maxima need 32" in said
