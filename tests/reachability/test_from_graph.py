"""Every type of resource is read as AWS would act on it, and what can't be told is said."""

from collections.abc import Callable
from typing import Any

import pytest

from private_inference.graph.resources import Resource
from private_inference.reachability.from_graph.coverage import IRRELEVANT, MODELLED
from private_inference.reachability.from_graph.load import load
from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    Cidr,
    GatewayKind,
    GroupRef,
    Network,
    PrefixListRef,
    SgRule,
)
from private_inference.reachability.traffic import ALL_TRAFFIC, services, services_text
from tests.reachability.declared import PREFIX_LISTS, S3, S3_NAME, UNKNOWN, Declared, Of, Program, stack

Adding = Callable[[Program], Declared]
Placed = Callable[[Declared, Declared], dict[str, Any]]
KNOWN = pytest.mark.parametrize("known", [True, False], ids=["known", "preview"])


@pytest.fixture
def program() -> Program:
    """A VPC with two subnets and nothing else."""
    made = Program()
    vpc = made.add("ec2:Vpc", "vpc", cidrBlock="10.0.0.0/16")
    for name, block in (("one", "10.0.1.0/24"), ("two", "10.0.2.0/24")):
        made.add("ec2:Subnet", name, vpcId=vpc, cidrBlock=block, availabilityZone=f"zone-{name}")
    return made


def vpc_of(program: Program) -> Declared:
    return program.get("Vpc", "vpc")


def subnet(program: Program, name: str = "one") -> Declared:
    return program.get("Subnet", name)


def undecided(network: Network) -> set[tuple[str, str]]:
    return {(one.resource.rpartition("::")[2], one.property) for one in network.undecided}


def called(network: Network, kind: str, name: str) -> Any:
    (found,) = [one for one in getattr(network, kind).values() if one.name == name]
    return found


# What a VPC comes with


@KNOWN
def test_a_subnet_has_what_its_vpc_comes_with(program: Program, known: bool) -> None:
    network = program.network(known)
    one = called(network, "subnets", "one")
    acl, table = network.acls[one.acl], network.route_tables[one.route_table]
    assert [(rule.allow, rule.services, rule.block) for rule in acl.ingress] == [
        (True, ALL_TRAFFIC, "0.0.0.0/0"),
        (True, ALL_TRAFFIC, "::/0"),
    ]
    assert table.routes == ()
    (group,) = network.groups.values()
    assert group.ingress == (SgRule(ALL_TRAFFIC, GroupRef(group.id)),)
    assert {rule.peer for rule in group.egress} == {Cidr("0.0.0.0/0"), Cidr("::/0")}
    assert network.undecided == ()


@KNOWN
def test_what_the_program_adopts_is_as_the_program_says(program: Program, known: bool) -> None:
    vpc = vpc_of(program)
    entry = {"action": "deny", "protocol": "-1", "ruleNo": 1, "fromPort": 0, "toPort": 0, "cidrBlock": "0.0.0.0/0"}
    gateway = program.add("ec2:InternetGateway", "out", vpcId=vpc)
    program.add("ec2:DefaultNetworkAcl", "acl", defaultNetworkAclId=Of(vpc, "defaultNetworkAclId"), ingress=[entry])
    program.add("ec2:DefaultSecurityGroup", "group", vpcId=vpc)
    program.add(
        "ec2:DefaultRouteTable", "table", defaultRouteTableId=Of(vpc, "defaultRouteTableId"),
        routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": gateway}],
    )  # fmt: skip
    network = program.network(known)
    one = called(network, "subnets", "one")
    assert [(rule.number, rule.allow) for rule in network.acls[one.acl].ingress] == [(1, False)]
    assert network.acls[one.acl].egress == ()
    (group,) = network.groups.values()
    assert group.ingress == group.egress == ()
    assert [route.target for route in network.route_tables[one.route_table].routes] == [gateway.urn]
    assert network.undecided == ()


