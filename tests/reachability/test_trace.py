"""A trace says what decides, and what would have to change: each case here is refused for one reason."""

from dataclasses import replace

import pytest

from private_inference.reachability.hops import Hop
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.model import (
    AclRule,
    Cidr,
    Gateway,
    GatewayKind,
    GroupRef,
    Interface,
    Network,
    NetworkAcl,
    PrefixListRef,
    Route,
    RouteTable,
    SecurityGroup,
    SgRule,
    Subnet,
    Thing,
    Vpc,
)
from private_inference.reachability.named_ends import UnknownEndError
from private_inference.reachability.trace import Trace, Verdict, trace
from private_inference.reachability.traffic import services

HTTPS, RETURNS, ALL = services("tcp", 443, 443), services("tcp", 1024, 65535), services("-1")
CLIENT, SERVER = Cidr("10.0.1.0/24"), Cidr("10.0.2.0/24")


VPC = Vpc("vpc", ("10.0.0.0/16", "2001:db8::/56"), name="network")
HERE_ACL = NetworkAcl(
    "acl-here", "vpc", (AclRule(100, True, RETURNS, SERVER.block),), (AclRule(200, True, HTTPS, SERVER.block),)
)
THERE_ACL = NetworkAcl(
    "acl-there", "vpc", (AclRule(300, True, HTTPS, CLIENT.block),), (AclRule(400, True, RETURNS, CLIENT.block),)
)
CLIENT_GROUP = SecurityGroup("sg-client", "vpc", egress=(SgRule(HTTPS, GroupRef("sg-server"), "out"),))
SERVER_GROUP = SecurityGroup("sg-server", "vpc", ingress=(SgRule(HTTPS, GroupRef("sg-client"), "in"),))
CLIENT_INTERFACE = Interface("eni-client", "here", frozenset({"sg-client"}), ("10.0.1.10",))
SERVER_INTERFACE = Interface("eni-server", "there", frozenset({"sg-server"}), ("10.0.2.10",), name="server")
GATEWAYS = (
    Gateway("igw", "vpc", GatewayKind.INTERNET),
    Gateway("eigw", "vpc", GatewayKind.EGRESS_ONLY),
    Gateway("nat", "vpc", GatewayKind.NAT, ("there",)),
    Gateway("vgw", "vpc", GatewayKind.VIRTUAL_PRIVATE),
    Gateway("vpce", "vpc", GatewayKind.ENDPOINT, prefix_list="pl", service="s3"),
)
PARTS: tuple[Thing, ...] = (
    VPC,
    Subnet("here", "vpc", "zone-1", (CLIENT.block, "2001:db8::/64"), "rtb-here", "acl-here"),
    Subnet("there", "vpc", "zone-2", (SERVER.block,), "rtb-there", "acl-there"),
    RouteTable("rtb-here", "vpc"),
    RouteTable("rtb-there", "vpc"),
    HERE_ACL,
    THERE_ACL,
    CLIENT_GROUP,
    SERVER_GROUP,
    CLIENT_INTERFACE,
    SERVER_INTERFACE,
)
"""A client and a server in two subnets, and just what lets the one call the other."""


def network(*changes: Thing, gateways: tuple[Gateway, ...] = GATEWAYS) -> Network:
    """The parts with a gateway of every kind, some exchanged for others of the same id, or added."""
    whole = {one.id: one for one in (*PARTS, *gateways, *changes)}
    return Network.of(whole.values(), {"pl": ("52.0.0.0/16",)})


def call(found: Network, port: int = 443, protocol: str = "tcp") -> Trace:
    return trace(found, "eni-client", "server", port, protocol)


def refusal(found: Trace) -> Hop:
    assert not found.hops[-1].allowed
    return found.hops[-1]


def test_the_path_is_told_hop_by_hop() -> None:
    found = call(network())
    assert found.verdict == Verdict.REACHES
    assert all(hop.allowed for hop in found.hops)
    assert [(hop.control, hop.subject, hop.direction, hop.reply) for hop in found.hops] == [
        ("security group", "sg-client", "egress", False),
        ("route table", "rtb-here", "egress", False),
        ("network ACL", "acl-here", "egress", False),
        ("network ACL", "acl-there", "ingress", False),
        ("security group", "sg-server", "ingress", False),
        ("route table", "rtb-there", "egress", True),
        ("network ACL", "acl-there", "egress", True),
        ("network ACL", "acl-here", "ingress", True),
    ]
    places = [hop.place for hop in found.hops]
    assert places[2:5] == ["network ACL acl-here in here", "network ACL acl-there in there", "security group sg-server"]
    said = [hop.reason for hop in found.hops]
    assert "security group sg-server (out)" in said[0]
    assert said[1] == "10.0.0.0/16 leads to local"
    assert said[2] == "rule 200 allows tcp 443 to 10.0.2.0/24"
    assert said[7] == "rule 100 allows tcp 32768-65535 from 10.0.2.0/24"


