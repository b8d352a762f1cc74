"""The stack is proved, with ids known and unknown; and whatever is broken in it is found, both ways."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.settings import Settings
from private_inference.cli.proof import network_of, prove
from private_inference.graph.types import VPC_ENDPOINT
from private_inference.reachability.intent import DNS, Report, check
from private_inference.reachability.intent import HTTPS as TLS
from private_inference.reachability.stack_intent import intent_from
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import settings_of
from private_inference.runner.resource import Resource, Run
from tests.reachability.declared import (
    ACCESS,
    APP,
    HTTPS,
    MODEL,
    Program,
    rule,
    stack,
)
from tests.support.recording import record, stack_config
from tests.support.stacks import balanced, endpoint, front_door, minimal, model, settings, shipped

PREMISES, DENIED = "192.168.0.0/16", "172.31.0.0/16"
KNOWN = pytest.mark.parametrize("known", [True, False], ids=["known", "preview"])


def asked(archive: Path, network: dict[str, Any], **changes: Any) -> Settings:
    return settings(minimal(archive, network={"cidr": "10.20.0.0/16", **network}, **changes))


def report(program: Program, given: Settings, known: bool) -> Report:
    network = program.network(known)
    return check(network, intent_from(given, network))


def problems(found: Report) -> set[str]:
    """Everything that keeps the report from being a proof, without the ids."""
    return {
        *(f"{failure.kind}: {failure.source} → {failure.destination}" for failure in found.failures),
        *(f"unmet: {one}" for one in found.unmet),
        *(f"undecided: {one.property} of {one.resource.rpartition('::')[2]}" for one in found.undecided),
    }


@pytest.fixture
def plain(archive: Path) -> Settings:
    return asked(archive, {})


@pytest.fixture
def with_premises(archive: Path) -> Settings:
    premises = {"cidrs": [PREMISES], "gatewayId": "vgw-0a1b2c3d"}
    return asked(archive, {"onPremises": premises, "deniedCidrs": [DENIED]})


@KNOWN
def test_the_stack_is_proved(plain: Settings, known: bool) -> None:
    found = report(stack(), plain, known)
    assert problems(found) == set()
    assert found.proved
    works = {(cell.source, cell.destination) for cell in found.cells if cell.required and not cell.failures}
    assert works == {("clients", "runtime endpoint"), ("models", "s3")}


@KNOWN
def test_the_stack_with_clients_on_premises_is_proved(with_premises: Settings, known: bool) -> None:
    found = report(stack(PREMISES, [DENIED]), with_premises, known)
    assert problems(found) == set()
    required = {(cell.source, cell.destination) for cell in found.cells if cell.required}
    assert ("on-premises", "runtime endpoint") in required


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_the_program_itself_is_proved_for_every_stack(name: str, archive: Path) -> None:
    config = shipped(name, archive)
    given = settings_of(config)
    found = prove(given, network_of(run_program(config, PreviewEngine(given.region), preview=True)))
    assert problems(found) == set()
    assert len(found.cells) > 50


@pytest.mark.parametrize("changes", [{}, {"privateAccess": {"interfaceEndpoints": ["logs"]}}], ids=["alone", "beside"])
def test_a_front_door_is_reached_by_clients_and_from_premises_alone(archive: Path, changes: dict[str, Any]) -> None:
    premises = {"onPremises": {"cidrs": [PREMISES], "gatewayId": "vgw-0a1b2c3d"}}
    config = stack_config(minimal(archive, network=premises, frontDoor=front_door(), **changes))
    given = settings_of(config)
    run = run_program(config, PreviewEngine(given.region), preview=True)
    found = prove(given, network_of(run))
    assert problems(found) == set()
    assert {cell.source for cell in found.cells if cell.destination == "front door" and cell.delivered} == {
        "clients",
        "on-premises",
    }
    without = [each for each in run.resources if (each.type, each.name) != (VPC_ENDPOINT, "execute-api")]
    lost = problems(prove(given, network_of(replace(run, resources=tuple(without)))))
    assert "unmet: the settings ask for clients → front door, and the network has no front door" in lost


@pytest.fixture(scope="module")
def by_balancer(archive: Path) -> tuple[Settings, Run]:
    """The program with a load balancer, which clients on premises call, too."""
    premises = {"onPremises": {"cidrs": [PREMISES], "gatewayId": "vgw-0a1b2c3d"}, "naclRuleQuota": 30}
    config = stack_config(minimal(archive, network=premises, **balanced()))
    return settings_of(config), record(config).run


def test_a_load_balancer_is_called_by_clients_and_calls_the_forwarder_alone(
    by_balancer: tuple[Settings, Run],
) -> None:
    given, run = by_balancer
    found = prove(given, network_of(run))
    assert problems(found) == set()
    delivered = {(cell.source, cell.destination) for cell in found.cells if cell.delivered}
    assert {source for source, destination in delivered if destination == "load balancer"} == {"clients", "on-premises"}
    assert {source for source, destination in delivered if destination == "forwarder"} == {"load balancer"}
    assert {destination for source, destination in delivered if source == "load balancer"} == {"forwarder"}
    assert {destination for source, destination in delivered if source == "forwarder"} == {
        "runtime endpoint",
        "other endpoints",
        "s3",
    }


@pytest.mark.parametrize(
    ("rule", "lost"),
    [
        ("client-to-balancer", "missing: clients → load balancer"),
        ("balancer-from-192.168.0.0-16", "missing: on-premises → load balancer"),
        ("forwarder-from-balancer-8443", "missing: load balancer → forwarder"),
        ("forwarder-to-access", "missing: forwarder → runtime endpoint"),
        ("forwarder-to-s3", "missing: forwarder → s3"),
    ],
)
def test_a_missing_rule_of_the_balancers_way_is_found(by_balancer: tuple[Settings, Run], rule: str, lost: str) -> None:
    given, run = by_balancer
    rest = [each for each in run.resources if not (each.name == rule and "SecurityGroup" in each.type)]
    assert len(rest) == len(run.resources) - 1
    assert lost in problems(prove(given, network_of(replace(run, resources=tuple(rest)))))


def test_a_forwarder_that_others_reach_is_found(by_balancer: tuple[Settings, Run]) -> None:
    given, run = by_balancer

    def opened(rule: Resource) -> Mapping[str, Any]:
        if rule.name != "forwarder-from-balancer-8443":
            return rule.properties
        rest = {key: value for key, value in rule.properties.items() if key != "referencedSecurityGroupId"}
        return {**rest, "cidrIpv4": "10.0.0.0/16"}

    surplus = problems(prove(given, network_of(changed(run, "SecurityGroupIngressRule", opened))))
    assert "surplus: unlisted in access → forwarder" in surplus


BY_TRANSIT = {"onPremises": {"cidrs": [PREMISES], "gatewayId": "tgw-0a1b2c3d", "inboundResolver": True}}


@pytest.fixture(scope="module")
def by_transit(archive: Path) -> tuple[Settings, Run]:
    """The program with a transit gateway and an inbound endpoint, with all ids."""
    config = stack_config(minimal(archive, network=BY_TRANSIT))
    return settings_of(config), record(config).run


def changed(run: Run, kind: str, change: Callable[[Resource], Mapping[str, Any] | None]) -> Run:
    """A run in which resources of a kind have other properties, or are none."""
    kept = []
    for each in run.resources:
        properties = change(each) if each.type.rpartition(":")[2] == kind else each.properties
        if properties is not None:
            kept.append(replace(each, properties=properties, outputs={**each.outputs, **properties}))
    return replace(run, resources=tuple(kept))


def test_clients_behind_a_transit_gateway_reach_the_endpoint_and_the_resolver(
    by_transit: tuple[Settings, Run], archive: Path
) -> None:
    given, run = by_transit
    planned = run_program(stack_config(minimal(archive, network=BY_TRANSIT)), PreviewEngine(given.region), preview=True)
    for found in (prove(given, network_of(run)), prove(given, network_of(planned))):
        assert problems(found) == set()
        works = {(cell.source, cell.destination): cell.required for cell in found.cells if cell.source == "on-premises"}
        assert (works["on-premises", "runtime endpoint"], works["on-premises", "inbound resolver"]) == (TLS, DNS)


def in_access_subnets(run: Run) -> Run:
    access = [each.id for each in run.resources if each.type.endswith(":Subnet") and each.name.startswith("access-")]
    return changed(run, "VpcAttachment", lambda each: {**each.properties, "subnetIds": access})


def without_rules(run: Run, *wanted: str) -> Run:
    """Without the ACL rules whose name begins so, and whose protocol is that."""
    name, protocol = wanted
    gone = "NetworkAclRule"
    return changed(
        run,
        gone,
        lambda each: (
            None if each.name.startswith(name) and each.properties["protocol"] == protocol else each.properties
        ),
    )


def leading_elsewhere(run: Run) -> Run:
    """A more specific route in the attachment's table takes what comes in."""
    table = next(each for each in run.resources if each.type.endswith(":RouteTable") and each.name == "transit")
    routes = [{"cidrBlock": "10.0.64.0/21", "networkInterfaceId": "eni-0a1b2c3d"}]
    return changed(run, "RouteTable", lambda each: {**each.properties, **({"routes": routes} if each == table else {})})


