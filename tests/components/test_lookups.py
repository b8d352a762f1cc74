"""What is looked up in AWS before anything is declared, and what is refused because of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest

from components.flows import Gateway
from components.lookups import InstanceFacts, RegionFacts, look_up
from components.settings import SettingsError
from tests.support.recording import DYNAMODB_CIDRS, REGION, S3_CIDRS, ZONES, Recorded, RecordingEngine, record_part
from tests.support.stacks import HERE, endpoint, minimal, settings

RUNTIME, FIPS = "sagemaker.runtime", "sagemaker.runtime-fips"


def looked_up(archive: Path, engine: RecordingEngine | None = None, **changes: Any) -> tuple[RegionFacts, Recorded]:
    read = settings(minimal(archive, **changes))
    found: list[RegionFacts] = []
    recorded = record_part(lambda: found.append(look_up(read)), engine)
    return found[0], recorded


def refused(archive: Path, offered: Mapping[str, list[str]], **changes: Any) -> str:
    engine = RecordingEngine(offered)
    with pytest.raises(SettingsError) as caught:
        looked_up(archive, engine, **changes)
    assert engine.created == []
    return str(caught.value)


def test_the_first_zones_that_offer_the_runtime_endpoint_are_taken(archive: Path) -> None:
    found, _ = looked_up(archive, RecordingEngine({RUNTIME: [ZONES[1], ZONES[3], ZONES[4]]}))
    assert found.zones == [ZONES[1], ZONES[3]]


def test_the_fips_endpoint_has_zones_of_its_own(archive: Path) -> None:
    engine = RecordingEngine({RUNTIME: list(ZONES[:2]), FIPS: list(ZONES[2:4])})
    found, _ = looked_up(archive, engine, privateAccess={"fips": True})
    assert found.zones == list(ZONES[2:4])


def test_named_zones_are_taken_as_named(archive: Path) -> None:
    found, _ = looked_up(archive, network={"zones": [ZONES[5], ZONES[2]]})
    assert found.zones == [ZONES[5], ZONES[2]]


def test_more_zones_than_offer_the_runtime_endpoint_are_refused(archive: Path) -> None:
    said = refused(archive, {RUNTIME: list(ZONES[:2])}, network={"zones": 3})
    assert "network.zones: 3 is more than the 2 zones of us-east-1" in said
    assert "Use 2 at most" in said


def test_each_named_zone_that_will_not_do_is_told(archive: Path) -> None:
    said = refused(archive, {RUNTIME: list(ZONES[:2])}, network={"zones": ["eu-west-1a", ZONES[2]]})
    assert f"'eu-west-1a' is not a zone of {REGION}; choose from {', '.join(ZONES)}." in said
    assert f"{ZONES[2]!r} does not offer the SageMaker runtime endpoint; choose from {ZONES[0]}, {ZONES[1]}." in said


A, B, C, D, E, F = ZONES
IN_USE = {C: "10.0.0.0/21", A: "10.0.8.0/21"}
"""Zones chosen when B was out."""


def test_zones_in_use_stay_and_only_missing_ones_are_chosen(archive: Path) -> None:
    same, _ = looked_up(archive, RecordingEngine(subnets=IN_USE))
    assert same.zones == [C, A]
    more, _ = looked_up(archive, RecordingEngine(subnets=IN_USE), network={"zones": 3})
    assert more.zones == [C, A, B]
    assert more.subnets_in_use == IN_USE


@pytest.mark.parametrize("zones", [2, [C, A]])
def test_a_zone_in_use_that_is_out_is_kept_and_told(archive: Path, zones: object) -> None:
    found, recorded = looked_up(archive, RecordingEngine(subnets=IN_USE, lost=[C]), network={"zones": zones})
    assert found.zones == [C, A]
    assert f"The zone {C} is not available now. The stack's subnets there stay as they are" in recorded.warnings


def test_a_number_below_the_zones_in_use_is_refused(archive: Path) -> None:
    engine = RecordingEngine(subnets=IN_USE | {D: "10.0.16.0/21"})
    with pytest.raises(SettingsError, match=f"2 is less than the 3 zones .*{C}, {A}, {D}.* Name the zones that stay"):
        looked_up(archive, engine)
    found, _ = looked_up(archive, engine, network={"zones": [A, D]})
    assert found.zones == [A, D]


def test_zones_that_offer_the_instance_types_come_first(archive: Path) -> None:
    engine = RecordingEngine(type_zones={"m5.large": [B, D, E]})
    found, recorded = looked_up(archive, engine)
    assert found.zones == [B, D]
    assert recorded.warnings == ""


def test_a_zone_that_lacks_an_instance_type_is_told(archive: Path) -> None:
    engine = RecordingEngine(type_zones={"m5.large": [B, D, E]})
    found, recorded = looked_up(archive, engine, network={"zones": [A, B]})
    assert found.zones == [A, B]
    assert f"ml.m5.large is not offered in {A}: no instance of it will run there" in recorded.warnings


def test_an_instance_type_that_none_of_the_zones_offers_is_refused(archive: Path) -> None:
    engine = RecordingEngine(type_zones={"m5.large": [E]})
    with pytest.raises(SettingsError, match=f"'ml.m5.large' is offered in none of .*{A}, {B}.*, only in {E}"):
        looked_up(archive, engine, network={"zones": [A, B]})


@pytest.mark.parametrize("gateway", ["vgw-0a1b2c3d4e5f60718", "tgw-0a1b2c3d4e5f60718"])
def test_a_gateway_that_is_not_there_is_refused(archive: Path, gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(id: str, state: str = "") -> None:  # noqa: A002 - the SDK's name
        raise ValueError(f"invoke failed: no matching EC2 gateway found: {id} in 123456789012")

    monkeypatch.setattr(aws.ec2, "get_vpn_gateway", fails)
    monkeypatch.setattr(aws.ec2transitgateway, "get_transit_gateway", fails)
    with pytest.raises(SettingsError, match=f"network.onPremises.gatewayId: '{gateway}' can't be .* in <account>"):
        looked_up(archive, network={"onPremises": {"cidrs": ["192.168.0.0/16"], "gatewayId": gateway}})


def test_a_service_that_none_of_the_zones_offers_is_refused(archive: Path) -> None:
    said = refused(archive, {"kms": [ZONES[5]]}, privateAccess={"interfaceEndpoints": ["kms"]})
    assert f"'kms' is offered in none of the stack's zones ({ZONES[0]}, {ZONES[1]}), only in {ZONES[5]}" in said


def test_a_services_zones_are_those_of_the_stack_that_offer_it(archive: Path) -> None:
    engine = RecordingEngine({"kms": [ZONES[1], ZONES[5]]})
    found, recorded = looked_up(archive, engine, privateAccess={"interfaceEndpoints": ["kms", "sts"]})
    assert found.service_zones == {RUNTIME: list(ZONES[:2]), "kms": [ZONES[1]], "sts": list(ZONES[:2])}
    assert f"kms is not offered in {ZONES[0]}" in recorded.warnings
    assert "sts" not in recorded.warnings


def test_prefix_lists_are_those_of_the_gateways(archive: Path) -> None:
    plain, _ = looked_up(archive)
    both, _ = looked_up(archive, privateAccess={"dynamodb": True})
    assert plain.prefix_lists.keys() == {Gateway.S3}
    assert {gateway: listed.cidrs for gateway, listed in both.prefix_lists.items()} == {
        Gateway.S3: S3_CIDRS,
        Gateway.DYNAMODB: DYNAMODB_CIDRS,
    }


def test_instance_facts_are_those_of_ec2(archive: Path) -> None:
    entries = [
        endpoint(archive, instanceType="ml.m5.xlarge"),
        endpoint(archive, name="fast", instanceType="ml.m5d.large"),
        endpoint(archive, name="large", instanceType="ml.g5.12xlarge"),
    ]
    found, _ = looked_up(archive, endpoints=entries)
    assert found.instances == {
        "ml.m5.xlarge": InstanceFacts(vcpus=4, gpus=0, local_storage=False, memory_mb=16384),
        "ml.m5d.large": InstanceFacts(vcpus=2, gpus=0, local_storage=True, memory_mb=16384),
        "ml.g5.12xlarge": InstanceFacts(vcpus=48, gpus=4, local_storage=True, memory_mb=16384),
    }


def test_a_prebuilt_image_comes_from_awss_registry(archive: Path) -> None:
    found, _ = looked_up(archive)
    (image,) = found.prebuilt_images.values()
    assert str(image.uri).endswith("/sagemaker-xgboost:3.0-5")
    assert str(image.repository_arn).startswith(f"arn:aws:ecr:{REGION}:")
    assert HERE.id not in str(image.repository_arn)


def test_local_storage_that_the_customer_key_does_not_reach_is_told(archive: Path) -> None:
    _, recorded = looked_up(archive, endpoints=[endpoint(archive, instanceType="ml.m5d.large")])
    assert "the customer key does not encrypt the local storage of ml.m5d.large" in recorded.warnings
    reason = {"volumeKeyOffBecause": "the instance storage is encrypted by its hardware"}
    _, quiet = looked_up(archive, endpoints=[endpoint(archive, instanceType="ml.m5d.large", **reason)])
    assert quiet.warnings == ""


def test_a_volume_that_takes_the_customer_key_gets_it(archive: Path) -> None:
    reason = {"volumeKeyOffBecause": "the instance storage is encrypted by its hardware"}
    said = refused(archive, {}, endpoints=[endpoint(archive, **reason)])
    assert "endpoints[0].volumeKeyOffBecause: ml.m5.large has no local storage" in said
    assert "Remove the setting" in said
