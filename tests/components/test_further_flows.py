"""Further flows: what the settings refuse, and which rules and routes come with one, and no others."""

from pathlib import Path
from typing import Any

import pytest

from components.cidr import Tier
from components.flows import Block, Flow, flows
from components.settings import SettingsError
from tests.components.test_network import network
from tests.components.test_security_groups import groups
from tests.support.recording import Recorded
from tests.support.stacks import minimal, settings

PREMISES = {"cidrs": ["192.168.0.0/16"], "gatewayId": "vgw-0a1b2c3d4e5f60718"}
FURTHER = "10.0.192.0/24"


def flow(source: str, destination: str, *ports: Any, because: str = "A service of a team") -> dict[str, Any]:
    return {"from": source, "to": destination, "ports": list(ports), "because": because}


def declared(*found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"onPremises": PREMISES, "flows": list(found), **more}


MODELS = "models reach S3 alone, and nothing reaches them: call them through the runtime endpoint"
REFUSED = [
    (flow("models", "clients", 443), f"flows[0].from: 'models' can't be an end of a flow: {MODELS}"),
    (flow("clients", "model", 443), f"flows[0].to: 'model' can't be an end of a flow: {MODELS}"),
    (flow("clients", "10.0.128.0/24", 443), f"flows[0].to: '10.0.128.0/24' reaches into the model tier: {MODELS}"),
    (flow("10.0.0.0/16", "clients", 443), f"flows[0].from: '10.0.0.0/16' reaches into the model tier: {MODELS}"),
    (flow("clients", "10.0.1.0/24", 443), "flows[0].to: '10.0.1.0/24' reaches into the app tier; write clients"),
    (flow("clients", "10.0.64.0/24", 443), "flows[0].to: '10.0.64.0/24' reaches into the access tier; write access"),
    (flow("clients", "8.8.8.0/24", 443), "flows[0].to: '8.8.8.0/24' is not private, and flows are between private"),
    (flow("0.0.0.0/0", "clients", 443), "flows[0].from: '0.0.0.0/0' is not private"),
    (flow("10.0.0.0/7", "clients", 443), "flows[0].from: '10.0.0.0/7' is not private"),
    (flow("172.16.0.0/16", "clients", 443), "is neither within the last quarter of the VPC (10.0.192.0/18) nor within"),
    (flow("clients", "192.0.0.0/8", 443), "flows[0].to: '192.0.0.0/8' is not private"),
    (flow("clients", FURTHER, "1-65535"), "flows[0].ports[0]: '1-65535' is a range of 65535 ports, and 30000 are the"),
    (flow("clients", FURTHER, "32768-65535"), "is a range of 32768 ports, and 30000 are the most; write the ports"),
    (flow("clients", FURTHER, 0), "flows[0].ports[0]: 0 is not within 1 to 65535"),
    (flow("clients", FURTHER, 65536), "flows[0].ports[0]: 65536 is not within 1 to 65535"),
    (flow("clients", FURTHER, "9098-9092"), "is not within 1 to 65535, the lower port first"),
    (flow("clients", FURTHER, "all"), "flows[0].ports[0]: 'all' is no port; write one such as 5432, or a range"),
    (flow("clients", FURTHER, True), "flows[0].ports[0]: True is no port"),
    (flow("clients", FURTHER, 5432, "5000-6000"), "names a port twice; name each once"),
    (flow("clients", "access", 443), "flows[0].from: 'clients' reaches access anyway, by a flow of the stack itself"),
    (flow("onPremises", "access", 443), "flows[0].from: 'onPremises' reaches access anyway"),
    (flow("192.168.7.0/24", "access", 443), "flows[0].from: '192.168.7.0/24' reaches access anyway"),
    (flow("access", "clients", 443), "flows[0].from: 'access' opens no connections"),
    (flow(FURTHER, "access", 443, 8443), "flows[0].ports: '443, 8443' is not what interface endpoints listen on"),
    (flow("onPremises", FURTHER, 443), f"flows[0].to: '{FURTHER}' has neither clients nor access at an end"),
    (flow("clients", FURTHER, 443, because="the team's own"), "describes a rule, where AWS takes no '; leave that out"),
]


@pytest.mark.parametrize(("refused", "said"), REFUSED, ids=[said[:60] for _, said in REFUSED])
def test_what_no_flow_may_say_is_refused_with_the_value_and_the_fix(
    refused: dict[str, Any], said: str, archive: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(minimal(archive, network=declared(refused)))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (flow("clients", "clients", 8443), flow("clients", "clients", "8000-9000")),
        (flow("clients", "10.0.192.0/20", 5432), flow("clients", FURTHER, 5432)),
        (flow("onPremises", "clients", 443), flow("192.168.7.0/24", "clients", 443)),
    ],
)
def test_what_two_flows_have_in_common_is_refused(one: dict[str, Any], other: dict[str, Any], archive: Path) -> None:
    for position in (declared(one, other), declared(other, one)):
        with pytest.raises(SettingsError, match=r"flows\[1\].* has connections in common with flows\[0\]"):
            settings(minimal(archive, network=position))


