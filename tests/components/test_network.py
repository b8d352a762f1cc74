"""The network: three tiers of isolated subnets, locked defaults, an ACL for each tier, flow logs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.cidr import WORKLOADS, Tier
from components.flow_logs import FlowLogArgs
from components.lookups import look_up
from components.network import PrivateNetwork, PrivateNetworkArgs, plan_network
from components.settings import SettingsError
from private_inference.runner.resource import Resource
from tests.support.recording import S3_CIDRS, ZONES, Recorded, record_part
from tests.support.stacks import minimal, settings

LOGS_KEY = "arn:aws:kms:us-east-1:123456789012:key/logs"


def network(archive: Path, values: Mapping[str, Any], *, protect: bool = True) -> Recorded:
    read = settings(minimal(archive, network=values))

    def program() -> None:
        found = look_up(read)
        PrivateNetwork(
            "network",
            PrivateNetworkArgs(
                settings=read.network,
                plan=plan_network(read, found),
                flow_logs=FlowLogArgs(
                    account=found.account, logs_key_arn=LOGS_KEY, log_retention_days=365, protect=protect
                ),
                protect=protect,
            ),
        )

    return record_part(program)


@pytest.fixture(scope="module")
def three_zones(archive: Path) -> Recorded:
    return network(archive, {"zones": 3, "deniedCidrs": ["203.0.113.0/24", "198.51.100.0/24"]})


@pytest.fixture(scope="module", params=["vgw-0a1b2c3d4e5f60718", "tgw-0a1b2c3d4e5f60718"])
def on_premises(request: pytest.FixtureRequest, archive: Path) -> Recorded:
    premises = {"cidrs": ["192.168.0.0/16", "172.16.0.0/12"], "gatewayId": request.param}
    return network(archive, {"onPremises": premises})


def of_tier(recorded: Recorded, type_: str, tier: Tier) -> list[Resource]:
    return [resource for resource in recorded.all(type_) if resource.name.split("-")[0] == tier]


def test_the_vpc_resolves_names_for_private_dns(three_zones: Recorded) -> None:
    vpc = three_zones.one("Vpc").properties
    assert vpc["enableDnsSupport"]
    assert vpc["enableDnsHostnames"]
    assert vpc["cidrBlock"] == "10.0.0.0/16"


def test_every_subnet_is_isolated(three_zones: Recorded) -> None:
    subnets = three_zones.all("Subnet")
    assert len(subnets) == 9
    for subnet in subnets:
        assert subnet.properties["mapPublicIpOnLaunch"] is False
        assert not [key for key in subnet.properties if "ipv6" in key.lower() or "customerOwnedIp" in key]


def test_each_tier_has_a_subnet_in_each_zone(three_zones: Recorded) -> None:
    for tier in WORKLOADS:
        found = {subnet.properties["availabilityZone"] for subnet in of_tier(three_zones, "Subnet", tier)}
        assert found == set(ZONES[:3])


@pytest.mark.parametrize("tier", WORKLOADS)
def test_a_tiers_subnets_use_its_own_route_table_and_acl(tier: Tier, three_zones: Recorded) -> None:
    subnets = {subnet.id for subnet in of_tier(three_zones, "Subnet", tier)}
    table = three_zones.one("RouteTable", tier)
    associations = of_tier(three_zones, "RouteTableAssociation", tier)
    assert {association.properties["subnetId"] for association in associations} == subnets
    assert {association.properties["routeTableId"] for association in associations} == {table.id}
    assert set(three_zones.one("NetworkAcl", tier).properties["subnetIds"]) == subnets


def test_no_route_table_has_a_default_route(three_zones: Recorded, on_premises: Recorded) -> None:
    for recorded in (three_zones, on_premises):
        assert [table for table in recorded.all("RouteTable") if table.properties.get("routes")] == []
        assert [r for r in recorded.all("Route") if r.properties["destinationCidrBlock"].endswith("/0")] == []
    assert three_zones.all("Route") == []


def test_what_a_vpc_comes_with_is_locked(three_zones: Recorded) -> None:
    vpc = three_zones.one("Vpc")
    group, table = three_zones.one("DefaultSecurityGroup"), three_zones.one("DefaultRouteTable")
    acl = three_zones.one("DefaultNetworkAcl")
    assert acl.properties["defaultNetworkAclId"] == vpc.outputs["defaultNetworkAclId"]
    assert acl.properties["ingress"] == acl.properties["egress"] == []
    assert group.properties["vpcId"] == vpc.id
    assert group.properties["ingress"] == []
    assert group.properties["egress"] == []
    assert table.properties["defaultRouteTableId"] == vpc.outputs["defaultRouteTableId"]
    assert table.properties["routes"] == []


@pytest.mark.parametrize("tier", WORKLOADS)
def test_an_acl_denies_the_listed_blocks_first_in_both_directions(tier: Tier, three_zones: Recorded) -> None:
    rules = [rule.properties for rule in of_tier(three_zones, "NetworkAclRule", tier)]
    assert {rule["networkAclId"] for rule in rules} == {three_zones.one("NetworkAcl", tier).id}
    for egress in (False, True):
        ordered = sorted((rule for rule in rules if rule["egress"] == egress), key=lambda rule: rule["ruleNumber"])
        assert [rule["ruleAction"] for rule in ordered[:2]] == ["deny", "deny"]
        assert {rule["cidrBlock"] for rule in ordered[:2]} == {"203.0.113.0/24", "198.51.100.0/24"}
        assert {rule["protocol"] for rule in ordered[:2]} == {"-1"}
        assert {rule["ruleAction"] for rule in ordered[2:]} == {"allow"}
        assert {rule["protocol"] for rule in ordered[2:]} == {"tcp"}


def test_the_model_tiers_acl_opens_443_to_the_blocks_around_s3_and_takes_answers(three_zones: Recorded) -> None:
    allows = [
        rule.properties
        for rule in of_tier(three_zones, "NetworkAclRule", Tier.MODEL)
        if rule.properties["ruleAction"] == "allow"
    ]
    out = [rule for rule in allows if rule["egress"]]
    back = [rule for rule in allows if not rule["egress"]]
    assert {(rule["fromPort"], rule["toPort"]) for rule in out} == {(443, 443)}
    assert {(rule["fromPort"], rule["toPort"]) for rule in back} == {(1024, 65535)}
    assert {rule["cidrBlock"] for rule in out} == {f"{block.partition('.')[0]}.0.0.0/8" for block in S3_CIDRS}
    assert {rule["cidrBlock"] for rule in back} == {rule["cidrBlock"] for rule in out}


def test_a_further_denied_block_touches_no_other_rule(three_zones: Recorded, archive: Path) -> None:
    one = network(archive, {"zones": 3, "deniedCidrs": ["203.0.113.0/24"]})
    before = {rule.urn: rule.properties for rule in three_zones.all("NetworkAclRule")}
    after = {rule.urn: rule.properties for rule in one.all("NetworkAclRule")}
    assert {before[urn]["cidrBlock"] for urn in before.keys() - after.keys()} == {"198.51.100.0/24"}
    assert {urn: before[urn]["cidrBlock"] for urn in after} == {urn: after[urn]["cidrBlock"] for urn in after}


def test_a_number_that_two_rules_want_is_given_free_first(three_zones: Recorded) -> None:
    assert all(rule.delete_before_replace for rule in three_zones.all("NetworkAclRule"))


def test_a_further_zone_changes_no_subnet(three_zones: Recorded, archive: Path) -> None:
    four = network(archive, {"zones": 4, "deniedCidrs": ["203.0.113.0/24", "198.51.100.0/24"]})
    for subnet in three_zones.all("Subnet"):
        assert four.by_urn[subnet.urn].properties == subnet.properties


def test_zones_can_be_named(archive: Path) -> None:
    named = network(archive, {"zones": [ZONES[4], ZONES[2]]})
    assert {subnet.properties["availabilityZone"] for subnet in named.all("Subnet")} == {ZONES[2], ZONES[4]}


def test_all_traffic_is_logged_encrypted_and_kept_a_year(three_zones: Recorded) -> None:
    log, group = three_zones.one("FlowLog"), three_zones.one("LogGroup")
    assert log.properties["trafficType"] == "ALL"
    assert log.properties["vpcId"] == three_zones.one("Vpc").id
    assert log.properties["logDestination"] == group.outputs["arn"]
    assert group.properties["kmsKeyId"] == LOGS_KEY
    assert group.properties["retentionInDays"] == 365
    assert three_zones.one("RolePolicy").urn in log.dependencies


def test_the_vpc_and_its_logs_are_protected_where_data_is(three_zones: Recorded, archive: Path) -> None:
    loose = network(archive, {}, protect=False)
    for type_ in ("Vpc", "LogGroup"):
        assert three_zones.one(type_).protect
        assert not loose.one(type_).protect


def test_deleting_a_subnet_waits_for_the_interfaces_that_linger(three_zones: Recorded) -> None:
    assert {subnet.timeouts["delete"] for subnet in three_zones.all("Subnet")} == {"60m"}


def test_on_premises_clients_are_reached_from_the_access_tier_only(on_premises: Recorded) -> None:
    routes = on_premises.all("Route")
    assert {route.properties["destinationCidrBlock"] for route in routes} == {"192.168.0.0/16", "172.16.0.0/12"}
    assert {route.properties["routeTableId"] for route in routes} == {on_premises.one("RouteTable", Tier.ACCESS).id}


def test_on_premises_routes_lead_to_the_gateway_once_it_is_attached(on_premises: Recorded) -> None:
    virtual, transit = on_premises.all("VpnGatewayAttachment"), on_premises.all("VpcAttachment")
    (attachment,) = virtual + transit
    target = "gatewayId" if virtual else "transitGatewayId"
    gateway = attachment.properties["vpnGatewayId" if virtual else "transitGatewayId"]
    for route in on_premises.all("Route"):
        assert route.properties[target] == gateway
        assert attachment.urn in route.dependencies
        assert {"gatewayId", "transitGatewayId"} & route.properties.keys() == {target}


def test_on_premises_clients_pass_the_access_tiers_acl(on_premises: Recorded) -> None:
    rules = [rule.properties for rule in of_tier(on_premises, "NetworkAclRule", Tier.ACCESS)]
    for egress, ports in ((False, (443, 443)), (True, (1024, 65535))):
        opened = {rule["cidrBlock"]: (rule["fromPort"], rule["toPort"]) for rule in rules if rule["egress"] == egress}
        assert opened["192.168.0.0/16"] == opened["172.16.0.0/12"] == ports


def test_too_many_rules_for_an_acl_is_an_error_that_names_the_setting(archive: Path) -> None:
    denied = [f"203.0.{third}.0/24" for third in range(0, 38, 2)]
    with pytest.raises(SettingsError, match=r"needs 2\d .* rules.* network.naclRuleQuota allows 20"):
        network(archive, {"deniedCidrs": denied})
    assert network(archive, {"deniedCidrs": denied, "naclRuleQuota": 40})


def test_the_deny_list_may_not_cut_models_off_from_their_artifacts(archive: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"'54\.231\.7\.0/24' would cut the stack off from 54\.231\.0\.0/16 of the s3"
    ):
        network(archive, {"deniedCidrs": ["203.0.113.0/24", "54.231.7.0/24"]})