DENY = AclRule(50, False, ALL, "10.0.0.0/16")
PART = AclRule(400, True, services("tcp", 1024, 60999), CLIENT.block)
ONE_PORT_DENIED = AclRule(10, False, services("tcp", 40000, 40000), SERVER.block)


@pytest.mark.parametrize(
    ("changed", "control", "direction", "reply", "reason", "remedy"),
    [
        (
            replace(CLIENT_GROUP, egress=()),
            "security group",
            "egress",
            False,
            "no egress rule allows tcp 443",
            "of sg-client",
        ),
        (
            RouteTable("rtb-here", "vpc", (Route(Cidr("10.0.2.0/25"), "vgw"),)),
            "route table",
            "egress",
            False,
            "10.0.2.0/25 leads to vgw",
            "to local",
        ),
        (
            RouteTable("rtb-here", "vpc", (Route(Cidr("10.0.2.0/25"), None),)),
            "route table",
            "egress",
            False,
            "10.0.2.0/25 leads to nowhere (blackhole)",
            "to local",
        ),
        (
            replace(HERE_ACL, egress=()),
            "network ACL",
            "egress",
            False,
            "no rule allows tcp 443 to 10.0.2.10",
            "of acl-here",
        ),
        (
            replace(HERE_ACL, egress=(DENY, *HERE_ACL.egress)),
            "network ACL",
            "egress",
            False,
            "rule 50 denies tcp 443 to 10.0.0.0/16",
            "rule 50 removed, or an egress rule below 50",
        ),
        (
            replace(THERE_ACL, ingress=()),
            "network ACL",
            "ingress",
            False,
            "no rule allows tcp 443 from 10.0.1.10",
            "of acl-there",
        ),
        (
            replace(SERVER_GROUP, ingress=()),
            "security group",
            "ingress",
            False,
            "no ingress rule allows tcp 443",
            "of sg-server",
        ),
        (
            replace(SERVER_GROUP, ingress=(SgRule(HTTPS, GroupRef("sg-server")),)),
            "security group",
            "ingress",
            False,
            "no ingress rule allows tcp 443 from 10.0.1.10",
            "or a group it has",
        ),
        (
            replace(THERE_ACL, egress=()),
            "network ACL",
            "egress",
            True,
            "no rule allows tcp 32768-65535",
            "of acl-there",
        ),
        (
            replace(THERE_ACL, egress=(PART,)),
            "network ACL",
            "egress",
            True,
            "no rule allows tcp 61000-65535",
            "of acl-there",
        ),
        (
            replace(HERE_ACL, ingress=()),
            "network ACL",
            "ingress",
            True,
            "no rule allows tcp 32768-65535",
            "of acl-here",
        ),
        (
            replace(HERE_ACL, ingress=(ONE_PORT_DENIED, *HERE_ACL.ingress)),
            "network ACL",
            "ingress",
            True,
            "rule 10 denies tcp 40000",
            "below 10",
        ),
    ],
)
def test_a_refusal_names_the_control_the_rule_and_the_remedy(
    changed: Thing, control: str, direction: str, reply: bool, reason: str, remedy: str
) -> None:
    found = call(network(changed))
    assert found.verdict == (Verdict.ONE_WAY if reply else Verdict.REFUSED)
    assert refusal(found) is found.hops[-1]
    assert (refusal(found).control, refusal(found).direction, refusal(found).reply) == (control, direction, reply)
    assert reason in refusal(found).reason
    assert remedy in refusal(found).remedy


def test_another_port_or_protocol_is_another_question() -> None:
    assert call(network(), port=444).verdict == Verdict.REFUSED
    assert call(network(), protocol="udp").verdict == Verdict.REFUSED


def test_acls_are_not_evaluated_within_a_subnet() -> None:
    server = replace(SERVER_INTERFACE, subnet="here", addresses=("10.0.1.20",))
    found = call(network(server, replace(HERE_ACL, ingress=(), egress=())))
    assert found.verdict == Verdict.REACHES
    assert {hop.control for hop in found.hops} == {"security group"}


