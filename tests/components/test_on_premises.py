"""The way to on-premises networks: subnets for a transit gateway's attachment, and names that resolve there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.cidr import SMALLEST_SUBNET
from components.settings import SettingsError
from private_inference.runner.resource import Resource
from tests.support.recording import Recorded, RecordingEngine, record, stack_config
from tests.support.stacks import minimal, settings

TRANSIT, VIRTUAL = "tgw-0a1b2c3d4e5f60718", "vgw-0a1b2c3d4e5f60718"
SITE, BRANCH = "192.168.0.0/16", "172.16.0.0/12"


def premises(gateway: str, **more: Any) -> dict[str, Any]:
    return {"onPremises": {"cidrs": [SITE, BRANCH], "gatewayId": gateway, **more}}


@pytest.fixture(scope="module")
def stack(archive: Path) -> Callable[..., Recorded]:
    def recorded(gateway: str, engine: RecordingEngine | None = None, **more: Any) -> Recorded:
        return record(stack_config(minimal(archive, network=premises(gateway, **more))), engine)

    return recorded


@pytest.fixture(scope="module")
def transit(stack: Callable[..., Recorded]) -> Recorded:
    return stack(TRANSIT, inboundResolver=True)


@pytest.fixture(scope="module")
def virtual(stack: Callable[..., Recorded]) -> Recorded:
    return stack(VIRTUAL)


def subnets(recorded: Recorded, tier: str) -> dict[str, Resource]:
    return {str(each.id): each for each in recorded.all("Subnet") if each.name.startswith(f"{tier}-")}


def test_a_transit_gateway_has_a_small_subnet_of_its_own_in_each_zone(transit: Recorded) -> None:
    attachment, own = transit.one("VpcAttachment").properties, subnets(transit, "transit")
    assert set(attachment["subnetIds"]) == own.keys()
    zones = {each.properties["availabilityZone"] for each in own.values()}
    assert zones == {each.properties["availabilityZone"] for each in subnets(transit, "access").values()}
    assert len(own) == len(zones)
    assert {int(each.properties["cidrBlock"].split("/")[1]) for each in own.values()} == {SMALLEST_SUBNET}


def test_its_subnets_have_a_table_without_routes_and_an_acl_of_their_own(transit: Recorded) -> None:
    table, acl = transit.one("RouteTable", "transit"), transit.one("NetworkAcl", "transit")
    assert set(acl.properties["subnetIds"]) == subnets(transit, "transit").keys()
    assert table.id not in {route.properties["routeTableId"] for route in transit.all("Route")}
    sites = {each.properties["cidrBlock"] for each in transit.all("NetworkAclRule") if each.name[:8] == "transit-"}
    assert sites == {"10.0.64.0/18"}


def test_no_other_subnet_moves_and_no_other_rule_changes(transit: Recorded, virtual: Recorded) -> None:
    """A stack may change its gateway: what serves stays where it is."""
    for kind in ("Subnet", "NetworkAclRule", "SecurityGroupIngressRule", "SecurityGroupEgressRule"):
        before = {each.urn: each.properties.get("cidrBlock") for each in virtual.all(kind)}
        after = {each.urn: each.properties.get("cidrBlock") for each in transit.all(kind)}
        assert before.items() <= after.items()
    assert subnets(virtual, "transit") == {}


def test_models_are_routed_nowhere(transit: Recorded, virtual: Recorded) -> None:
    for recorded in (transit, virtual):
        routed = {route.properties["routeTableId"] for route in recorded.all("Route")}
        assert routed == {recorded.one("RouteTable", "access").id}


def test_the_resolver_answers_plain_dns_in_two_access_subnets(transit: Recorded, virtual: Recorded) -> None:
    endpoint = transit.one("ResolverEndpoint").properties
    assert (endpoint["direction"], endpoint["protocols"]) == ("INBOUND", ["Do53"])
    assert {each["subnetId"] for each in endpoint["ipAddresses"]} == subnets(transit, "access").keys()
    assert virtual.all("ResolverEndpoint") == []


def test_the_resolvers_group_lets_in_queries_from_each_block_and_nothing_out(transit: Recorded) -> None:
    (group,) = transit.one("ResolverEndpoint").properties["securityGroupIds"]
    rules = [each.properties for each in transit.all("SecurityGroupIngressRule")]
    let_in = {
        (rule["cidrIpv4"], rule["ipProtocol"], rule["fromPort"], rule["toPort"])
        for rule in rules
        if rule["securityGroupId"] == group
    }
    assert let_in == {(block, protocol, 53, 53) for block in (SITE, BRANCH) for protocol in ("tcp", "udp")}
    assert group not in {each.properties["securityGroupId"] for each in transit.all("SecurityGroupEgressRule")}


def test_the_contract_has_the_resolvers_addresses_once_there_are_some(
    stack: Callable[..., Recorded], virtual: Recorded
) -> None:
    class Addressed(RecordingEngine):
        def create(self, resource: Resource) -> tuple[str | None, Any]:
            identity, outputs = super().create(resource)
            if resource.type.endswith(":ResolverEndpoint"):
                listed = [each | {"ip": f"10.0.64.{4 + n}"} for n, each in enumerate(outputs["ipAddresses"])]
                outputs = {**outputs, "ipAddresses": listed}
            return identity, outputs

    found = stack(VIRTUAL, Addressed(), inboundResolver=True).outputs
    assert found["onPremises"] == {"resolverAddresses": ["10.0.64.4", "10.0.64.5"]}
    assert "onPremises" not in virtual.outputs


def test_a_flow_may_not_reach_into_the_transit_gateways_subnets(archive: Path) -> None:
    flow = {"from": "clients", "to": "10.0.255.0/24", "ports": [5432], "because": "Feature lookups in the database"}
    said = (
        r"'10\.0\.255\.0/24' reaches into the transit gateway's subnets \(10\.0\.255\.128/25\); name addresses before"
    )
    with pytest.raises(SettingsError, match=said):
        settings(minimal(archive, network=premises(TRANSIT) | {"flows": [flow]}))
    assert settings(minimal(archive, network=premises(VIRTUAL) | {"flows": [flow]}))


def test_whoever_calls_s3_from_elsewhere_is_not_told_to_take_the_gateway(archive: Path) -> None:
    access = {"privateAccess": {"interfaceEndpoints": ["s3"]}}
    inside = record(stack_config(minimal(archive, **access)))
    outside = record(stack_config(minimal(archive, network=premises(TRANSIT), **access)))
    assert "does what the interface endpoint 's3' does, for free" in inside.warnings
    assert "interface endpoint 's3'" not in outside.warnings
    options = outside.one("VpcEndpoint", "s3-interface").properties["dnsOptions"]
    assert options["privateDnsOnlyForInboundResolverEndpoint"] is True
