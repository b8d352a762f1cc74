"""Private access: gateways first, interfaces where no gateway does, each with a policy."""

import json
from pathlib import Path
from typing import Any

import pytest

from components.flow_logs import FlowLogArgs
from components.lookups import look_up
from components.network import PrivateNetwork, PrivateNetworkArgs, plan_network
from components.private_access import PrivateAccess, PrivateAccessArgs
from components.settings.models import InterfaceService
from tests.support.recording import ZONES, Recorded, RecordingEngine, record_part
from tests.support.stacks import HERE, endpoint, minimal, model, settings

EVERY_SERVICE = list(InterfaceService.__args__)  # type: ignore[attr-defined]


def access(archive: Path, engine: RecordingEngine | None = None, **changes: Any) -> Recorded:
    read = settings(minimal(archive, **changes))

    def program() -> None:
        found = look_up(read)
        plan = plan_network(read, found)
        network = PrivateNetwork(
            "network",
            PrivateNetworkArgs(
                settings=read.network,
                plan=plan,
                flow_logs=FlowLogArgs(
                    account=HERE,
                    logs_key_arn="arn:aws:kms:us-east-1:123456789012:key/logs",
                    log_retention_days=365,
                    protect=True,
                ),
                protect=True,
            ),
        )
        PrivateAccess(
            "access",
            PrivateAccessArgs(
                settings=read.private_access,
                account=HERE,
                network=network,
                allowed=plan.allowed,
                service_zones=found.service_zones,
                endpoint_names=["triage"],
                bearer_tokens=False,
                artifacts=["arn:aws:s3:::models/triage"],
                iam_path="/stack/",
                parameter_prefix="/stack/",
                security_group_id="sg-access",
            ),
        )

    return record_part(program, engine)


@pytest.fixture(scope="module")
def least_access(archive: Path) -> Recorded:
    return access(archive)


@pytest.fixture(scope="module")
def every_access(archive: Path) -> Recorded:
    return access(archive, privateAccess={"interfaceEndpoints": EVERY_SERVICE, "dynamodb": True})


@pytest.fixture(scope="module")
def fips(archive: Path) -> Recorded:
    return access(archive, privateAccess={"fips": True})


def test_by_default_there_are_the_s3_gateway_and_the_runtime_endpoint_alone(least_access: Recorded) -> None:
    assert {e.properties["serviceName"]: e.properties["vpcEndpointType"] for e in least_access.all("VpcEndpoint")} == {
        "com.amazonaws.us-east-1.s3": "Gateway",
        "com.amazonaws.us-east-1.sagemaker.runtime": "Interface",
    }


def test_the_s3_gateway_is_attached_to_the_model_tiers_table(least_access: Recorded) -> None:
    tables = least_access.one("VpcEndpoint", "s3").properties["routeTableIds"]
    assert tables == [least_access.one("RouteTable", "model").id]


def test_the_dynamodb_gateway_is_attached_to_the_app_tiers_table(every_access: Recorded) -> None:
    tables = every_access.one("VpcEndpoint", "dynamodb").properties["routeTableIds"]
    assert tables == [every_access.one("RouteTable", "app").id]


def test_clients_that_pull_images_reach_their_layers_through_the_s3_gateway(every_access: Recorded) -> None:
    tables = every_access.one("VpcEndpoint", "s3").properties["routeTableIds"]
    assert set(tables) == {every_access.one("RouteTable", tier).id for tier in ("app", "model")}


def test_an_interface_has_one_access_subnet_a_zone_and_the_access_group(every_access: Recorded) -> None:
    subnets = {subnet.id for subnet in every_access.all("Subnet") if subnet.name.startswith("access-")}
    interfaces = [e for e in every_access.all("VpcEndpoint") if e.properties["vpcEndpointType"] == "Interface"]
    assert len(interfaces) == 1 + len(EVERY_SERVICE)
    for interface in interfaces:
        assert set(interface.properties["subnetIds"]) == subnets
        assert interface.properties["securityGroupIds"] == ["sg-access"]


def test_private_dns_is_on_wherever_the_service_has_it(every_access: Recorded) -> None:
    interfaces = [e for e in every_access.all("VpcEndpoint") if e.properties["vpcEndpointType"] == "Interface"]
    off = [interface.name for interface in interfaces if not interface.properties["privateDnsEnabled"]]
    assert off == ["dynamodb-interface"]


def test_every_endpoint_carries_a_policy_of_its_own(every_access: Recorded) -> None:
    policies = {e.name: json.loads(e.properties["policy"]) for e in every_access.all("VpcEndpoint")}
    assert len(policies) == 3 + len(EVERY_SERVICE)
    assert all(policy["Statement"] for policy in policies.values())


def test_callers_find_the_contract_through_the_ssm_endpoint_and_nothing_else(every_access: Recorded) -> None:
    (statement,) = json.loads(every_access.one("VpcEndpoint", "ssm").properties["policy"])["Statement"]
    assert statement["Resource"] == [HERE.arn("ssm", "parameter/stack/*")]


def test_an_endpoint_has_no_interface_where_its_service_is_not_offered_and_says_so(archive: Path) -> None:
    engine = RecordingEngine({"logs": [ZONES[0], ZONES[5]]})
    recorded = access(archive, engine, network={"zones": 3}, privateAccess={"interfaceEndpoints": ["logs"]})
    subnet = recorded.one("Subnet", f"access-{ZONES[0]}")
    assert recorded.one("VpcEndpoint", "logs").properties["subnetIds"] == [subnet.id]
    assert f"logs is not offered in {ZONES[1]}, {ZONES[2]}" in recorded.warnings


@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_an_interface_where_a_free_gateway_does_is_answered_with_the_gateways_name(service: str, archive: Path) -> None:
    recorded = access(archive, privateAccess={"interfaceEndpoints": [service]})
    assert f"the {service} gateway endpoint does what the interface endpoint '{service}' does" in recorded.warnings
    assert recorded.one("VpcEndpoint", f"{service}-interface")


def test_other_interfaces_are_not_warned_of(archive: Path) -> None:
    others = [service for service in EVERY_SERVICE if service not in ("s3", "dynamodb")]
    assert access(archive, privateAccess={"interfaceEndpoints": others}).warnings == ""


def test_the_s3_interface_leaves_names_inside_the_vpc_to_the_gateway(every_access: Recorded) -> None:
    interface, gateway = every_access.one("VpcEndpoint", "s3-interface"), every_access.one("VpcEndpoint", "s3")
    assert interface.properties["dnsOptions"]["privateDnsOnlyForInboundResolverEndpoint"] is True
    assert gateway.urn in interface.dependencies


def test_the_fips_runtime_endpoint_has_no_policy_and_says_so(fips: Recorded) -> None:
    runtime = fips.one("VpcEndpoint", "sagemaker.runtime")
    assert runtime.properties["serviceName"] == "com.amazonaws.us-east-1.sagemaker.runtime-fips"
    assert "policy" not in runtime.properties
    assert "AWS supports no endpoint policy on the FIPS runtime endpoint" in fips.warnings


def test_models_without_isolation_change_nothing_about_the_gateways(archive: Path, least_access: Recorded) -> None:
    loose = model(archive, networkIsolationOffBecause="it writes metrics of its own")
    recorded = access(archive, endpoints=[endpoint(archive, model=loose)])
    gateway = recorded.one("VpcEndpoint", "s3").properties
    assert gateway["routeTableIds"] == least_access.one("VpcEndpoint", "s3").properties["routeTableIds"]