def test_the_lowest_number_decides_whatever_the_order_of_the_rules() -> None:
    allow, deny = AclRule(10, True, HTTPS, SERVER.block), AclRule(20, False, HTTPS, SERVER.block)
    for rules in ((allow, deny), (deny, allow)):
        assert call(network(replace(HERE_ACL, egress=rules))).verdict == Verdict.REACHES
    swapped = (replace(allow, number=20), replace(deny, number=10))
    assert call(network(replace(HERE_ACL, egress=swapped))).verdict == Verdict.REFUSED


# The internet, and what is beyond other gateways


def outward(*routes: Route, public: bool = False, address: str = "10.0.1.10") -> Network:
    """The client with everything open but what the case is about."""
    opened = tuple(AclRule(number, True, ALL, block) for number, block in enumerate(("0.0.0.0/0", "::/0"), start=1))
    anywhere = tuple(SgRule(ALL, Cidr(block)) for block in ("0.0.0.0/0", "::/0"))
    return network(
        RouteTable("rtb-here", "vpc", routes),
        NetworkAcl("acl-here", "vpc", opened, opened),
        NetworkAcl("acl-there", "vpc", opened, opened),
        SecurityGroup("sg-client", "vpc", anywhere, anywhere),
        Interface("eni-client", "here", frozenset({"sg-client"}), (address,), public),
    )


DEFAULT, DEFAULT6 = Cidr("0.0.0.0/0"), Cidr("::/0")


@pytest.mark.parametrize(
    ("found", "destination", "verdict"),
    [
        (outward(Route(DEFAULT, "igw"), public=True), "203.0.113.9", Verdict.REACHES),
        (outward(Route(DEFAULT, "igw")), "203.0.113.9", Verdict.REFUSED),
        (outward(Route(DEFAULT6, "igw"), address="2001:db8::10"), "2600::9", Verdict.REACHES),
        (outward(Route(DEFAULT6, "eigw"), address="2001:db8::10"), "2600::9", Verdict.REACHES),
        (outward(Route(DEFAULT, "eigw"), public=True), "203.0.113.9", Verdict.REFUSED),
        (outward(Route(DEFAULT, "nat")), "203.0.113.9", Verdict.REFUSED),  # the NAT gateway's own subnet leads nowhere
        (outward(Route(PrefixListRef("pl"), "vpce")), "52.0.0.9", Verdict.REACHES),
        (outward(Route(PrefixListRef("pl"), "vpce")), "52.1.0.9", Verdict.REFUSED),
        (outward(Route(Cidr("192.168.0.0/16"), "vgw")), "192.168.1.1", Verdict.REACHES),
        (outward(Route(Cidr("192.168.0.0/16"), "vgw")), "192.169.1.1", Verdict.REFUSED),
    ],
)
def test_the_way_out_depends_on_the_gateway_and_the_address(found: Network, destination: str, verdict: Verdict) -> None:
    assert trace(found, "eni-client", destination, 443).verdict == verdict


EVERYBODY = "0.0.0.0/0"


@pytest.mark.parametrize(
    ("ingress", "egress", "verdict"),
    [
        ((HTTPS, RETURNS), (HTTPS, RETURNS), Verdict.REACHES),
        (
            (HTTPS, services("tcp", 1025, 65535)),
            (HTTPS, RETURNS),
            Verdict.ONE_WAY,
        ),  # answers to the NAT gateway's ports
        ((RETURNS,), (HTTPS, RETURNS), Verdict.REFUSED),  # the request into its subnet
        ((HTTPS, RETURNS), (RETURNS,), Verdict.REFUSED),  # the request out of it
        ((HTTPS, RETURNS), (HTTPS, services("tcp", 40000, 65535)), Verdict.ONE_WAY),  # the answer on to the client
    ],
)
def test_a_nat_gateways_own_subnet_is_crossed_both_ways(
    ingress: tuple[Intervals, ...], egress: tuple[Intervals, ...], verdict: Verdict
) -> None:
    found = outward(Route(DEFAULT, "nat"))
    let_in, let_out = (
        tuple(AclRule(number, True, offered, EVERYBODY) for number, offered in enumerate(given, start=1))
        for given in (ingress, egress)
    )
    acls = {**found.acls, "acl-there": NetworkAcl("acl-there", "vpc", let_in, let_out)}
    tables = {**found.route_tables, "rtb-there": RouteTable("rtb-there", "vpc", (Route(DEFAULT, "igw"),))}
    changed = replace(found, acls=acls, route_tables=tables)
    assert trace(changed, "eni-client", "203.0.113.9", 443).verdict == verdict