@KNOWN
def test_rules_and_routes_may_name_what_a_vpc_comes_with(program: Program, known: bool) -> None:
    vpc = vpc_of(program)
    program.add(
        "ec2:NetworkAclRule", "rule", networkAclId=Of(vpc, "defaultNetworkAclId"), egress=True, ruleNumber=5,
        ruleAction="deny", protocol="tcp", fromPort=25, toPort=25, cidrBlock="0.0.0.0/0",
    )  # fmt: skip
    gateway = program.add("ec2:EgressOnlyInternetGateway", "out", vpcId=vpc)
    program.add(
        "ec2:Route", "out", routeTableId=Of(vpc, "mainRouteTableId"), destinationIpv6CidrBlock="::/0",
        egressOnlyGatewayId=gateway,
    )  # fmt: skip
    program.add(
        "vpc:SecurityGroupIngressRule", "in", securityGroupId=Of(vpc, "defaultSecurityGroupId"), ipProtocol="tcp",
        fromPort=22, toPort=22, cidrIpv6="2001:db8::/32",
    )  # fmt: skip
    network = program.network(known)
    one = called(network, "subnets", "one")
    assert min(rule.number for rule in network.acls[one.acl].egress) == 5
    assert [route.destination for route in network.route_tables[one.route_table].routes] == [Cidr("::/0")]
    (group,) = network.groups.values()
    assert SgRule(services("tcp", 22, 22), Cidr("2001:db8::/32"), "in") in group.ingress
    assert network.undecided == ()


# Associations


@KNOWN
def test_a_subnet_has_the_table_and_acl_that_it_is_associated_with(program: Program, known: bool) -> None:
    vpc = vpc_of(program)
    main, own = (program.add("ec2:RouteTable", name, vpcId=vpc) for name in ("main", "own"))
    program.add("ec2:MainRouteTableAssociation", "main", vpcId=vpc, routeTableId=main)
    program.add("ec2:RouteTableAssociation", "own", routeTableId=own, subnetId=subnet(program))
    inline, apart = (program.add("ec2:NetworkAcl", name, vpcId=vpc) for name in ("inline", "apart"))
    inline.properties["subnetIds"] = [subnet(program)]
    program.add("ec2:NetworkAclAssociation", "apart", networkAclId=apart, subnetId=subnet(program, "two"))
    network = program.network(known)
    in_force = {one.name: (network.name(one.route_table), network.name(one.acl)) for one in network.subnets.values()}
    assert in_force == {"one": ("own", "inline"), "two": ("main", "apart")}


@KNOWN
def test_two_tables_for_one_subnet_are_undecided(program: Program, known: bool) -> None:
    for name in ("first", "second"):
        table = program.add("ec2:RouteTable", name, vpcId=vpc_of(program))
        program.add("ec2:RouteTableAssociation", name, routeTableId=table, subnetId=subnet(program))
    assert ("second", "routeTableId") in undecided(program.network(known))


# Rules


RULES: dict[str, Callable[[Program, Declared, Declared], object]] = {
    "inline": lambda program, group, other: group.properties.update(
        ingress=[
            {
                "protocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "cidrBlocks": ["10.1.0.0/16"],
                "ipv6CidrBlocks": ["2001:db8::/32"],
                "prefixListIds": [S3],
                "securityGroups": [other],
                "self": True,
            }
        ]
    ),
    "older": lambda program, group, other: [
        program.add(
            "ec2:SecurityGroupRule",
            name,
            securityGroupId=group,
            type="ingress",
            protocol="tcp",
            fromPort=443,
            toPort=443,
            **peers,
        )
        for name, peers in (
            ("blocks", {"cidrBlocks": ["10.1.0.0/16"], "ipv6CidrBlocks": ["2001:db8::/32"], "prefixListIds": [S3]}),
            ("group", {"sourceSecurityGroupId": other}),
            ("self", {"self": True}),
        )
    ],
    "stand-alone": lambda program, group, other: [
        program.add(
            "vpc:SecurityGroupIngressRule",
            name,
            securityGroupId=group,
            ipProtocol="tcp",
            fromPort=443,
            toPort=443,
            **peer,
        )
        for name, peer in (
            ("v4", {"cidrIpv4": "10.1.0.0/16"}),
            ("v6", {"cidrIpv6": "2001:db8::/32"}),
            ("list", {"prefixListId": S3}),
            ("group", {"referencedSecurityGroupId": other}),
            ("self", {"referencedSecurityGroupId": group}),
        )
    ],
}


