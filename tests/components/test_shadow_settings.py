"""A shadow: what AWS refuses beside it, and what would have no effect, is told before anything is made."""

from pathlib import Path
from typing import Any

import pytest

from components.settings import ShadowSettings
from tests.components.test_settings import BAD, change, leaves, problems
from tests.support.recording import ROOT
from tests.support.stacks import PROJECT, endpoint, minimal, model, settings, variant

SHADOW = "endpoints[0].shadow."
BAD_SHADOWS = [
    *(
        (f"{SHADOW}{key.removeprefix('endpoints[0].')}", value, remedy)
        for key, value, remedy in BAD
        if key.startswith("endpoints[0].")
        and key.split(".")[1] in ("model", "instanceType", "hosting", "scaling", "alarms")
    ),
    (f"{SHADOW}name", "green_1", "may hold 63 letters, digits and inner hyphens at most; rename it, such as canary"),
    (f"{SHADOW}name", "x" * 58, "at most 55 are allowed. Shorten one of them"),
    (f"{SHADOW}name", "allTraffic", "is the name of the production variant, too; give it another"),
    (f"{SHADOW}percent", 0, "greater than 0"),
    (f"{SHADOW}percent", 101, "less than or equal to 100"),
    (f"{SHADOW}instances.min", 0, "greater than or equal to 1"),
    (f"{SHADOW}instances.max", 0, "greater than or equal to 1"),
    (f"{SHADOW}instances", {"min": 3, "max": 2}, "is below min (3); raise max or lower min"),
    (f"{SHADOW}instanceType", "ml.inf1.xlarge", "is Inf1, which SageMaker has no shadows with; choose another type"),
]


def shadow(archive: Path, **changes: Any) -> dict[str, Any]:
    """The least that `shadow` says."""
    return {"model": model(archive), "instanceType": "ml.c5.xlarge"} | changes


def shadowed(archive: Path, *, of: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A stack with an endpoint that has a shadow."""
    return minimal(archive, endpoints=[endpoint(archive, shadow=shadow(archive, **(of or {})), **changes)])


@pytest.mark.parametrize(("key", "value", "remedy"), BAD_SHADOWS, ids=[f"{k}={str(v)[:30]}" for k, v, _ in BAD_SHADOWS])
def test_a_bad_value_names_its_key_and_the_fix(
    key: str, value: Any, remedy: str, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    scaled = shadowed(archive, of={"instances": {"max": 4}})
    (said,) = problems(change(scaled, key, value))
    assert said.startswith(f"{PROJECT}:{key}")
    assert remedy in said


def test_every_setting_has_a_bad_value_above() -> None:
    tried = {key for key, _, _ in BAD_SHADOWS}
    for leaf in leaves(ShadowSettings, SHADOW):
        assert any(key == leaf or key.startswith((f"{leaf}.", f"{leaf}[")) for key in tried), leaf


def test_its_weight_is_its_share_of_the_production_variants(archive: Path) -> None:
    (read,) = settings(shadowed(archive, of={"percent": 25})).endpoints
    assert [(each.name, each.weight) for each in read.hosted_variants] == [("AllTraffic", 1), ("shadow", 0.25)]
    assert [each.name for each in read.production_variants] == ["AllTraffic"]
    heavy = {"name": "triage", "variants": [variant(archive, "main", weight=4)], "shadow": shadow(archive, percent=25)}
    (read,) = settings(minimal(archive, endpoints=[heavy])).endpoints
    assert [each.weight for each in read.hosted_variants] == [4, 1]


def test_its_instances_stay_as_many_unless_a_maximum_lets_them_follow_the_load(archive: Path) -> None:
    (read,) = settings(shadowed(archive)).endpoints
    assert read.shadow
    assert not read.shadow.scaled
    assert read.hosted_variants[1].instances.at_creation == 1
    (said,) = problems(shadowed(archive, of={"scaling": {"cpuPercent": 50}}))
    assert "shadow.scaling.cpuPercent: 50.0 has no effect: the number of instances stays as it is" in said
    (read,) = settings(shadowed(archive, of={"scaling": {"cpuPercent": 50}, "instances": {"max": 2}})).endpoints
    assert read.shadow
    assert read.shadow.scaled


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"asynchronous": {}}, "shadow.name: 'shadow' is not to be had beside asynchronous"),
        (
            {"update": {"strategy": "rolling", "stepPercent": 50}},
            "update.strategy: 'rolling' is not to be had for several variants, a shadow included",
        ),
        ({"instanceType": "ml.inf1.xlarge"}, "instanceType: 'ml.inf1.xlarge' is Inf1"),
    ],
)
def test_what_aws_excludes_is_refused(changes: dict[str, Any], told: str, archive: Path) -> None:
    (said,) = problems(shadowed(archive, **changes))
    assert told in said


def test_it_is_beside_one_production_variant(archive: Path) -> None:
    several = {"name": "triage", "variants": [variant(archive, each) for each in "ab"], "shadow": shadow(archive)}
    (said,) = problems(minimal(archive, endpoints=[several]))
    assert "variants: 2 is how many there are, and SageMaker takes one beside a shadow" in said


def test_its_resources_have_names_of_their_own(archive: Path) -> None:
    both = shadowed(archive)
    both["endpoints"].append(endpoint(archive, name="triage-shadow"))
    (said,) = problems(both)
    assert "endpoints[0].shadow.name: 'shadow' makes triage-shadow with the endpoint's name" in said


def test_it_needs_addresses_during_an_update_too(archive: Path) -> None:
    (read,) = settings(shadowed(archive, instances={"max": 4}, of={"instances": {"max": 3}})).endpoints
    assert read.most_instances == 2 * (4 + 3)
