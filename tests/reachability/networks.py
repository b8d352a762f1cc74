"""Small random networks whose rules overlap, and the addresses and services at which they could differ."""

from hypothesis import strategies as st

from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    AclRule,
    BlockMode,
    Cidr,
    ExclusionMode,
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
    Vpc,
)
from private_inference.reachability.traffic import icmp_services, services
from tests.reachability.brute_force import GRE, ICMP, TCP, UDP, Party

SUBNETS = {
    "a": (("10.0.0.0/28", "2001:db8::/64"), "zone-1"),
    "b": (("10.0.0.16/28",), "zone-1"),
    "c": (("10.0.0.32/28", "2001:db8:0:1::/64"), "zone-2"),
}
ADDRESSES = {  # usable ones of each subnet, on both sides of the blocks below
    "a": ("10.0.0.4", "10.0.0.9", "2001:db8::9", "2001:db8::1:9"),
    "b": ("10.0.0.20", "10.0.0.21"),
    "c": ("10.0.0.36", "10.0.0.46", "2001:db8:0:1::5"),
}
BLOCKS = (
    "0.0.0.0/0",
    "::/0",
    "10.0.0.0/26",
    "10.0.0.0/28",
    "10.0.0.8/29",
    "10.0.0.20/32",
    "10.0.0.32/27",
    "192.168.0.0/16",
    "192.168.1.0/24",
    "52.0.0.0/8",
    "52.1.0.0/16",
    "2001:db8::/56",
    "2001:db8::/112",
    "2001:db8:0:1::/64",
    "2600::/12",
)
OUTSIDE = ("192.168.0.9", "192.168.1.9", "52.0.0.9", "52.1.0.9", "203.0.113.9", "2600::9", "2a00::9")
PREFIX_LISTS = {"pl-one": ("52.1.0.0/16", "192.168.1.0/24"), "pl-two": ("52.0.0.0/8", "2600::/12")}
SERVICES = (
    services("-1"),
    services("tcp"),
    services("tcp", 443, 443),
    services("tcp", 0, 1023),
    services("tcp", 1024, 65535),
    services("tcp", 32768, 65535),
    services("tcp", 32768, 60999),
    services("udp"),
    services("udp", 53, 53),
    services("udp", 1024, 65535),
    services("icmp"),
    icmp_services("icmp", 8, -1),
    icmp_services("icmp", 0, 0),
    services("47"),
)
ASKED = (  # protocol, port
    (TCP, 443),
    (TCP, 22),
    (TCP, 1024),
    (TCP, 65535),
    (UDP, 53),
    (UDP, 40000),
    (ICMP, 8 * 256),
    (GRE, 0),
)
GROUPS = ("sg-1", "sg-2", "sg-3")

# Most controls end by letting everything through, so that a fair share of packets passes and each control decides about
# some. Strategies are built once: building them anew for each network costs more than drawing from them.
_services = st.sampled_from(SERVICES)
_blocks = st.sampled_from(BLOCKS)
_lists = st.sampled_from(tuple(PREFIX_LISTS)).map(PrefixListRef)
_peers = st.one_of(_blocks.map(Cidr), st.sampled_from(GROUPS).map(GroupRef), _lists)
_mostly = st.sampled_from((True, True, True, True, False))

OPEN_ACL = tuple(
    AclRule(number, True, services("-1"), block) for number, block in ((1000, "0.0.0.0/0"), (1001, "::/0"))
)
OPEN_GROUP = (SgRule(services("-1"), Cidr("0.0.0.0/0")), SgRule(services("-1"), Cidr("::/0")))

