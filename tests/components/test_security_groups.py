"""Security groups: one for each tier, each rule exact about its peer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from components.flows import Flow, Gateway, flows
from components.security_groups import SecurityGroups, SecurityGroupsArgs
from tests.support.recording import Recorded, record_part
from tests.support.stacks import endpoint, minimal, model, settings

PEERS = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")


def groups(allowed: Sequence[Flow]) -> Recorded:
    def program() -> None:
        SecurityGroups(
            "groups",
            SecurityGroupsArgs(
                vpc_id="vpc-1",
                allowed=allowed,
                prefix_list_ids={Gateway.S3: "pl-s3", Gateway.DYNAMODB: "pl-dynamodb"},
                outlived_by=[],
            ),
        )

    return record_part(program)


@pytest.fixture(scope="module")
def strict(archive: Path) -> Recorded:
    return groups(flows(settings(minimal(archive))))


@pytest.fixture(scope="module")
def open_(archive: Path) -> Recorded:
    """Everything that the settings can open."""
    values = minimal(
        archive,
        network={"onPremises": {"cidrs": ["192.168.0.0/16"], "gatewayId": "vgw-0a1b2c3d"}},
        privateAccess={"dynamodb": True, "interfaceEndpoints": ["ecr.dkr"]},
        endpoints=[endpoint(archive, model=model(archive, networkIsolationOffBecause="it writes metrics of its own"))],
    )
    return groups(flows(settings(values)))


def rules(recorded: Recorded) -> dict[tuple[str, str], str]:
    """Group and direction-and-peer, by the names of groups."""
    names = {group.id: group.name for group in recorded.all("SecurityGroup")}
    found = {}
    for direction in ("Ingress", "Egress"):
        for rule in recorded.all(f"SecurityGroup{direction}Rule"):
            (key,) = [key for key in PEERS if key in rule.properties]
            peer = names.get(rule.properties[key], rule.properties[key])
            found[names[rule.properties["securityGroupId"]], f"{direction} {peer}"] = key
    return found


def test_by_default_clients_call_the_access_group_and_models_fetch_from_s3(strict: Recorded) -> None:
    assert rules(strict) == {
        ("client", "Egress access"): "referencedSecurityGroupId",
        ("access", "Ingress client"): "referencedSecurityGroupId",
        ("model", "Egress pl-s3"): "prefixListId",
    }


def test_settings_open_what_they_name_and_no_more(open_: Recorded) -> None:
    assert rules(open_) == {
        ("client", "Egress access"): "referencedSecurityGroupId",
        ("client", "Egress pl-s3"): "prefixListId",
        ("client", "Egress pl-dynamodb"): "prefixListId",
        ("access", "Ingress client"): "referencedSecurityGroupId",
        ("access", "Ingress model"): "referencedSecurityGroupId",
        ("access", "Ingress 192.168.0.0/16"): "cidrIpv4",
        ("model", "Egress pl-s3"): "prefixListId",
        ("model", "Egress access"): "referencedSecurityGroupId",
    }


def test_every_rule_is_https_and_says_why(open_: Recorded) -> None:
    for rule in open_.all("SecurityGroupIngressRule") + open_.all("SecurityGroupEgressRule"):
        assert rule.properties["ipProtocol"] == "tcp"
        assert (rule.properties["fromPort"], rule.properties["toPort"]) == (443, 443)
        assert rule.properties["description"]


def test_rules_stand_alone_so_that_groups_can_name_each_other(open_: Recorded) -> None:
    for group in open_.all("SecurityGroup"):
        assert group.properties["vpcId"] == "vpc-1"
        assert group.properties["description"]
        assert not {"ingress", "egress"} & group.properties.keys()


def test_deleting_a_group_waits_for_the_interfaces_that_linger(strict: Recorded) -> None:
    assert {group.timeouts["delete"] for group in strict.all("SecurityGroup")} == {"60m"}