@pytest.mark.parametrize(
    ("broken", "seen"),
    [
        (in_access_subnets, "surplus: on-premises → unlisted in access"),
        (lambda run: without_rules(run, "transit-egress", "tcp"), "missing: on-premises → runtime endpoint"),
        (lambda run: without_rules(run, "transit-ingress", "tcp"), "missing: on-premises → runtime endpoint"),
        (lambda run: without_rules(run, "transit-ingress", "udp"), "missing: on-premises → inbound resolver"),
        (lambda run: without_rules(run, "access-egress", "udp"), "missing: on-premises → inbound resolver"),
        (leading_elsewhere, "missing: on-premises → runtime endpoint"),
        (
            lambda run: changed(run, "ResolverEndpoint", lambda _: None),
            "unmet: the settings ask for on-premises → inbound resolver, and the network has no inbound resolver",
        ),
    ],
    ids=["in access", "no requests", "no answers", "no DNS answers", "none from access", "elsewhere", "no resolver"],
)
def test_what_is_wrong_with_a_transit_gateways_way_is_found(
    by_transit: tuple[Settings, Run], broken: Callable[[Run], Run], seen: str
) -> None:
    given, run = by_transit
    assert seen in problems(prove(given, network_of(broken(run))))


# What is broken, and what of it is found: in a stack without clients on premises, and in one with.