@KNOWN
@pytest.mark.parametrize("style", RULES)
def test_group_rules_mean_the_same_in_all_three_styles(program: Program, style: str, known: bool) -> None:
    group, other = (program.add("ec2:SecurityGroup", name, vpcId=vpc_of(program)) for name in ("own", "other"))
    RULES[style](program, group, other)
    network = program.network(known)
    found = called(network, "groups", "own")
    assert {rule.peer for rule in found.ingress} == {
        Cidr("10.1.0.0/16"),
        Cidr("2001:db8::/32"),
        PrefixListRef(S3),
        GroupRef(other.urn),
        GroupRef(group.urn),
    }
    assert {rule.services for rule in found.ingress} == {services("tcp", 443, 443)}
    assert found.egress == ()
    assert network.undecided == ()


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"protocol": "6", "fromPort": 80.0, "toPort": 81.0}, "tcp 80-81"),
        ({"protocol": -1.0, "fromPort": 0.0, "toPort": 0.0}, "all traffic"),
        ({"protocol": "udp", "fromPort": 53, "toPort": 53}, "udp 53"),
        ({"protocol": "icmp", "fromPort": 8, "toPort": 0}, "icmp type 8 code 0"),
        ({"protocol": "icmp", "fromPort": -1, "toPort": -1}, "icmp"),
        ({"protocol": "47", "fromPort": 0, "toPort": 0}, "protocol 47"),
    ],
)
def test_protocols_and_ports_of_group_rules(program: Program, entry: dict[str, Any], text: str) -> None:
    ingress = [{**entry, "cidrBlocks": ["10.0.0.0/8"]}]
    program.add("ec2:SecurityGroup", "own", vpcId=vpc_of(program), ingress=ingress)
    (rule,) = called(program.network(), "groups", "own").ingress
    assert services_text(rule.services) == text


def test_acl_rules_have_a_block_of_each_ip_version_and_icmp_of_their_own(program: Program) -> None:
    entry = {"action": "allow", "ruleNo": 7.0, "protocol": "1", "icmpType": 8.0, "icmpCode": -1.0}
    both = {**entry, "cidrBlock": "10.0.0.0/8", "ipv6CidrBlock": "2001:db8::/32"}
    program.add("ec2:NetworkAcl", "own", vpcId=vpc_of(program), ingress=[both])
    rules = called(program.network(), "acls", "own").ingress
    assert [(rule.number, rule.allow, rule.block) for rule in rules] == [
        (7, True, "10.0.0.0/8"),
        (7, True, "2001:db8::/32"),
    ]
    assert {services_text(rule.services) for rule in rules} == {"icmp type 8"}


def test_a_prefix_list_of_the_program_is_known_by_its_entries(program: Program) -> None:
    listed = program.add("ec2:ManagedPrefixList", "own", entries=[{"cidr": "10.9.0.0/16"}, {"cidr": "10.8.0.0/16"}])
    group = program.add("ec2:SecurityGroup", "own", vpcId=vpc_of(program))
    program.add("vpc:SecurityGroupEgressRule", "out", securityGroupId=group, prefixListId=listed, ipProtocol="-1")
    network = program.network(known=False)
    assert network.prefix_lists[listed.urn] == ("10.9.0.0/16", "10.8.0.0/16")
    assert network.undecided == ()


# Gateways


def nat(program: Program) -> Declared:
    return program.add("ec2:NatGateway", "gateway", subnetId=subnet(program))


