"""Small random networks whose rules overlap, and the addresses and services at which they could differ."""

from hypothesis import strategies as st

from reachability.intervals import Intervals
from reachability.model import (
    ANY_CLIENT_PORTS,
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
    Vpc,
)
from reachability.traffic import icmp_services, services
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
KINDS = tuple(GatewayKind)

some_services = st.sampled_from(SERVICES)
wide_services = st.sampled_from((SERVICES[0], SERVICES[0], *SERVICES))  # so that a fair share of packets pass
some_blocks = st.sampled_from(BLOCKS)
wide_blocks = st.sampled_from(("0.0.0.0/0", "::/0", *BLOCKS))


@st.composite
def acls(draw: st.DrawFn, name: str) -> NetworkAcl:
    def rules() -> tuple[AclRule, ...]:
        drawn = draw(st.lists(st.tuples(st.integers(0, 3), wide_services, wide_blocks), max_size=5))
        return tuple(
            AclRule(number * 10, action > 0, offered, block) for number, (action, offered, block) in enumerate(drawn)
        )

    return NetworkAcl(name, "vpc", rules(), rules())


@st.composite
def security_groups(draw: st.DrawFn, name: str) -> SecurityGroup:
    peers = st.one_of(
        wide_blocks.map(Cidr),
        st.sampled_from(GROUPS).map(GroupRef),
        st.sampled_from(tuple(PREFIX_LISTS)).map(PrefixListRef),
    )

    def rules() -> tuple[SgRule, ...]:
        return tuple(draw(st.lists(st.builds(SgRule, wide_services, peers), max_size=3)))

    return SecurityGroup(name, "vpc", rules(), rules())


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A VPC of three subnets in two zones, three ACLs and groups, two route tables and up to four gateways."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=4, unique=True))
    gateways = [draw(gateway(kind)) for kind in kinds]
    targets = st.sampled_from([None, *(one.id for one in gateways)])
    destinations = st.one_of(wide_blocks.map(Cidr), st.sampled_from(tuple(PREFIX_LISTS)).map(PrefixListRef))
    routes = st.lists(
        st.builds(Route, destinations, targets, st.booleans()), max_size=4, unique_by=lambda r: r.destination
    )
    tables = [RouteTable(name, "vpc", tuple(draw(routes))) for name in ("rtb-1", "rtb-2")]
    chosen_tables, chosen_acls = st.sampled_from(("rtb-1", "rtb-2")), st.sampled_from(("acl-1", "acl-2", "acl-3"))
    subnets = [
        Subnet(name, "vpc", zone, blocks, draw(chosen_tables), draw(chosen_acls))
        for name, (blocks, zone) in SUBNETS.items()
    ]
    return Network.of(
        [
            Vpc("vpc", ("10.0.0.0/26", "2001:db8::/56")),
            *subnets,
            *tables,
            *(draw(acls(name)) for name in ("acl-1", "acl-2", "acl-3")),
            *(draw(security_groups(name)) for name in GROUPS),
            *gateways,
            *(draw(interface(f"eni-{number}")) for number in range(draw(st.integers(2, 4)))),
        ],
        PREFIX_LISTS,
    )


@st.composite
def gateway(draw: st.DrawFn, kind: GatewayKind) -> Gateway:
    subnets: tuple[str, ...] = ()
    if kind is GatewayKind.NAT:
        subnets = (draw(st.sampled_from("abc")),)
    elif kind is GatewayKind.TRANSIT:
        subnets = tuple(draw(st.lists(st.sampled_from("abc"), max_size=2, unique=True)))
    blocks = ("192.168.0.0/16",) if kind is GatewayKind.PEERING else ()
    prefix_list = "pl-two" if kind is GatewayKind.ENDPOINT else ""
    return Gateway(kind.name.lower(), "vpc", kind, subnets, blocks, prefix_list)


@st.composite
def interface(draw: st.DrawFn, name: str) -> Interface:
    subnet = draw(st.sampled_from("abc"))
    return Interface(
        name,
        subnet,
        frozenset(draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=2, unique=True))),
        tuple(draw(st.lists(st.sampled_from(ADDRESSES[subnet]), max_size=2, unique=True))),
        public=draw(st.booleans()),
        ephemeral=draw(st.sampled_from(((32768, 65535), ANY_CLIENT_PORTS, (49152, 65535)))),
    )


def parties(network: Network) -> tuple[list[Party], list[Party]]:
    """Every interface at every address it may have, and every outside address beyond every gateway it may lie beyond."""
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


def one(value: int) -> Intervals:
    return Intervals.of((value, value))
