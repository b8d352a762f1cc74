"""Security-group rules and network-ACL entries read the same in all spellings, unknown values in their places."""

from typing import Any

import pytest

from private_inference.graph.network_acls import entries_of
from private_inference.graph.resources import Resource
from private_inference.graph.routes import routes_of
from private_inference.graph.security_groups import rules_of
from private_inference.graph.types import (
    INGRESS_RULE,
    NETWORK_ACL,
    NETWORK_ACL_RULE,
    ROUTE,
    ROUTE_TABLE,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
)
from private_inference.graph.values import Unknown

UNKNOWN = Unknown("urn", "path")
PORTS = {"fromPort": 443, "toPort": 443}


def resource(type_: str, properties: dict[str, Any]) -> Resource:
    return Resource("urn", type_, "n", properties, None)


@pytest.mark.parametrize(
    ("type_", "properties", "path"),
    [
        (SECURITY_GROUP, {"ingress": [{"protocol": 6.0, "cidrBlocks": [UNKNOWN], **PORTS}]}, "ingress.0.cidrBlocks.0"),
        (SECURITY_GROUP_RULE, {"type": "ingress", "protocol": "6", "cidrBlocks": [UNKNOWN], **PORTS}, "cidrBlocks.0"),
        (INGRESS_RULE, {"ipProtocol": "6", "cidrIpv4": UNKNOWN, **PORTS}, "cidrIpv4"),
    ],
)
def test_group_rules_have_one_form(type_: str, properties: dict[str, Any], path: str) -> None:
    (rule,) = rules_of(resource(type_, properties))
    assert (rule.direction, rule.protocol, rule.ports) == ("ingress", "6", (443, 443))
    assert rule.prefix_lists == rule.groups == []
    ((found, block),) = rule.blocks
    assert (found, block is UNKNOWN) == (path, True)


@pytest.mark.parametrize(
    ("type_", "properties", "path"),
    [
        (NETWORK_ACL, {"egress": [{"ruleNo": 7, "action": "ALLOW", "cidrBlock": "10.0.0.0/8"}]}, "egress.0.cidrBlock"),
        (
            NETWORK_ACL_RULE,
            {"egress": True, "ruleNumber": 7, "ruleAction": "allow", "cidrBlock": "10.0.0.0/8"},
            "cidrBlock",
        ),
    ],
)
def test_acl_entries_have_one_form(type_: str, properties: dict[str, Any], path: str) -> None:
    (entry,) = entries_of(resource(type_, properties))
    assert (entry.egress, entry.number, entry.action) == (True, 7, "allow")
    assert entry.blocks == [(path, "10.0.0.0/8")]


@pytest.mark.parametrize(
    ("type_", "properties", "path"),
    [
        (ROUTE_TABLE, {"routes": [{"cidrBlock": "10.0.0.0/8", "gatewayId": "igw-1"}]}, "routes.0."),
        (ROUTE, {"destinationCidrBlock": "10.0.0.0/8", "gatewayId": "igw-1"}, ""),
    ],
)
def test_routes_have_one_form(type_: str, properties: dict[str, Any], path: str) -> None:
    (route,) = routes_of(resource(type_, properties))
    assert [block for _, block in route.blocks] == ["10.0.0.0/8"]
    assert route.given("gatewayId", "natGatewayId") == [(f"{path}gatewayId", "igw-1")]


def test_all_that_an_unknown_rule_says_is_unknown() -> None:
    for rule in rules_of(resource(SECURITY_GROUP, {"ingress": UNKNOWN})):
        assert all(value is UNKNOWN for value in (rule.protocol, *rule.ports, rule.blocks[0][1], rule.groups[0][1]))
    for entry in entries_of(resource(NETWORK_ACL, {"ingress": [UNKNOWN]})):
        assert all(value is UNKNOWN for value in (entry.number, entry.action, entry.blocks[0][1]))