def peering(program: Program) -> Declared:
    other = program.add("ec2:Vpc", "other", cidrBlock="10.7.0.0/16")
    return program.add("ec2:VpcPeeringConnection", "gateway", vpcId=vpc_of(program), peerVpcId=other)


def transit(program: Program) -> Declared:
    gateway = program.add("ec2transitgateway:TransitGateway", "hub")
    program.add(
        "ec2transitgateway:VpcAttachment", "gateway", transitGatewayId=gateway, vpcId=vpc_of(program),
        subnetIds=[subnet(program)],
    )  # fmt: skip
    return gateway


def attached_internet(program: Program) -> Declared:
    gateway = program.add("ec2:InternetGateway", "out")
    program.add("ec2:InternetGatewayAttachment", "gateway", internetGatewayId=gateway, vpcId=vpc_of(program))
    return gateway


def attached_vpn(program: Program) -> Declared:
    gateway = program.add("ec2:VpnGateway", "vpn")
    program.add("ec2:VpnGatewayAttachment", "gateway", vpnGatewayId=gateway, vpcId=vpc_of(program))
    return gateway


@KNOWN
@pytest.mark.parametrize(
    ("add", "key", "kind"),
    [
        (lambda p: p.add("ec2:InternetGateway", "gateway", vpcId=vpc_of(p)), "gatewayId", GatewayKind.INTERNET),
        (attached_internet, "gatewayId", GatewayKind.INTERNET),
        (lambda p: p.add("ec2:VpnGateway", "gateway", vpcId=vpc_of(p)), "gatewayId", GatewayKind.VIRTUAL_PRIVATE),
        (attached_vpn, "gatewayId", GatewayKind.VIRTUAL_PRIVATE),
        (nat, "natGatewayId", GatewayKind.NAT),
        (transit, "transitGatewayId", GatewayKind.TRANSIT),
        (peering, "vpcPeeringConnectionId", GatewayKind.PEERING),
    ],
)
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "stand-alone"])
def test_a_route_leads_to_its_gateway(
    program: Program, add: Adding, key: str, kind: GatewayKind, inline: bool, known: bool
) -> None:
    gateway = add(program)
    table = program.add("ec2:RouteTable", "table", vpcId=vpc_of(program))
    if inline:
        table.properties["routes"] = [{"cidrBlock": "10.7.0.0/16", key: gateway}]
    else:
        program.add("ec2:Route", "route", routeTableId=table, destinationCidrBlock="10.7.0.0/16", **{key: gateway})
    network = program.network(known)
    (route,) = called(network, "route_tables", "table").routes
    assert network.gateways[route.target].kind == kind
    assert network.gateways[route.target].vpc == vpc_of(program).urn
    assert network.undecided == ()


@KNOWN
def test_beyond_a_peering_connection_lies_the_other_vpc(program: Program, known: bool) -> None:
    peering(program)
    network = program.network(known)
    beyond = {network.name(one.vpc): one.blocks for one in network.gateways.values()}
    assert beyond == {"vpc": ("10.7.0.0/16",), "other": ("10.0.0.0/16",)}


@KNOWN
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "stand-alone"])
def test_a_gateway_endpoint_is_a_route_to_its_prefix_list(program: Program, inline: bool, known: bool) -> None:
    table = program.add("ec2:RouteTable", "table", vpcId=vpc_of(program))
    endpoint = program.add("ec2:VpcEndpoint", "s3", vpcId=vpc_of(program), serviceName=S3_NAME)
    if inline:
        endpoint.properties["routeTableIds"] = [table]
    else:
        program.add("ec2:VpcEndpointRouteTableAssociation", "s3", routeTableId=table, vpcEndpointId=endpoint)
    network = program.network(known)
    (route,) = called(network, "route_tables", "table").routes
    assert network.peer_addresses(route.destination) == network.peer_addresses(PrefixListRef(S3))
    assert network.gateways[route.target].service == "s3"
    assert network.undecided == ()