def gateway_to_the_internet(program: Program) -> None:
    vpc, table = program.get("Vpc", "network"), program.get("RouteTable", "app")
    gateway = program.add("ec2:InternetGateway", "out", vpcId=vpc)
    program.add("ec2:Route", "out", routeTableId=table, destinationCidrBlock="0.0.0.0/0", gatewayId=gateway)
    acl = program.get("NetworkAcl", "app")
    rule(program, acl, True, 3000, "0.0.0.0/0", HTTPS)


def gateway_by_attachment_in_the_default_table(program: Program) -> None:
    vpc = program.get("Vpc", "network")
    gateway = program.add("ec2:InternetGateway", "out")
    program.add("ec2:InternetGatewayAttachment", "out", vpcId=vpc, internetGatewayId=gateway)
    program.get("DefaultRouteTable", "locked").properties["routes"] = [{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway}]
    program.add("ec2:Subnet", "public", vpcId=vpc, cidrBlock="10.20.192.0/24", availabilityZone="us-east-1a")


def translation_to_the_internet(program: Program) -> None:
    gateway_to_the_internet(program)
    subnet = program.get("Subnet", "app-us-east-1a")
    nat = program.add("ec2:NatGateway", "out", subnetId=subnet)
    table = program.get("RouteTable", "access")
    program.add("ec2:Route", "translated", routeTableId=table, destinationCidrBlock="0.0.0.0/0", natGatewayId=nat)
    rule(program, program.get("NetworkAcl", "access"), True, 3000, "0.0.0.0/0", HTTPS)
    rule(program, program.get("NetworkAcl", "app"), False, 3001, ACCESS[1], HTTPS)


def endpoint_open_to_blocks(program: Program) -> None:
    program.add(
        "vpc:SecurityGroupIngressRule", "open", securityGroupId=program.get("SecurityGroup", "access"),
        cidrIpv4="10.20.0.0/16", ipProtocol="tcp", fromPort=443, toPort=443,
    )  # fmt: skip


def endpoint_open_by_the_older_rule(program: Program) -> None:
    program.add(
        "ec2:SecurityGroupRule", "open", securityGroupId=program.get("SecurityGroup", "access"), type="ingress",
        cidrBlocks=["0.0.0.0/0"], protocol="-1", fromPort=0, toPort=0,
    )  # fmt: skip


def endpoint_open_inline(program: Program) -> None:
    program.get("SecurityGroup", "access").properties["ingress"] = [
        {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.20.0.0/18"]}
    ]


def endpoint_in_another_group_too(program: Program) -> None:
    vpc = program.get("Vpc", "network")
    ingress = [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["10.0.0.0/8"]}]
    wide = program.add("ec2:SecurityGroup", "wide", vpcId=vpc, ingress=ingress)
    program.get("VpcEndpoint", "runtime").properties["securityGroupIds"].append(wide)