def test_denied_blocks_and_absent_premises_are_refused(archive: Path) -> None:
    denied = declared(flow("clients", "172.31.7.0/24", 443), deniedCidrs=["172.31.0.0/16"])
    with pytest.raises(SettingsError, match=r"'172.31.7.0/24' is denied by deniedCidrs \(172.31.0.0/16\)"):
        settings(minimal(archive, network=denied))
    with pytest.raises(SettingsError, match=r"'onPremises' is nobody without network\.onPremises; add that"):
        settings(minimal(archive, network={"flows": [flow("onPremises", "clients", 443)]}))


def test_one_flow_is_one_for_each_block_and_port(archive: Path) -> None:
    premises = {**PREMISES, "cidrs": ["192.168.0.0/24", "192.168.1.0/24"]}
    values = {"onPremises": premises, "flows": [flow("onPremises", "clients", 443, "9092-9098", because="Dashboards")]}
    own = flows(settings(minimal(archive, network={"onPremises": premises})))
    further = flows(settings(minimal(archive, network=values)))
    assert further == (
        *own,
        *(
            Flow(Block(block), Tier.APP, "Dashboards", ports)
            for block in premises["cidrs"]
            for ports in ((443, 443), (9092, 9098))
        ),
    )


def urns(recorded: Recorded, *types: str) -> dict[str, Any]:
    return {found.urn: found.properties for type_ in types for found in recorded.all(type_)}


@pytest.fixture(scope="module")
def before(archive: Path) -> Recorded:
    return network(archive, declared())


@pytest.mark.parametrize(
    ("added", "rules", "routes"),
    [
        (flow("clients", FURTHER, 5432), {("app", "egress", 5432), ("app", "ingress", 1024)}, set()),
        (flow("clients", FURTHER, 443), {("app", "egress", 443), ("app", "ingress", 1024)}, set()),
        (flow(FURTHER, "clients", 8443), {("app", "ingress", 8443), ("app", "egress", 1024)}, set()),
        (flow(FURTHER, "access", 443), {("access", "ingress", 443), ("access", "egress", 1024)}, set()),
        (
            flow("clients", "clients", 8443),
            {("app", way, port) for way in ("ingress", "egress") for port in (8443, 1024)},
            set(),
        ),
        (
            flow("clients", "192.168.7.0/24", 1521),
            {("app", "egress", 1521), ("app", "ingress", 1024)},
            {"192.168.7.0/24"},
        ),
        (flow("onPremises", "clients", 443), {("app", "ingress", 443), ("app", "egress", 1024)}, {"192.168.0.0/16"}),
    ],
    ids=lambda value: f"{value['from']} to {value['to']}" if isinstance(value, dict) else "",
)
def test_a_flow_brings_its_rules_and_routes_and_touches_no_other(
    added: dict[str, Any], rules: set[tuple[str, str, int]], routes: set[str], before: Recorded, archive: Path
) -> None:
    after = network(archive, declared(added))
    old, new = (urns(each, "NetworkAclRule", "Route") for each in (before, after))
    assert {urn: new[urn] for urn in old} == old
    come = [after.by_urn[urn] for urn in new.keys() - old.keys()]
    acl_rules = [one for one in come if one.type.endswith(":NetworkAclRule")]
    assert rules == {
        (one.name.split("-")[0], "egress" if one.properties["egress"] else "ingress", one.properties["fromPort"])
        for one in acl_rules
    }
    assert len(acl_rules) == len(rules)
    way = [one.properties for one in come if one.type.endswith(":Route")]
    table = after.one("RouteTable", Tier.APP).id
    assert {(one["routeTableId"], one["destinationCidrBlock"]) for one in way} == {(table, block) for block in routes}


def test_the_groups_of_both_ends_say_what_a_flow_is_for(archive: Path) -> None:
    values = declared(
        flow("clients", FURTHER, 5432, "9092-9098", because="Feature lookups"),
        flow("clients", "clients", 443, because="The scorer"),
        flow(FURTHER, "access", 443, because="Batch scoring"),
    )
    own = {rule.name for rule in _rules(groups(flows(settings(minimal(archive, network=declared())))))}
    found = _rules(groups(flows(settings(minimal(archive, network=values)))))
    further = {
        rule.name: (rule.properties["fromPort"], rule.properties["toPort"], rule.properties["description"])
        for rule in found
        if rule.name not in own
    }
    assert further == {
        "client-to-10.0.192.0-24-5432": (5432, 5432, "Feature lookups"),
        "client-to-10.0.192.0-24-9092-9098": (9092, 9098, "Feature lookups"),
        "client-to-client": (443, 443, "The scorer"),
        "client-from-client": (443, 443, "The scorer"),
        "access-from-10.0.192.0-24": (443, 443, "Batch scoring"),
    }


def _rules(recorded: Recorded) -> list[Any]:
    return [*recorded.all("SecurityGroupIngressRule"), *recorded.all("SecurityGroupEgressRule")]


def test_flows_count_towards_the_quota_of_an_acl(archive: Path) -> None:
    many = declared(*(flow("clients", f"10.0.{192 + number}.0/24", 5432) for number in range(20)))
    with pytest.raises(SettingsError, match=r"the app tier needs 22 ingress rules.* network.naclRuleQuota allows 20"):
        network(archive, many)
    assert network(archive, {**many, "naclRuleQuota": 40})