# Interfaces


@KNOWN
@pytest.mark.parametrize(
    ("kind", "placed", "public", "ephemeral"),
    [
        (
            "lambda:Function",
            lambda s, g: {"vpcConfig": {"subnetIds": [s], "securityGroupIds": [g]}},
            False,
            ANY_CLIENT_PORTS,
        ),
        ("sagemaker:Model", lambda s, g: {"vpcConfig": {"subnets": [s], "securityGroupIds": [g]}}, False, None),
        ("ec2:Instance", lambda s, g: {"subnetId": s, "vpcSecurityGroupIds": [g]}, False, None),
        (
            "ec2:Instance",
            lambda s, g: {"subnetId": s, "vpcSecurityGroupIds": [g], "associatePublicIpAddress": True},
            True,
            None,
        ),
        ("ec2:NetworkInterface", lambda s, g: {"subnetId": s, "securityGroups": [g]}, False, None),
        ("lb:LoadBalancer", lambda s, g: {"subnets": [s], "securityGroups": [g]}, True, ANY_CLIENT_PORTS),
        ("lb:LoadBalancer", lambda s, g: {"subnets": [s], "securityGroups": [g], "internal": True}, False, None),
        (
            "lb:LoadBalancer",
            lambda s, g: {"subnetMappings": [{"subnetId": s}], "securityGroups": [g], "internal": True},
            False,
            None,
        ),
        (
            "ec2:VpcEndpoint",
            lambda s, g: {
                "vpcEndpointType": "Interface",
                "serviceName": "com.amazonaws.us-east-1.logs",
                "subnetIds": [s],
                "securityGroupIds": [g],
            },
            False,
            None,
        ),
    ],
)
def test_what_a_resource_places_into_a_subnet(
    program: Program, kind: str, placed: Placed, public: bool, ephemeral: tuple[int, int] | None, known: bool
) -> None:
    group = program.add("ec2:SecurityGroup", "own", vpcId=vpc_of(program))
    program.add(kind, "thing", **placed(subnet(program), group))
    network = program.network(known)
    (found,) = network.interfaces.values()
    assert found.subnet == subnet(program).urn
    assert found.groups == {group.urn}
    assert found.public is public
    assert ephemeral in (None, found.ephemeral)
    assert network.undecided == ()


@KNOWN
def test_a_database_is_where_its_subnet_group_is(program: Program, known: bool) -> None:
    subnets = [subnet(program), subnet(program, "two")]
    group = program.add("rds:SubnetGroup", "data", name="data", subnetIds=subnets)
    own = program.add("ec2:SecurityGroup", "own", vpcId=vpc_of(program))
    for name, value in (("by-name", "data"), ("by-reference", group)):
        program.add("rds:Instance", name, dbSubnetGroupName=value, vpcSecurityGroupIds=[own])
    network = program.network(known)
    where = {(one.owner, network.name(one.subnet)) for one in network.interfaces.values()}
    assert where == {(name, place) for name in ("by-name", "by-reference") for place in ("one", "two")}
    assert network.undecided == ()


@KNOWN
def test_an_elastic_address_makes_its_interface_public(program: Program, known: bool) -> None:
    instance = program.add("ec2:Instance", "host", subnetId=subnet(program))
    program.add("ec2:Eip", "address", instance=instance)
    (found,) = program.network(known).interfaces.values()
    assert found.public


@KNOWN
def test_a_subnet_may_give_public_addresses(program: Program, known: bool) -> None:
    subnet(program).properties["mapPublicIpOnLaunch"] = True
    program.add("ec2:Instance", "host", subnetId=subnet(program))
    (found,) = program.network(known).interfaces.values()
    assert found.public


