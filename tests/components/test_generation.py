"""Configurations: another content is another one, which starts what serves; what already serves it stays."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.generation import Content, Generation, generation
from components.live_endpoints import NOT_DEPLOYED, LiveEndpoint, LiveVariant
from tests.components.test_variant_settings import several
from tests.support.stacks import endpoint, minimal, model, settings, variant


def content(archive: Path, *variants: dict[str, Any], **changes: Any) -> Content:
    given = several(archive, *variants) if variants else minimal(archive, endpoints=[endpoint(archive, **changes)])
    served = settings(given).endpoints[0].production_variants
    artifacts = {each.name: [one.source for one in each.model.served] for each in served}
    return Content(endpoint="triage", artifacts=artifacts, variants=served, volume_key=True, zones=["b", "a"])


def serving(made: Generation, **instances: int) -> LiveEndpoint:
    """An endpoint on a configuration, with so many instances of each variant."""
    variants = {
        name: LiveVariant(initial_instances=made.instances[name], instances=count) for name, count in instances.items()
    }
    return replace(NOT_DEPLOYED, configuration=f"{made.name}-1234567", variants=variants)


@pytest.fixture
def one(archive: Path) -> Content:
    return content(archive)


@pytest.fixture
def two(archive: Path) -> Content:
    return content(archive, variant(archive, "AllTraffic", weight=9), variant(archive, "canary"))


def test_an_endpoint_that_names_its_one_variant_all_traffic_is_the_same(archive: Path, one: Content) -> None:
    named = content(archive, variant(archive, "AllTraffic"))
    assert generation(named, NOT_DEPLOYED) == generation(one, NOT_DEPLOYED)


def test_the_name_that_stacks_have_been_deployed_with_stays(archive: Path) -> None:
    """It is a digest of the content: another name would replace the fleets of every deployed stack."""
    deployed = Content(
        endpoint="triage",
        artifacts={"AllTraffic": ["0" * 64]},
        variants=content(archive).variants,
        volume_key=True,
        zones=["us-east-1a", "us-east-1b"],
    )
    assert deployed.name({"AllTraffic": 2}, renamed=False) == "triage-43d53c1"


def test_the_order_of_variants_is_no_content(archive: Path, two: Content) -> None:
    turned = content(archive, variant(archive, "canary"), variant(archive, "AllTraffic", weight=9))
    assert generation(turned, NOT_DEPLOYED) == generation(two, NOT_DEPLOYED)


@pytest.mark.parametrize(
    "change",
    [
        {"weight": 2},
        {"instanceType": "ml.m5.xlarge"},
        {"instances": {"initial": 3}},
    ],
    ids=str,
)
def test_another_content_of_one_variant_is_another_configuration(
    archive: Path, two: Content, change: dict[str, Any]
) -> None:
    changed = content(archive, variant(archive, "AllTraffic", weight=9), variant(archive, "canary", **change))
    assert generation(changed, NOT_DEPLOYED).name != generation(two, NOT_DEPLOYED).name


def test_a_variant_of_another_name_is_another_configuration(archive: Path, two: Content) -> None:
    renamed = content(archive, variant(archive, "AllTraffic", weight=9), variant(archive, "challenger"))
    assert generation(renamed, NOT_DEPLOYED).name != generation(two, NOT_DEPLOYED).name


def test_what_starts_no_instance_is_no_content(archive: Path, two: Content) -> None:
    watched = variant(archive, "canary", alarms={"latencyMs": 10}, scaling={"cpuPercent": 30})
    changed = content(archive, variant(archive, "AllTraffic", weight=9), watched)
    assert generation(changed, NOT_DEPLOYED) == generation(two, NOT_DEPLOYED)


def test_each_variant_starts_what_serves_of_it(archive: Path, two: Content) -> None:
    live = serving(generation(two, NOT_DEPLOYED), AllTraffic=7, canary=3)
    changed = content(
        archive,
        variant(archive, "AllTraffic", weight=9),
        variant(archive, "canary", model=model(archive, environment={"LEVEL": "debug"})),
    )
    made = generation(changed, live)
    assert (made.instances, made.renamed) == ({"AllTraffic": 7, "canary": 3}, False)


def test_scaling_makes_no_new_configuration(two: Content) -> None:
    first = generation(two, NOT_DEPLOYED)
    assert generation(two, serving(first, AllTraffic=7, canary=3)) == first


def test_a_variant_is_added_beside_what_serves_and_the_configuration_stays(one: Content, two: Content) -> None:
    added = generation(two, serving(generation(one, NOT_DEPLOYED), AllTraffic=7))
    assert (added.instances, added.renamed) == ({"AllTraffic": 7, "canary": 2}, True)
    # SageMaker was given no deployment configuration, and so it stays until something else changes.
    assert generation(two, serving(added, AllTraffic=5, canary=4)) == added


def test_the_next_change_has_a_deployment_configuration_again(archive: Path, one: Content, two: Content) -> None:
    added = generation(two, serving(generation(one, NOT_DEPLOYED), AllTraffic=7))
    heavier = content(archive, variant(archive, "AllTraffic", weight=9), variant(archive, "canary", weight=2))
    assert not generation(heavier, serving(added, AllTraffic=7, canary=2)).renamed


def test_a_variant_goes_and_the_other_keeps_its_instances(one: Content, two: Content) -> None:
    removed = generation(one, serving(generation(two, NOT_DEPLOYED), AllTraffic=7, canary=2))
    assert (removed.instances, removed.renamed) == ({"AllTraffic": 7}, True)


def test_a_shadow_is_another_content_than_a_variant_of_its_name(two: Content) -> None:
    shadowed = replace(two, shadow="canary")
    assert generation(shadowed, NOT_DEPLOYED).name != generation(two, NOT_DEPLOYED).name


def test_a_shadow_keeps_the_instances_that_it_has(two: Content) -> None:
    shadowed = replace(two, shadow="canary")
    busy = replace(serving(generation(shadowed, NOT_DEPLOYED), AllTraffic=2, canary=4), configuration="another")
    assert generation(shadowed, busy).instances == {"AllTraffic": 2, "canary": 4}


def test_another_content_of_what_an_image_is_built_from_is_another_configuration(archive: Path, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM scratch\n", encoding="utf-8")
    built = content(archive, model=model(archive, image={"build": str(tmp_path)}))
    before = generation(built, NOT_DEPLOYED).name
    assert generation(built, NOT_DEPLOYED).name == before
    dockerfile.write_text("FROM other\n", encoding="utf-8")
    assert generation(built, NOT_DEPLOYED).name != before
