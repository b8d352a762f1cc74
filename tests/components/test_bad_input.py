"""Whatever is wrong with a stack, one error says so, and nothing is created."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from components.settings import SettingsError
from private_inference.runner.program import run_program
from private_inference.runner.project import ProjectError, load_stack
from tests.support.recording import REGION, ROOT, ZONES, RecordingEngine, stack_config
from tests.support.stacks import CERTIFICATE, endpoint, front_door, minimal, model, settings, variant


def refused(values: dict[str, Any], *, engine: RecordingEngine | None = None, region: str = REGION) -> str:
    """The error that the program ends in; nothing may have been created by then."""
    engine = engine or RecordingEngine()
    with pytest.raises(SettingsError) as caught:
        run_program(stack_config(values, region=region), engine)
    assert engine.created == []
    return str(caught.value)


def test_a_missing_artifact(archive: Path) -> None:
    entry = endpoint(archive, model=model(archive, artifact="missing/model.tar.gz"))
    said = refused(minimal(archive, endpoints=[entry]))
    assert "endpoints[0].model.artifact: 'missing/model.tar.gz' can't be served: there is no such file" in said


def test_an_artifact_that_is_no_gzipped_tar(archive: Path, tmp_path: Path) -> None:
    text = tmp_path / "model.tar.gz"
    text.write_text("a model")
    said = refused(minimal(archive, endpoints=[endpoint(archive, model=model(archive, artifact=str(text)))]))
    assert "that is not a gzip-compressed tar archive" in said


def test_overlapping_blocks(archive: Path) -> None:
    said = refused(minimal(archive, network={"deniedCidrs": ["203.0.113.0/24", "203.0.113.128/25"]}))
    assert "network.deniedCidrs" in said
    assert "203.0.113.128/25 and 203.0.113.0/24, which overlap" in said


def test_a_block_that_overlaps_the_vpc(archive: Path) -> None:
    said = refused(minimal(archive, network={"cidr": "10.0.0.0/16", "deniedCidrs": ["10.0.0.0/8"]}))
    assert "network.deniedCidrs: '10.0.0.0/8' overlaps the VPC (10.0.0.0/16)" in said


def test_a_vpc_too_small_for_its_zones(archive: Path) -> None:
    said = refused(minimal(archive, network={"cidr": "10.0.0.0/25", "zones": 3}))
    assert "network.cidr: '10.0.0.0/25' is too small" in said
    assert "A /24 would do" in said


def test_an_unknown_region(archive: Path) -> None:
    assert "aws:region: 'us-east-9' is not a region of SageMaker" in refused(minimal(archive), region="us-east-9")


def test_an_unknown_instance_type(archive: Path) -> None:
    said = refused(minimal(archive, endpoints=[endpoint(archive, instanceType="ml.m5.huge")]))
    assert "endpoints[0].instanceType: 'ml.m5.huge' is not an instance type" in said


def test_fewer_instances_at_most_than_at_least(archive: Path) -> None:
    said = refused(minimal(archive, endpoints=[endpoint(archive, instances={"min": 4, "max": 3})]))
    assert "endpoints[0].instances.max: 3 is below min (4)" in said


def test_two_endpoints_of_one_name(archive: Path) -> None:
    said = refused(minimal(archive, endpoints=[endpoint(archive), endpoint(archive)]))
    assert "endpoints[1].name: 'triage' is the name of endpoints[0] too" in said


def test_two_variants_of_one_name(archive: Path) -> None:
    both = {"name": "triage", "variants": [variant(archive, "main"), variant(archive, "main")]}
    said = refused(minimal(archive, endpoints=[both]))
    assert "endpoints[0].variants[1].name: 'main' is the name of variants[0] too" in said


def test_a_volume_key_that_only_some_variants_can_do_without(archive: Path) -> None:
    both = {"name": "triage", "volumeKeyOffBecause": "the instance storage is encrypted by its hardware"}
    kinds = [variant(archive, "main", instanceType="ml.m5d.large"), variant(archive, "canary")]
    said = refused(minimal(archive, endpoints=[{**both, "variants": kinds}]))
    assert "endpoints[0].volumeKeyOffBecause: ml.m5.large has no local storage" in said


def test_a_variant_whose_alarms_would_be_named_as_anothers(archive: Path) -> None:
    gpus = [variant(archive, "AllTraffic", instanceType="ml.g5.12xlarge"), variant(archive, "gpu")]
    said = refused(minimal(archive, endpoints=[{"name": "triage", "variants": gpus}]))
    assert "would be named triage-gpu-memory" in said
    none = [variant(archive, "AllTraffic"), variant(archive, "gpu", instanceType="ml.g5.12xlarge")]
    settled = minimal(archive, endpoints=[{"name": "triage", "variants": none}])
    assert run_program(stack_config(settled), RecordingEngine()).resources


def test_a_name_of_64_characters(archive: Path) -> None:
    said = refused(minimal(archive, endpoints=[endpoint(archive, name="x" * 64)]))
    assert "has 64 characters; at most 55 are allowed" in said


def test_a_zone_without_the_runtime_endpoint(archive: Path) -> None:
    engine = RecordingEngine({"sagemaker.runtime": list(ZONES[:2])})
    said = refused(minimal(archive, network={"zones": [ZONES[0], ZONES[2]]}), engine=engine)
    assert f"network.zones: {ZONES[2]!r} does not offer the SageMaker runtime endpoint" in said


def test_a_service_that_no_zone_of_the_stack_offers(archive: Path) -> None:
    values = minimal(archive, privateAccess={"interfaceEndpoints": ["kms"]})
    assert "'kms' is offered in none of the stack's zones" in refused(values, engine=RecordingEngine({"kms": []}))


def test_more_acl_rules_than_the_quota(archive: Path) -> None:
    denied = [f"203.0.{third}.0/24" for third in range(0, 40, 2)]
    assert "network.naclRuleQuota allows 20" in refused(minimal(archive, network={"deniedCidrs": denied}))


def test_malformed_yaml(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: [us-east-1\n")
    with pytest.raises(ProjectError, match=r"Pulumi\.dev\.yaml is not valid YAML: line 3, column 1: .*Correct"):
        load_stack(tmp_path, "dev")


def test_a_front_door_without_a_certificate_or_with_two(archive: Path) -> None:
    for door in (front_door(certificateArn=None), front_door(publicZoneId="Z0123456789ABC")):
        said = refused(minimal(archive, frontDoor=door))
        assert (
            "frontDoor.domainName: 'models.example.internal' needs exactly one of certificateArn, privateCaArn" in said
        )


def test_a_certificate_of_another_region(archive: Path) -> None:
    elsewhere = CERTIFICATE.replace("us-east-1", "eu-west-1")
    said = refused(minimal(archive, frontDoor=front_door(certificateArn=elsewhere)))
    assert "frontDoor.certificateArn" in said
    assert "is not in us-east-1" in said


@pytest.mark.parametrize("name", ["Models.example.internal", "models", "*.example.internal", "a" * 60 + ".example"])
def test_what_is_no_name_for_a_front_door(archive: Path, name: str) -> None:
    assert "is not a domain name" in refused(minimal(archive, frontDoor=front_door(domainName=name)))


def test_a_front_door_that_leads_nowhere(archive: Path) -> None:
    assert "leads to no endpoint" in refused(minimal(archive, endpoints=[], frontDoor=front_door()))


def test_a_front_door_beside_fips(archive: Path) -> None:
    said = refused(minimal(archive, privateAccess={"fips": True}, frontDoor=front_door()))
    assert "can't be had with privateAccess.fips" in said


def test_a_latency_that_api_gateway_does_not_wait_for(archive: Path) -> None:
    slow = endpoint(archive, alarms={"latencyMs": 29_000})
    said = refused(minimal(archive, endpoints=[slow], frontDoor=front_door()))
    assert "endpoints[0].alarms.latencyMs" in said
    assert "gives up after 29 s" in said
    settings(minimal(archive, endpoints=[slow], frontDoor=front_door(timeoutSeconds=60)))