@KNOWN
def test_without_groups_an_instance_is_in_the_default_one_and_a_load_balancer_in_none(
    program: Program, known: bool
) -> None:
    program.add("ec2:Instance", "host", subnetId=subnet(program))
    program.add("lb:LoadBalancer", "front", subnets=[subnet(program)], internal=True, loadBalancerType="network")
    network = program.network(known)
    carried = {one.owner: network.groups[next(iter(one.groups))] for one in network.interfaces.values()}
    assert carried["host"].name == "default"
    assert {rule.peer for rule in carried["front"].ingress} == {Cidr("0.0.0.0/0"), Cidr("::/0")}


# What can't be told


def with_unknown(program: Program, kind: str, name: str, key: str) -> Network:
    """The network of a preview in which a property comes from something that isn't a resource of the program."""
    shown = program.shown(known=False)
    (one,) = [one for one in shown if one.type.endswith(f":{kind}") and one.name == name]
    one.properties = {**one.properties, key: UNKNOWN}
    one.sources = {
        **one.sources,
        key: ["urn:pulumi:test::other::pulumi:pulumi:StackReference::x"],
    }
    return load(shown, PREFIX_LISTS)


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        ("Vpc", "network", "cidrBlock"),
        ("Subnet", "app-us-east-1a", "cidrBlock"),
        ("Subnet", "app-us-east-1a", "vpcId"),
        ("Subnet", "app-us-east-1a", "availabilityZone"),
        ("RouteTable", "app", "vpcId"),
        ("RouteTable", "app", "routes"),
        ("RouteTableAssociation", "app-us-east-1a", "subnetId"),
        ("RouteTableAssociation", "app-us-east-1a", "routeTableId"),
        ("NetworkAcl", "app", "subnetIds"),
        ("NetworkAcl", "app", "ingress"),
        ("NetworkAclRule", "access-ingress-2000", "cidrBlock"),
        ("NetworkAclRule", "access-ingress-2000", "networkAclId"),
        ("SecurityGroup", "access", "vpcId"),
        ("SecurityGroup", "access", "ingress"),
        ("SecurityGroupIngressRule", "access-from-client", "securityGroupId"),
        ("SecurityGroupIngressRule", "access-from-client", "referencedSecurityGroupId"),
        ("SecurityGroupIngressRule", "access-from-premises", "cidrIpv4"),
        ("SecurityGroupEgressRule", "model-to-s3", "prefixListId"),
        ("Route", "premises", "destinationCidrBlock"),
        ("Route", "premises", "gatewayId"),
        ("Route", "premises", "routeTableId"),
        ("VpnGatewayAttachment", "network", "vpcId"),
        ("VpcEndpoint", "s3", "routeTableIds"),
        ("VpcEndpoint", "runtime", "subnetIds"),
        ("VpcEndpoint", "runtime", "securityGroupIds"),
        ("Model", "triage", "vpcConfig"),
    ],
)
def test_an_unknown_that_nothing_explains_is_undecided(kind: str, name: str, key: str) -> None:
    found = with_unknown(stack("192.168.0.0/16"), kind, name, key)
    told = {(resource, path.partition(".")[0]) for resource, path in undecided(found)}
    assert (name, key) in told


def test_an_unknown_rule_is_taken_for_an_open_one_meanwhile() -> None:
    program = stack("192.168.0.0/16")
    found = with_unknown(program, "SecurityGroupIngressRule", "access-from-premises", "cidrIpv4")
    rules = found.groups[program.get("SecurityGroup", "access").urn].ingress
    assert {Cidr("0.0.0.0/0"), Cidr("::/0")} <= {rule.peer for rule in rules}


@pytest.mark.parametrize(("number", "opens"), [(2000, True), (100, False)], ids=["allow", "deny"])
def test_an_unknown_acl_rule_opens_unless_it_is_known_to_deny(number: int, opens: bool) -> None:
    program = stack(denied=["172.31.0.0/16"])
    found = with_unknown(program, "NetworkAclRule", f"access-ingress-{number}", "cidrBlock")
    rules = found.acls[program.get("NetworkAcl", "access").urn].ingress
    assert ("0.0.0.0/0" in {rule.block for rule in rules if rule.allow}) is opens