_acl_rules = st.builds(
    lambda drawn, is_open: tuple(AclRule(10 * number, *rule) for number, rule in enumerate(drawn)) + OPEN_ACL * is_open,
    st.lists(st.tuples(st.booleans(), _services, _blocks), max_size=3),
    _mostly,
)
_sg_rules = st.builds(
    lambda drawn, is_open: (*drawn, *OPEN_GROUP * is_open),
    st.lists(st.builds(SgRule, _services, _peers), max_size=3),
    _mostly,
)
_subnets = st.sampled_from("abc")
_attachments = st.lists(_subnets, max_size=2, unique=True).map(tuple)
_kinds = st.lists(st.sampled_from(GatewayKind), max_size=3, unique=True)
_group_sets = st.frozensets(st.sampled_from(GROUPS), min_size=1, max_size=2)
_addresses = {
    subnet: st.lists(st.sampled_from(usable), max_size=2, unique=True).map(tuple)
    for subnet, usable in ADDRESSES.items()
}
_client_ports = st.sampled_from(((32768, 65535), ANY_CLIENT_PORTS, (49152, 65535)))
_block_modes = st.sampled_from((BlockMode.OFF, *BlockMode))
_exclusions = st.sampled_from((None, *ExclusionMode))
_acls = st.sampled_from(("acl-1", "acl-2", "acl-3"))
_tables = st.sampled_from(("rtb-1", "rtb-2"))
_default_routes = (Cidr("0.0.0.0/0"), Cidr("::/0"))
_targets: tuple[Cidr | PrefixListRef, ...] = (
    *_default_routes * 4,
    *map(Cidr, BLOCKS),
    *map(PrefixListRef, PREFIX_LISTS),
)
_destinations = st.lists(
    st.tuples(
        st.sampled_from(_targets),
        st.integers(0, 4),
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda drawn: drawn[0],
)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A VPC of three subnets in two zones, three ACLs and groups, two route tables and up to three gateways."""
    gateways = [gateway(kind, draw(_subnets), draw(_attachments)) for kind in draw(_kinds)]
    return Network.of(
        [
            Vpc("vpc", ("10.0.0.0/26", "2001:db8::/56"), block_mode=draw(_block_modes)),
            *(
                Subnet(name, "vpc", zone, blocks, draw(_tables), draw(_acls), exclusion=draw(_exclusions))
                for name, (blocks, zone) in SUBNETS.items()
            ),
            *(RouteTable(name, "vpc", routes(draw(_destinations), gateways)) for name in ("rtb-1", "rtb-2")),
            *(NetworkAcl(name, "vpc", draw(_acl_rules), draw(_acl_rules)) for name in ("acl-1", "acl-2", "acl-3")),
            *(SecurityGroup(name, "vpc", draw(_sg_rules), draw(_sg_rules)) for name in GROUPS),
            *gateways,
            *(draw(interface(f"eni-{number}")) for number in range(draw(st.integers(2, 4)))),
        ],
        PREFIX_LISTS,
    )


def routes(drawn: list[tuple[Cidr | PrefixListRef, int, bool]], gateways: list[Gateway]) -> tuple[Route, ...]:
    """Routes to the drawn destinations; one in as many as there are gateways drops its packets."""
    targets = [*(one.id for one in gateways), None]
    return tuple(
        Route(destination, targets[number % len(targets)], propagated) for destination, number, propagated in drawn
    )


def gateway(kind: GatewayKind, subnet: str, attachments: tuple[str, ...]) -> Gateway:
    subnets = {GatewayKind.NAT: (subnet,), GatewayKind.TRANSIT: attachments}.get(kind, ())
    blocks = ("192.168.0.0/16",) if kind is GatewayKind.PEERING else ()
    prefix_list = "pl-two" if kind is GatewayKind.ENDPOINT else ""
    return Gateway(kind.name.lower(), "vpc", kind, subnets, blocks, prefix_list)


@st.composite
def interface(draw: st.DrawFn, name: str) -> Interface:
    subnet = draw(_subnets)
    return Interface(
        name,
        subnet,
        draw(_group_sets),
        draw(_addresses[subnet]),
        public=draw(st.booleans()),
        ephemeral=draw(_client_ports),
    )


def parties(network: Network) -> tuple[list[Party], list[Party]]:
    """Every interface at every address it may have, and every outside address beyond every gateway that leads to it."""
    inside = [
        Party(address, interface=one)
        for one in network.interfaces.values()
        for address in one.addresses or ADDRESSES[one.subnet]
    ]
    outside = [
        Party(address, gateway=one)
        for one in network.gateways.values()
        for address in OUTSIDE
        if lies_beyond(address, one)
    ]
    return inside, outside


def lies_beyond(address: str, one: Gateway) -> bool:
    if one.kind is GatewayKind.PEERING:
        return address.startswith("192.168.")
    return one.kind is not GatewayKind.ENDPOINT or address.startswith(("52.", "2600:"))


def point(protocol: int, port: int) -> int:
    return protocol * 65536 + port