def endpoint_in_the_default_group(program: Program) -> None:
    del program.get("VpcEndpoint", "runtime").properties["securityGroupIds"]


def clients_let_out_anywhere(program: Program) -> None:
    program.add(
        "vpc:SecurityGroupEgressRule", "open", securityGroupId=program.get("SecurityGroup", "client"),
        cidrIpv4="0.0.0.0/0", ipProtocol="-1",
    )  # fmt: skip


def app_and_model_opened_to_each_other(program: Program) -> None:
    rule(program, program.get("NetworkAcl", "app"), True, 3000, MODEL[1])
    rule(program, program.get("NetworkAcl", "model"), False, 3000, APP[1])


def no_acls_on_app_and_model(program: Program) -> None:
    for tier in ("app", "model"):
        program.get("NetworkAcl", tier).properties["subnetIds"] = []


def app_subnet_moved_to_an_open_acl(program: Program) -> None:
    vpc, subnet = program.get("Vpc", "network"), program.get("Subnet", "app-us-east-1a")
    entry = {"action": "allow", "protocol": "-1", "ruleNo": 1, "fromPort": 0, "toPort": 0, "cidrBlock": "0.0.0.0/0"}
    acl = program.add("ec2:NetworkAcl", "open", vpcId=vpc, ingress=[entry], egress=[entry])
    program.get("NetworkAcl", "app").properties["subnetIds"].remove(subnet)
    program.add("ec2:NetworkAclAssociation", "open", networkAclId=acl, subnetId=subnet)
    rule(program, program.get("NetworkAcl", "model"), False, 3000, APP[1])


def requests_refused_by_the_acl(program: Program) -> None:
    remove_rules(program, "app", egress=True)


def answers_refused_by_the_acl(program: Program) -> None:
    remove_rules(program, "access", egress=True)


def answers_to_upper_ports_only(program: Program) -> None:
    for one in program.resources:
        if one.type.endswith(":NetworkAclRule") and one.name.startswith("app-ingress"):
            one.properties["fromPort"] = 32768.0


def one_block_of_s3_forgotten(program: Program) -> None:
    for one in list(program.resources):
        if one.properties.get("cidrBlock") == "54.231.0.0/16" and one.properties["egress"]:
            program.resources.remove(one)


def remove_rules(program: Program, tier: str, egress: bool) -> None:
    acl = program.get("NetworkAcl", tier)
    for one in list(program.resources):
        if one.properties.get("networkAclId") is acl and one.properties["egress"] == egress:
            program.resources.remove(one)


def s3_in_no_table(program: Program) -> None:
    program.get("VpcEndpoint", "s3").properties["routeTableIds"] = []


def s3_in_the_wrong_table(program: Program) -> None:
    program.get("VpcEndpoint", "s3").properties["routeTableIds"] = [program.get("RouteTable", "app")]


def model_subnet_without_its_table(program: Program) -> None:
    program.remove("RouteTableAssociation", "model-us-east-1b")


def no_rule_for_the_client(program: Program) -> None:
    program.remove("SecurityGroupIngressRule", "access-from-client")


def model_group_lets_nothing_out(program: Program) -> None:
    program.remove("SecurityGroupEgressRule", "model-to-s3")


def another_port(program: Program) -> None:
    program.get("SecurityGroupEgressRule", "client-to-access").properties.update(fromPort=444, toPort=444)


def model_among_the_clients(program: Program) -> None:
    subnets = [program.get("Subnet", f"app-{zone}") for zone in ("us-east-1a", "us-east-1b")]
    program.get("Model", "triage").properties["vpcConfig"]["subnets"] = subnets


def model_with_the_clients_group(program: Program) -> None:
    config = program.get("Model", "triage").properties["vpcConfig"]
    config["securityGroupIds"].append(program.get("SecurityGroup", "client"))
    rule(program, program.get("NetworkAcl", "model"), True, 3000, ACCESS[1], HTTPS)
    rule(program, program.get("NetworkAcl", "access"), False, 3000, MODEL[1], HTTPS)


def peered(program: Program) -> None:
    peering = program.add(
        "ec2:VpcPeeringConnection", "friends", vpcId=program.get("Vpc", "network"), peerVpcId="vpc-0f00f00f"
    )
    program.add(
        "ec2:Route", "friends", routeTableId=program.get("RouteTable", "app"), destinationCidrBlock="172.16.0.0/16",
        vpcPeeringConnectionId=peering,
    )  # fmt: skip
    rule(program, program.get("NetworkAcl", "app"), True, 3000, "172.16.0.0/16")