@pytest.mark.parametrize(
    ("kind", "key", "properties"),
    [
        (
            "ec2:SecurityGroupRule",
            "type",
            {"protocol": "tcp", "fromPort": 1, "toPort": 1, "cidrBlocks": ["10.9.0.0/16"]},
        ),
        (
            "ec2:NetworkAclRule",
            "egress",
            {"ruleNumber": 9, "ruleAction": "allow", "protocol": "-1", "cidrBlock": "10.9.0.0/16"},
        ),
    ],
)
def test_a_rule_of_unknown_direction_opens_both_and_is_undecided(
    program: Program, kind: str, key: str, properties: dict[str, Any]
) -> None:
    group, acl = (
        program.add(f"ec2:{type_}", "own", vpcId=vpc_of(program)) for type_ in ("SecurityGroup", "NetworkAcl")
    )
    owner = {"networkAclId": acl} if key == "egress" else {"securityGroupId": group}
    program.add(kind, "rule", **owner, **properties)
    found = with_unknown(program, kind.partition(":")[2], "rule", key)
    opened = called(found, "acls" if key == "egress" else "groups", "own")
    assert len(opened.ingress) == len(opened.egress) == 1
    assert ("rule", key) in undecided(found)


def test_one_unknown_of_several_resources_is_undecided(program: Program) -> None:
    table = program.add("ec2:RouteTable", "table", vpcId=vpc_of(program))
    program.add("ec2:RouteTableAssociation", "either", routeTableId=table, subnetId=subnet(program))
    shown = program.shown(known=False)
    shown[-1].sources = {"subnetId": [subnet(program).urn, subnet(program, "two").urn]}
    assert ("either", "subnetId") in undecided(load(shown))


def test_two_unknown_of_three_resources_are_undecided(program: Program) -> None:
    group = program.add("ec2:SecurityGroup", "own", vpcId=vpc_of(program))
    program.add("ec2:Subnet", "three", vpcId=vpc_of(program), cidrBlock="10.0.3.0/24", availabilityZone="zone-one")
    every = [subnet(program, name) for name in ("one", "two", "three")]
    program.add("lambda:Function", "f", vpcConfig={"subnetIds": every, "securityGroupIds": [group]})
    shown = program.shown(known=False)
    shown[-1].properties["vpcConfig"]["subnetIds"].pop()
    assert ("f", "vpcConfig.subnetIds") in undecided(load(shown))


def test_a_list_that_is_wholly_unknown_means_all_that_it_was_computed_from(program: Program) -> None:
    group = program.add("ec2:SecurityGroup", "own", vpcId=vpc_of(program))
    both = [subnet(program), subnet(program, "two")]
    program.add("lambda:Function", "f", vpcConfig={"subnetIds": both, "securityGroupIds": [group]})
    shown = program.shown(known=False)
    shown[-1].properties = {"vpcConfig": {"subnetIds": UNKNOWN, "securityGroupIds": [UNKNOWN]}}
    network = load(shown)
    assert {network.name(one.subnet) for one in network.interfaces.values()} == {"one", "two"}
    assert network.undecided == ()


@pytest.mark.parametrize(
    ("kind", "properties", "key"),
    [
        ("lambda:Function", {"vpcConfig": {"subnetIds": ["subnet-0f"], "securityGroupIds": []}}, "vpcConfig.subnetIds"),
        ("ec2:Subnet", {"vpcId": "vpc-0f", "cidrBlock": "10.0.9.0/24", "availabilityZone": "z"}, "vpcId"),
        ("ec2:NetworkAclRule", {"networkAclId": "acl-0f", "ruleNumber": 1, "ruleAction": "allow"}, "networkAclId"),
        ("vpc:SecurityGroupIngressRule", {"securityGroupId": "sg-0f", "ipProtocol": "-1"}, "securityGroupId"),
        ("ec2:Route", {"routeTableId": "rtb-0f", "destinationCidrBlock": "0.0.0.0/0"}, "routeTableId"),
        ("ec2:VpcEndpoint", {"vpcId": "vpc-0f", "serviceName": S3_NAME}, "vpcId"),
    ],
)
def test_what_lies_outside_the_program_is_undecided(
    program: Program, kind: str, properties: dict[str, Any], key: str
) -> None:
    program.add(kind, "stranger", **properties)
    assert ("stranger", key) in undecided(program.network())