def test_a_gateway_endpoint_is_called_by_its_service() -> None:
    assert trace(outward(Route(PrefixListRef("pl"), "vpce")), "eni-client", "s3", 443).verdict == Verdict.REACHES


def test_the_most_specific_route_wins_and_among_equals_a_static_one() -> None:
    found = outward(
        Route(DEFAULT, "igw"),
        Route(Cidr("52.0.0.0/16"), "vgw", propagated=True),
        Route(PrefixListRef("pl"), "vpce"),
        Route(Cidr("52.0.9.0/24"), None),
    )
    leads = {
        address: next(
            hop.reason for hop in trace(found, "eni-client", address, 443).hops if hop.control == "route table"
        )
        for address in ("52.0.1.1", "52.0.9.1", "8.8.8.8")
    }
    assert leads == {
        "52.0.1.1": "52.0.0.0/16 leads to vpce",
        "52.0.9.1": "52.0.9.0/24 leads to nowhere (blackhole)",
        "8.8.8.8": "0.0.0.0/0 leads to igw",
    }


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (GatewayKind.NAT, "NAT gateway lets nothing in"),
        (GatewayKind.EGRESS_ONLY, "egress-only internet gateway lets nothing in"),
        (GatewayKind.ENDPOINT, "gateway endpoint lets nothing in"),
    ],
)
def test_some_gateways_let_nothing_in(kind: GatewayKind, reason: str) -> None:
    only = tuple(one for one in GATEWAYS if one.kind is kind)
    assert refusal(trace(network(gateways=only), "52.0.0.9", "server", 443)).reason == reason


def test_what_comes_in_without_a_route_back_goes_one_way() -> None:
    opened = outward(Route(Cidr("10.9.0.0/16"), "vgw"))
    found = trace(opened, "192.168.1.1", "eni-client", 443)
    assert found.verdict == Verdict.ONE_WAY
    assert refusal(found).reason == "no route to 192.168.1.1"


def test_without_a_gateway_there_is_no_way_in() -> None:
    assert refusal(trace(network(gateways=()), "internet", "server", 443)).reason == "no gateway leads there"


# Several packets at once


def test_where_aws_chooses_the_address_the_trace_is_of_one_that_does_not_pass() -> None:
    half = SgRule(HTTPS, Cidr("10.0.2.0/25"))
    found = call(network(replace(CLIENT_GROUP, egress=(half,)), replace(SERVER_INTERFACE, addresses=())))
    assert found.verdict == Verdict.PARTLY
    assert found.destination.startswith("10.0.2.128 ")


def test_of_several_interfaces_of_one_name_the_trace_is_of_the_worst() -> None:
    second = Interface("eni-second", "there", frozenset(), ("10.0.2.20",), name="server")
    assert call(network(second)).verdict == Verdict.REFUSED


def test_two_ip_versions_never_meet() -> None:
    server = replace(CLIENT_INTERFACE, id="eni-six", addresses=("2001:db8::20",), name="six")
    found = trace(network(server), "eni-client", "six", 443)
    assert found.verdict == Verdict.REFUSED
    assert "IPv4" in refusal(found).reason


# The Amazon DNS server


@pytest.mark.parametrize("server", ["10.0.0.2", "169.254.169.253", "fd00:ec2::253"])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_nothing_filters_amazon_dns(server: str, protocol: str) -> None:
    found = trace(network(), "eni-client", server, 53, protocol)
    assert found.verdict == Verdict.REACHES
    assert "DNS Firewall" in found.hops[0].reason


def test_amazon_dns_answers_where_the_vpc_has_it_on() -> None:
    off = replace(VPC, dns=False)
    assert trace(network(off), "eni-client", "169.254.169.253", 53, "udp").verdict == Verdict.REFUSED


# Questions that can't be answered


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownEndError, match=r"called 'srever'.*internet.*server"):
        trace(network(), "eni-client", "srever", 443)


def test_an_address_that_nobody_has_is_told() -> None:
    with pytest.raises(UnknownEndError, match=r"no interface of network has an address in 10\.0\.2\.77"):
        trace(network(), "eni-client", "10.0.2.77", 443)


@pytest.mark.parametrize(
    ("port", "protocol", "message"),
    [
        (-1, "tcp", "port must be between 0 and 65535, got -1"),
        (65536, "tcp", "got 65536"),
        (443, "-1", "needs one protocol"),
        (443, "tcpp", "got 'tcpp'"),
    ],
)
def test_a_port_or_protocol_that_is_none_is_told(port: int, protocol: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trace(network(), "eni-client", "server", port, protocol)