def no_client_group(program: Program) -> None:
    program.get("SecurityGroup", "client").name = "customers"


def no_runtime_endpoint(program: Program) -> None:
    program.remove("VpcEndpoint", "runtime")


def a_target_that_forwards_anywhere(program: Program) -> None:
    appliance = program.add(
        "ec2:NetworkInterface", "appliance", subnetId=program.get("Subnet", "app-us-east-1a"),
        securityGroups=[program.get("SecurityGroup", "client")],
    )  # fmt: skip
    program.add(
        "ec2:Route", "appliance", routeTableId=program.get("RouteTable", "app"), destinationCidrBlock="0.0.0.0/0",
        networkInterfaceId=appliance,
    )  # fmt: skip


def a_type_that_nobody_modelled(program: Program) -> None:
    program.add("ec2:CarrierGateway", "edge", vpcId=program.get("Vpc", "network"))


def a_workload_that_nobody_modelled(program: Program) -> None:
    subnets = [program.get("Subnet", "app-us-east-1a")]
    program.add("ecs:TaskSet", "batch", networkConfiguration={"subnets": subnets})


def routes_learned_from_a_vpn(program: Program) -> None:
    gateway = program.add("ec2:VpnGateway", "vpn", vpcId=program.get("Vpc", "network"))
    program.add(
        "ec2:VpnGatewayRoutePropagation", "app", vpnGatewayId=gateway, routeTableId=program.get("RouteTable", "app")
    )


Mutation = Callable[[Program], None]
MUTANTS: list[tuple[Mutation, set[str]]] = [
    (gateway_to_the_internet, {"surplus: unlisted in app → internet or elsewhere"}),
    (gateway_by_attachment_in_the_default_table, {"surplus: unlisted in other subnets → internet or elsewhere"}),
    (translation_to_the_internet, {"surplus: unlisted in access → internet or elsewhere"}),
    (endpoint_open_to_blocks, {"surplus: unlisted in app → runtime endpoint"}),
    (endpoint_open_by_the_older_rule, {"surplus: unlisted in app → runtime endpoint"}),
    (endpoint_open_inline, {"surplus: unlisted in app → runtime endpoint"}),
    (endpoint_in_another_group_too, {"surplus: unlisted in access → runtime endpoint"}),
    (endpoint_in_the_default_group, {"missing: clients → runtime endpoint"}),
    (clients_let_out_anywhere, {"surplus: clients → unlisted in access"}),
    (app_and_model_opened_to_each_other, {"surplus: unlisted in app → unlisted in model"}),
    (no_acls_on_app_and_model, {"surplus: unlisted in model → unlisted in app"}),
    (app_subnet_moved_to_an_open_acl, {"surplus: unlisted in app → unlisted in model"}),
    (requests_refused_by_the_acl, {"missing: clients → runtime endpoint"}),
    (answers_refused_by_the_acl, {"missing: clients → runtime endpoint"}),
    (answers_to_upper_ports_only, {"missing: clients → runtime endpoint"}),
    (one_block_of_s3_forgotten, {"missing: models → s3"}),
    (s3_in_no_table, {"missing: models → s3"}),
    (s3_in_the_wrong_table, {"missing: models → s3"}),
    (model_subnet_without_its_table, {"missing: models → s3"}),
    (no_rule_for_the_client, {"missing: clients → runtime endpoint"}),
    (model_group_lets_nothing_out, {"missing: models → s3"}),
    (another_port, {"missing: clients → runtime endpoint"}),
    (model_among_the_clients, {"missing: models → s3"}),
    (model_with_the_clients_group, {"surplus: models → runtime endpoint"}),
    (peered, {"surplus: unlisted in app → internet or elsewhere"}),
    (no_client_group, {"unmet: there must be one security group called client; the network has 0"}),
    (
        no_runtime_endpoint,
        {"unmet: the settings ask for clients → runtime endpoint, and the network has no runtime endpoint"},
    ),
    (a_target_that_forwards_anywhere, {"undecided: networkInterfaceId of appliance"}),
    (a_type_that_nobody_modelled, {"undecided:  of edge"}),
    (a_workload_that_nobody_modelled, {"undecided: networkConfiguration of batch"}),
    (routes_learned_from_a_vpn, {"undecided: vpnGatewayId of app"}),
]


