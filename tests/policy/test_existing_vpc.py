"""Rules and proofs judge an existing VPC by the facts that the program tells of it, each by its id."""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.settings import Settings
from private_inference.cli.proof import network_of, problems, prove
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.resource import Resource, Run
from tests.policy.judge import RULES, judge
from tests.support.recording import REGION, stack_config
from tests.support.stacks import existing_vpc, minimal, settings

Facts = list[dict[str, Any]]
NETWORK = "private-inference:network:ExistingNetwork"
S3, LOGS = "vpce-0a1b2c3d4e5f60719", "vpce-0a1b2c3d4e5f60718"
ADVISORY = {"stores-are-kept"}


@pytest.fixture(scope="module")
def values(archive: Path) -> dict[str, Any]:
    network = existing_vpc(routeTables=[], s3Gateway=S3, interfaceEndpoints={"logs": LOGS})
    return minimal(archive, network=network, privateAccess={"interfaceEndpoints": ["logs"]})


@pytest.fixture(scope="module")
def given(values: dict[str, Any]) -> Settings:
    return settings(values)


@pytest.fixture(scope="module")
def run(values: dict[str, Any]) -> Run:
    return run_program(stack_config(values), PreviewEngine(REGION), preview=True)


def changed(run: Run, change: Callable[[Facts], Any]) -> Run:
    """The same run with other facts."""

    def one(resource: Resource) -> Resource:
        if resource.type != NETWORK:
            return resource
        properties = copy.deepcopy(dict(resource.properties))
        change(properties["existing"])
        return replace(resource, properties=properties, outputs=properties)

    return replace(run, resources=tuple(map(one, run.resources)))


def of_type(facts: Facts, kind: str) -> list[dict[str, Any]]:
    return [fact["properties"] for fact in facts if fact["type"].endswith(f":{kind}")]


def said(rule: str, run: Run) -> Sequence[tuple[str, str]]:
    return [(urn.rpartition("::")[2], message) for urn, message in judge(rule, run.all_resources).violations]


def test_a_sound_one_is_forbidden_nothing_and_proved(run: Run, given: Settings) -> None:
    assert {rule for rule in RULES if said(rule, run)} <= ADVISORY
    report = prove(given, network_of(run))
    assert problems(report) == []
    required = {(cell.source, cell.destination) for cell in report.cells if cell.required}
    assert required == {("clients", "runtime endpoint"), ("clients", "other endpoints"), ("models", "s3")}


def test_without_a_flow_log(run: Run) -> None:
    def change(facts: Facts) -> None:
        facts[:] = [fact for fact in facts if not fact["type"].endswith(":FlowLog")]

    ((vpc, message),) = said("vpc-has-flow-logs", changed(run, change))
    assert vpc == "vpc-0a1b2c3d4e5f60718"
    assert "has no flow log" in message


def test_endpoint_groups_that_let_the_whole_vpc_in(run: Run) -> None:
    def change(facts: Facts) -> None:
        of_type(facts, "SecurityGroup")[0]["ingress"][0]["cidrBlocks"] = ["10.0.0.0/16"]

    ((group, message),) = said("endpoint-groups-admit-https", changed(run, change))
    assert group == "sg-assumed"
    assert "lets the whole VPC into the endpoints' group" in message


@pytest.mark.parametrize(("condition", "refused"), [({}, True), ({"aws:ResourceAccount": "123456789012"}, False)])
def test_an_s3_gateway_leads_to_the_accounts_buckets_only(condition: dict[str, str], refused: bool, run: Run) -> None:
    def change(facts: Facts) -> None:
        bounds = {"StringEquals": {"aws:PrincipalAccount": "123456789012", **condition}}
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": bounds}
        (gateway,) = [each for each in of_type(facts, "VpcEndpoint") if each["id"] == S3]
        gateway["policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    found = judge("s3-gateway-reaches-own-buckets", known_buckets(changed(run, change))).violations
    assert [urn.rpartition("::")[2] for urn, _ in found] == ([S3] if refused else [])


def known_buckets(run: Run) -> list[Resource]:
    """The resources with names for the buckets, which a preview doesn't know."""
    return [
        replace(each, outputs={**each.outputs, "bucket": each.name}) if each.type == "aws:s3/bucket:Bucket" else each
        for each in run.all_resources
    ]


def test_a_route_out_of_the_vpc_is_a_surplus_path(run: Run, given: Settings) -> None:
    def change(facts: Facts) -> None:
        for table in of_type(facts, "RouteTable"):
            table["routes"].append({"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-0a1b2c3d4e5f60718"})

    found = problems(prove(given, network_of(changed(run, change))))
    assert any(line.startswith("surplus: unlisted in model → internet or elsewhere") for line in found)
    assert any("igw-0a1b2c3d4e5f60718" in line for line in found)


def test_an_acl_between_clients_and_endpoints_is_a_missing_path(run: Run, given: Settings) -> None:
    def change(facts: Facts) -> None:
        (acl,) = of_type(facts, "NetworkAcl")
        deny = {"ruleNo": 50, "action": "deny", "protocol": "6", "cidrBlock": "10.0.64.0/18", "fromPort": 443}
        acl["egress"].append(deny | {"toPort": 443})

    after = changed(run, change)
    assert "missing: clients → runtime endpoint, tcp 443" in problems(prove(given, network_of(after)))
    assert any(
        "does not let clients reach the runtime endpoint" in what for _, what in said("paths-are-as-intended", after)
    )