def test_groups_outside_the_program_are_undecided_and_open(program: Program) -> None:
    config = {"subnetIds": [subnet(program)], "securityGroupIds": ["sg-0f"]}
    program.add("lambda:Function", "f", vpcConfig=config)
    network = program.network()
    assert ("f", "vpcConfig.securityGroupIds") in undecided(network)
    assert {rule.peer for rule in network.groups["sg-0f"].egress} == {Cidr("0.0.0.0/0"), Cidr("::/0")}


def test_a_prefix_list_whose_blocks_nobody_gave_is_undecided(program: Program) -> None:
    program.add("ec2:VpcEndpoint", "s3", vpcId=vpc_of(program), serviceName=S3_NAME)
    network = load(program.shown(known=True))
    assert ("s3", "prefixListId") in undecided(network)


def test_every_type_of_the_networks_packages_is_modelled_or_undecided(program: Program) -> None:
    assert not MODELLED & IRRELEVANT
    program.add("ec2:FlowLog", "logs", vpcId=vpc_of(program), subnetId=subnet(program))
    program.add("ec2:LocalGatewayRoute", "local")
    program.add("ecs:Service", "apps", networkConfiguration={"subnets": [subnet(program)]})
    program.add("ecs:TaskSet", "batch", networkConfiguration={"subnets": [subnet(program)]})
    program.add("elasticache:SubnetGroup", "cache", subnetIds=[subnet(program)])
    assert undecided(program.network()) == {("local", ""), ("batch", "networkConfiguration")}


@KNOWN
def test_the_network_does_not_depend_on_the_order_of_the_resources(known: bool) -> None:
    shown: list[Resource] = stack("192.168.0.0/16").shown(known)
    assert load(shown, PREFIX_LISTS) == load(reversed(shown), PREFIX_LISTS)


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("aws:cloudformation/stack:Stack", {"templateBody": "Resources:\n  It: {Type: AWS::Odd::Thing}"}),
        ("aws:cloudformation/stack:Stack", {"templateUrl": "https://example.com/template.yaml"}),
        ("aws:cloudformation/stackSet:StackSet", {"templateBody": "{}"}),
        ("aws:cloudcontrol/resource:Resource", {"typeName": "AWS::EC2::Subnet", "desiredState": UNKNOWN}),
        ("aws:servicecatalog/provisionedProduct:ProvisionedProduct", {}),
        ("aws-native:ec2:InternetGateway", {}),
        ("awsx:ec2:Vpc", {}),
        ("command:local:Command", {"create": "aws ec2 create-internet-gateway"}),
    ],
)
def test_what_hides_others_is_undecided(program: Program, type_: str, properties: dict[str, Any]) -> None:
    hiding = Resource(f"urn:pulumi:test::private-inference::{type_}::hiding", type_, "hiding", properties, {})
    assert ("hiding", "") in undecided(load([*program.shown(True), hiding]))


def test_what_a_stack_holds_is_in_the_network(program: Program) -> None:
    body = (
        "Parameters: {Vpc: {Type: String}}\nResources:\n"
        "  Net: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.3.0/24}}\n"
    )
    type_, vpc = "aws:cloudformation/stack:Stack", vpc_of(program)
    properties = {"templateBody": body, "parameters": {"Vpc": UNKNOWN}}
    stack = Resource(f"urn:pulumi:test::p::{type_}::apps", type_, "apps", properties, {"parameters": [vpc.urn]})
    network = load([*program.shown(False), stack])
    assert called(network, "subnets", "apps.Net").vpc == vpc.urn