@KNOWN
@pytest.mark.parametrize(("mutate", "expected"), MUTANTS, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_broken_is_found(plain: Settings, mutate: Mutation, expected: set[str], known: bool) -> None:
    program = stack()
    mutate(program)
    assert expected <= problems(report(program, plain, known))


@pytest.mark.parametrize("mutate", [mutate for mutate, _ in MUTANTS], ids=lambda one: one.__name__)
def test_a_preview_finds_what_is_found_once_ids_are_known(plain: Settings, mutate: Mutation) -> None:
    program = stack()
    mutate(program)
    assert problems(report(program, plain, known=False)) == problems(report(program, plain, known=True))


# With clients on premises


def open_to_everyone(program: Program) -> None:
    """Not a mutant, but half of two: the group and the ACL let everyone in, so that only the denials keep any out."""
    program.get("SecurityGroupIngressRule", "access-from-premises").properties["cidrIpv4"] = "0.0.0.0/0"
    rule(program, program.get("NetworkAcl", "access"), False, 3000, "0.0.0.0/0", HTTPS)


def denial_removed(program: Program) -> None:
    open_to_everyone(program)
    program.remove("NetworkAclRule", "access-ingress-100")


def denial_behind_the_allowance(program: Program) -> None:
    open_to_everyone(program)
    program.get("NetworkAclRule", "access-ingress-100").properties["ruleNumber"] = 4000.0


def no_route_back(program: Program) -> None:
    program.remove("Route", "premises")


def not_attached(program: Program) -> None:
    program.remove("VpnGatewayAttachment", "network")


def refused_on_premises(program: Program) -> None:
    program.remove("SecurityGroupIngressRule", "access-from-premises")


@KNOWN
@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (denial_removed, {"surplus: denied blocks → runtime endpoint"}),
        (denial_behind_the_allowance, {"surplus: denied blocks → runtime endpoint"}),
        (no_route_back, {"missing: on-premises → runtime endpoint"}),
        (not_attached, {"undecided: gatewayId of premises"}),
        (open_to_everyone, {"surplus: internet or elsewhere → runtime endpoint"}),
        (refused_on_premises, {"missing: on-premises → runtime endpoint"}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_is_broken_on_the_way_from_the_premises_is_found(
    with_premises: Settings, mutate: Mutation, expected: set[str], known: bool
) -> None:
    program = stack(PREMISES, [DENIED])
    mutate(program)
    assert expected <= problems(report(program, with_premises, known))


@KNOWN
def test_denials_hold_whatever_else_is_open(with_premises: Settings, known: bool) -> None:
    program = stack(PREMISES, [DENIED])
    open_to_everyone(program)
    assert not any("denied blocks" in problem for problem in problems(report(program, with_premises, known)))


@KNOWN
def test_a_transit_gateway_in_subnets_of_its_own_is_proved(archive: Path, known: bool) -> None:
    found = report(stack(PREMISES, [DENIED], attached_to="own"), with_transit(archive), known)
    assert problems(found) == set()


@KNOWN
def test_no_acl_guards_an_interface_from_an_attachment_in_its_own_subnet(archive: Path, known: bool) -> None:
    """AWS evaluates none there, so that whoever is beyond the transit gateway gets in, denied blocks included."""
    found = problems(report(stack(PREMISES, [DENIED], attached_to="access"), with_transit(archive), known))
    assert "surplus: denied blocks → unlisted in access" in found
    assert "surplus: internet or elsewhere → unlisted in access" in found
    assert not any("missing" in problem or "runtime" in problem for problem in found)


def with_transit(archive: Path) -> Settings:
    premises = {"cidrs": [PREMISES], "gatewayId": "tgw-0a1b2c3d"}
    return asked(archive, {"onPremises": premises, "deniedCidrs": [DENIED]})


def test_what_the_settings_ask_for_is_missed_when_the_network_lacks_it(archive: Path) -> None:
    given = asked(archive, {}, privateAccess={"dynamodb": True, "interfaceEndpoints": ["logs"]})
    assert problems(report(stack(), given, known=True)) == {
        "unmet: the settings ask for clients → dynamodb, and the network has no dynamodb",
        "unmet: the settings ask for clients → other endpoints, and the network has no other endpoints",
    }


def test_models_without_isolation_must_reach_the_endpoints(archive: Path) -> None:
    loose = endpoint(archive, model=model(archive, networkIsolationOffBecause="writes its own metrics"))
    given = asked(archive, {}, endpoints=[loose])
    assert problems(report(stack(), given, known=True)) == {"missing: models → runtime endpoint"}
