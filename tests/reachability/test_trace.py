"""A trace says what decides, and what would have to change: each case here is refused for one reason."""

from dataclasses import replace

import pytest

from reachability.model import (
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
from reachability.trace import UnknownSite, Verdict, trace
from reachability.traffic import services

HTTPS, RETURNS, ALL = services("tcp", 443, 443), services("tcp", 1024, 65535), services("-1")
CLIENT, SERVER = Cidr("10.0.1.0/24"), Cidr("10.0.2.0/24")


def parts() -> dict[str, Thing]:
    """A client and a server in two subnets, a gateway of every kind, and just what lets the one call the other."""
    things: list[Thing] = [
        Vpc("vpc", ("10.0.0.0/16", "2001:db8::/56"), name="network"),
        Subnet("here", "vpc", "zone-1", (CLIENT.block, "2001:db8::/64"), "rtb-here", "acl-here"),
        Subnet("there", "vpc", "zone-2", (SERVER.block,), "rtb-there", "acl-there"),
        RouteTable("rtb-here", "vpc"),
        RouteTable("rtb-there", "vpc"),
        NetworkAcl(
            "acl-here",
            "vpc",
            ingress=(AclRule(100, True, RETURNS, SERVER.block),),
            egress=(AclRule(200, True, HTTPS, SERVER.block),),
        ),
        NetworkAcl(
            "acl-there",
            "vpc",
            ingress=(AclRule(300, True, HTTPS, CLIENT.block),),
            egress=(AclRule(400, True, RETURNS, CLIENT.block),),
        ),
        SecurityGroup("sg-client", "vpc", egress=(SgRule(HTTPS, GroupRef("sg-server"), "out"),)),
        SecurityGroup("sg-server", "vpc", ingress=(SgRule(HTTPS, GroupRef("sg-client"), "in"),)),
        Gateway("igw", "vpc", GatewayKind.INTERNET),
        Gateway("eigw", "vpc", GatewayKind.EGRESS_ONLY),
        Gateway("nat", "vpc", GatewayKind.NAT, ("there",)),
        Gateway("vgw", "vpc", GatewayKind.VIRTUAL_PRIVATE),
        Gateway("vpce", "vpc", GatewayKind.ENDPOINT, prefix_list="pl", service="s3"),
        Interface("eni-client", "here", frozenset({"sg-client"}), ("10.0.1.10",)),
        Interface("eni-server", "there", frozenset({"sg-server"}), ("10.0.2.10",), name="server"),
    ]
    return {one.id: one for one in things}


def network(**changes: Thing) -> Network:
    """The parts, with some exchanged or added under names that say what they are for."""
    whole = parts() | {one.id: one for one in changes.values()}
    return Network.of(whole.values(), {"pl": ("52.0.0.0/16",)})


def changed(key: str, **fields: object) -> Network:
    return network(changed=replace(parts()[key], **fields))


def call(found: Network, port: int = 443, protocol: str = "tcp"):
    return trace(found, "eni-client", "server", port, protocol)


def test_the_path_is_told_hop_by_hop():
    found = call(network())
    assert found.verdict == Verdict.REACHES
    assert found.refusal is None
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
    said = [hop.reason for hop in found.hops]
    assert "security group sg-server (out)" in said[0]
    assert said[1] == "10.0.0.0/16 leads to local"
    assert said[2] == "rule 200 allows tcp 443 to 10.0.2.0/24"
    assert said[7] == "rule 100 allows tcp 32768-65535 from 10.0.2.0/24"


DENY = AclRule(50, False, ALL, "10.0.0.0/16")
PART = AclRule(400, True, services("tcp", 1024, 60999), CLIENT.block)


@pytest.mark.parametrize(
    ("key", "fields", "control", "direction", "reply", "reason", "remedy"),
    [
        (
            "sg-client",
            {"egress": ()},
            "security group",
            "egress",
            False,
            "no egress rule allows tcp 443",
            "of sg-client",
        ),
        (
            "rtb-here",
            {"routes": (Route(Cidr("10.0.2.0/25"), "vgw"),)},
            "route table",
            "egress",
            False,
            "10.0.2.0/25 leads to vgw",
            "to local",
        ),
        (
            "rtb-here",
            {"routes": (Route(Cidr("10.0.2.0/25"), None),)},
            "route table",
            "egress",
            False,
            "10.0.2.0/25 leads to nowhere (blackhole)",
            "to local",
        ),
        (
            "acl-here",
            {"egress": ()},
            "network ACL",
            "egress",
            False,
            "no rule allows tcp 443 to 10.0.2.10",
            "of acl-here",
        ),
        (
            "acl-here",
            {"egress": (DENY, AclRule(200, True, HTTPS, SERVER.block))},
            "network ACL",
            "egress",
            False,
            "rule 50 denies tcp 443 to 10.0.0.0/16",
            "rule 50 removed, or an egress rule below 50",
        ),
        (
            "acl-there",
            {"ingress": ()},
            "network ACL",
            "ingress",
            False,
            "no rule allows tcp 443 from 10.0.1.10",
            "of acl",
        ),
        (
            "sg-server",
            {"ingress": ()},
            "security group",
            "ingress",
            False,
            "no ingress rule allows tcp 443",
            "sg-server",
        ),
        (
            "sg-server",
            {"ingress": (SgRule(HTTPS, GroupRef("sg-server")),)},
            "security group",
            "ingress",
            False,
            "no ingress rule allows tcp 443 from 10.0.1.10",
            "or a group it has",
        ),
        ("acl-there", {"egress": ()}, "network ACL", "egress", True, "no rule allows tcp 32768-65535", "of acl-there"),
        (
            "acl-there",
            {"egress": (PART,)},
            "network ACL",
            "egress",
            True,
            "no rule allows tcp 61000-65535",
            "of acl-there",
        ),
        ("acl-here", {"ingress": ()}, "network ACL", "ingress", True, "no rule allows tcp 32768-65535", "of acl-here"),
        (
            "acl-here",
            {
                "ingress": (
                    AclRule(10, False, services("tcp", 40000, 40000), SERVER.block),
                    AclRule(20, True, ALL, "0.0.0.0/0"),
                )
            },
            "network ACL",
            "ingress",
            True,
            "rule 10 denies tcp 40000",
            "below 10",
        ),
    ],
)
def test_a_refusal_names_the_control_the_rule_and_the_remedy(key, fields, control, direction, reply, reason, remedy):
    found = call(changed(key, **fields))
    assert found.verdict == (Verdict.ONE_WAY if reply else Verdict.REFUSED)
    refusal = found.refusal
    assert refusal is found.hops[-1]
    assert (refusal.control, refusal.direction, refusal.reply) == (control, direction, reply)
    assert reason in refusal.reason
    assert remedy in refusal.remedy


def test_another_port_or_protocol_is_another_question():
    assert call(network(), port=444).verdict == Verdict.REFUSED
    assert call(network(), protocol="udp").verdict == Verdict.REFUSED


def test_acls_are_not_evaluated_within_a_subnet():
    server = replace(parts()["eni-server"], subnet="here", addresses=("10.0.1.20",))
    closed = replace(parts()["acl-here"], ingress=(), egress=())
    found = call(network(server=server, acl=closed))
    assert found.verdict == Verdict.REACHES
    assert {hop.control for hop in found.hops} == {"security group"}


def test_the_lowest_number_decides_whatever_the_order_of_the_rules():
    allow, deny = AclRule(10, True, HTTPS, SERVER.block), AclRule(20, False, HTTPS, SERVER.block)
    for rules in ((allow, deny), (deny, allow)):
        assert call(changed("acl-here", egress=rules)).verdict == Verdict.REACHES
    swapped = (replace(allow, number=20), replace(deny, number=10))
    assert call(changed("acl-here", egress=swapped)).verdict == Verdict.REFUSED


# The internet, and what is beyond other gateways


def outward(route: Route, *, public: bool = False, address: str = "10.0.1.10", table: str = "rtb-here") -> Network:
    """The client with everything open but what the case is about."""
    opened = tuple(AclRule(number, True, ALL, block) for number, block in enumerate(("0.0.0.0/0", "::/0"), start=1))
    anywhere = tuple(SgRule(ALL, Cidr(block)) for block in ("0.0.0.0/0", "::/0"))
    return network(
        table=RouteTable(table, "vpc", (route,)),
        acl=NetworkAcl("acl-here", "vpc", opened, opened),
        there=NetworkAcl("acl-there", "vpc", opened, opened),
        group=SecurityGroup("sg-client", "vpc", anywhere, anywhere),
        client=Interface("eni-client", "here", frozenset({"sg-client"}), (address,), public),
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
def test_the_way_out_depends_on_the_gateway_and_the_address(found, destination, verdict):
    assert trace(found, "eni-client", destination, 443).verdict == verdict


def test_a_gateway_endpoint_is_called_by_its_service():
    assert trace(outward(Route(PrefixListRef("pl"), "vpce")), "eni-client", "s3", 443).verdict == Verdict.REACHES


def test_the_most_specific_route_wins_and_among_equals_a_static_one():
    table = RouteTable(
        "rtb-here",
        "vpc",
        (
            Route(DEFAULT, "igw"),
            Route(Cidr("52.0.0.0/16"), "vgw", propagated=True),
            Route(PrefixListRef("pl"), "vpce"),
            Route(Cidr("52.0.9.0/24"), None),
        ),
    )
    found = replace(outward(Route(DEFAULT, "igw")), route_tables={"rtb-here": table, "rtb-there": parts()["rtb-there"]})
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
def test_some_gateways_let_nothing_in(kind, reason):
    only = {one.id: one for one in parts().values() if not isinstance(one, Gateway) or one.kind is kind}
    found = trace(Network.of(only.values(), {"pl": ("52.0.0.0/16",)}), "52.0.0.9", "server", 443)
    assert found.refusal.reason == reason


def test_what_comes_in_without_a_route_back_goes_one_way():
    opened = outward(Route(Cidr("10.9.0.0/16"), "vgw"))
    found = trace(opened, "192.168.1.1", "eni-client", 443)
    assert found.verdict == Verdict.ONE_WAY
    assert found.refusal.reason == "no route to 192.168.1.1"


def test_without_a_gateway_there_is_no_way_in():
    only = [one for one in parts().values() if not isinstance(one, Gateway)]
    found = trace(Network.of(only), "internet", "server", 443)
    assert found.refusal.reason == "no gateway leads there"


# Several packets at once


def test_where_aws_chooses_the_address_the_trace_is_of_one_that_does_not_pass():
    half = SgRule(HTTPS, Cidr("10.0.2.0/25"))
    found = call(network(group=replace(parts()["sg-client"], egress=(half,)), server=anywhere_in("there")))
    assert found.verdict == Verdict.PARTLY
    assert found.destination.startswith("10.0.2.128 ")


def anywhere_in(subnet: str) -> Interface:
    return replace(parts()["eni-server"], subnet=subnet, addresses=())


def test_of_several_interfaces_of_one_name_the_trace_is_of_the_worst():
    second = Interface("eni-second", "there", frozenset(), ("10.0.2.20",), name="server")
    assert call(network(second=second)).verdict == Verdict.REFUSED


def test_two_ip_versions_never_meet():
    server = replace(parts()["eni-client"], id="eni-six", addresses=("2001:db8::20",), name="six")
    found = trace(network(six=server), "eni-client", "six", 443)
    assert found.verdict == Verdict.REFUSED
    assert "IPv4" in found.refusal.reason


# The Amazon DNS server


@pytest.mark.parametrize("server", ["10.0.0.2", "169.254.169.253", "fd00:ec2::253"])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_nothing_filters_amazon_dns(server, protocol):
    found = trace(network(), "eni-client", server, 53, protocol)
    assert found.verdict == Verdict.REACHES
    assert "DNS Firewall" in found.hops[0].reason


def test_amazon_dns_answers_where_the_vpc_has_it_on():
    off = replace(parts()["vpc"], dns=False)
    assert trace(network(vpc=off), "eni-client", "169.254.169.253", 53, "udp").verdict == Verdict.REFUSED


# Questions that can't be answered


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(UnknownSite, match=r"called 'srever'.*internet.*server"):
        trace(network(), "eni-client", "srever", 443)


def test_an_address_that_nobody_has_is_told():
    with pytest.raises(UnknownSite, match=r"no interface of network has an address in 10\.0\.2\.77"):
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
def test_a_port_or_protocol_that_is_none_is_told(port, protocol, message):
    with pytest.raises(ValueError, match=message):
        trace(network(), "eni-client", "server", port, protocol)
