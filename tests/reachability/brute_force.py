"""What the finder is checked against: one concrete packet at a time, rule by rule, with nothing but `ipaddress`.

It shares the model with the finder and nothing else: no sets, no stages, no caches.
"""

from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from private_inference.reachability.model import (
    ANY_CLIENT_PORTS,
    AclRule,
    Cidr,
    Gateway,
    GatewayKind,
    GroupRef,
    Interface,
    Network,
    PrefixListRef,
    SgRule,
    Subnet,
)

Address = IPv4Address | IPv6Address
TCP, UDP, ICMP, GRE = 6, 17, 1, 47
ADMITTING_GATEWAYS = {
    GatewayKind.INTERNET,
    GatewayKind.VIRTUAL_PRIVATE,
    GatewayKind.TRANSIT,
    GatewayKind.PEERING,
    GatewayKind.OTHER,
}


@dataclass(frozen=True)
class Party:
    """An interface, or an address beyond a gateway."""

    address: str
    interface: Interface | None = None
    gateway: Gateway | None = None

    @property
    def ip(self) -> Address:
        return parsed(self.address)

    @property
    def own(self) -> Interface:
        assert self.interface
        return self.interface

    @property
    def way(self) -> Gateway:
        assert self.gateway
        return self.gateway


@cache
def parsed(address: str) -> Address:
    return ip_address(address)


@cache
def network_of(block: str) -> IPv4Network | IPv6Network:
    return ip_network(block)


@cache
def within(ip: Address, block: str) -> bool:
    network = network_of(block)
    return ip.version == network.version and ip in network


def covers(rule: AclRule | SgRule, protocol: int, port: int) -> bool:
    return any(first <= protocol * 65536 + port <= last for first, last in rule.services.spans)


def acl_allows(rules: tuple[AclRule, ...], ip: Address, protocol: int, port: int) -> bool:
    for rule in sorted(rules, key=lambda rule: rule.number):
        if within(ip, rule.block) and covers(rule, protocol, port):
            return rule.allow
    return False


def group_allows(network: Network, own: Interface, direction: str, peer: Party, protocol: int, port: int) -> bool:
    for group in own.groups:
        for rule in getattr(network.groups[group], direction):
            if not covers(rule, protocol, port):
                continue
            if isinstance(rule.peer, GroupRef):
                if peer.interface and rule.peer.group in peer.interface.groups:
                    return True
            elif any(within(peer.ip, block) for block in blocks(network, rule.peer)):
                return True
    return False


def blocks(network: Network, peer: Cidr | PrefixListRef) -> tuple[str, ...]:
    return (peer.block,) if isinstance(peer, Cidr) else network.prefix_lists[peer.prefix_list]


def lies_within(block: str, other: str) -> bool:
    ends = (network_of(block).network_address, network_of(block).broadcast_address)
    return all(within(ip, other) for ip in ends)


def next_hop(network: Network, subnet: Subnet, ip: Address) -> str | None:
    """The target that the subnet's route table sends an address to: "local", a gateway's id, or None."""
    table = network.route_tables[subnet.route_table]
    vpc = network.vpcs[table.vpc]
    candidates: list[tuple[tuple[int, int], str | None]] = [
        ((network_of(block).prefixlen, 9), "local") for block in vpc.cidrs if within(ip, block)
    ]
    for route in table.routes:
        for block in blocks(network, route.destination):
            inside = any(lies_within(block, own) for own in vpc.cidrs)
            if within(ip, block) and not (route.propagated and inside):
                rank = 1 if route.propagated else 3 if isinstance(route.destination, Cidr) else 2
                candidates.append(((network_of(block).prefixlen, rank), route.target))
    return max(candidates, key=lambda one: one[0])[1] if candidates else None


def delivered(network: Network, source: Party, destination: Party, protocol: int, port: int) -> bool:
    """Whether one request arrives."""
    if source.interface and destination.interface:
        here, there = network.subnets[source.interface.subnet], network.subnets[destination.interface.subnet]
        return (
            group_allows(network, source.interface, "egress", destination, protocol, port)
            and group_allows(network, destination.interface, "ingress", source, protocol, port)
            and (here == there or crosses(network, here, there, source.ip, destination.ip, protocol, port))
        )
    if source.interface:
        return group_allows(network, source.interface, "egress", destination, protocol, port) and leaves(
            network, source, destination, protocol, port
        )
    return group_allows(network, destination.own, "ingress", source, protocol, port) and comes_in(
        network, source, destination, protocol, port
    )


def crosses(
    network: Network, here: Subnet, there: Subnet, source: Address, destination: Address, protocol: int, port: int
) -> bool:
    """Whether a packet gets from one subnet to another of the same VPC."""
    return (
        next_hop(network, here, destination) == "local"
        and acl_allows(network.acls[here.acl].egress, destination, protocol, port)
        and acl_allows(network.acls[there.acl].ingress, source, protocol, port)
    )


def serves(gateway: Gateway, party: Party) -> bool:
    if gateway.kind is GatewayKind.INTERNET:
        return party.ip.version == 6 or party.own.public
    if gateway.kind is GatewayKind.EGRESS_ONLY:
        return party.ip.version == 6
    if gateway.kind is GatewayKind.NAT:
        return party.ip.version == 4
    return True


def open_to_internet(network: Network, subnet: Subnet) -> tuple[bool, bool]:
    """What VPC Block Public Access leaves of a subnet's ways: through internet gateways, and through those that let
    nothing in. By the tables of the AWS guide's "Advanced example", cell by cell."""
    mode, excluded = network.vpcs[subnet.vpc].block_mode, subnet.exclusion
    return {
        ("off", None): (True, True),
        ("off", "allow-egress"): (True, True),
        ("off", "allow-bidirectional"): (True, True),
        ("block-ingress", None): (False, True),
        ("block-ingress", "allow-egress"): (False, True),
        ("block-ingress", "allow-bidirectional"): (True, True),
        ("block-bidirectional", None): (False, False),
        ("block-bidirectional", "allow-egress"): (False, True),
        ("block-bidirectional", "allow-bidirectional"): (True, True),
    }[mode.value, excluded.value if excluded else None]


def leaves(network: Network, source: Party, destination: Party, protocol: int, port: int) -> bool:
    """Whether a packet gets from an interface's subnet out through a gateway."""
    here, gateway = network.subnets[source.own.subnet], destination.way
    if next_hop(network, here, destination.ip) != gateway.id or not serves(gateway, source):
        return False
    if not acl_allows(network.acls[here.acl].egress, destination.ip, protocol, port):
        return False
    if gateway.kind is GatewayKind.NAT:
        there = network.subnets[gateway.subnets[0]]
        if next_hop(network, there, destination.ip) in (None, "local"):
            return False
        if here != there and not acl_allows(network.acls[there.acl].ingress, source.ip, protocol, port):
            return False
        onward = network.gateways[next_hop(network, there, destination.ip) or ""]
        if onward.kind is GatewayKind.INTERNET and not any(open_to_internet(network, one)[1] for one in (here, there)):
            return False
        return acl_allows(network.acls[there.acl].egress, destination.ip, protocol, port)
    if gateway.kind in (GatewayKind.INTERNET, GatewayKind.EGRESS_ONLY):
        # With nothing but answers refused, a request is on its way.
        return open_to_internet(network, here)[1]
    if gateway.kind is GatewayKind.TRANSIT and gateway.subnets and here.id not in gateway.subnets:
        near = [network.subnets[one] for one in gateway.subnets if network.subnets[one].zone == here.zone]
        return any(acl_allows(network.acls[one.acl].ingress, source.ip, protocol, port) for one in near)
    return True


def comes_in(network: Network, source: Party, destination: Party, protocol: int, port: int) -> bool:
    """Whether a packet gets from beyond a gateway into an interface's subnet."""
    there, gateway = network.subnets[destination.own.subnet], source.way
    if gateway.kind not in ADMITTING_GATEWAYS or not serves(gateway, destination):
        return False
    if gateway.kind is GatewayKind.INTERNET and not open_to_internet(network, there)[0]:
        return False
    if there.id in gateway.subnets:
        return True
    attached = [network.subnets[one] for one in gateway.subnets]
    if attached and not any(next_hop(network, one, destination.ip) == "local" for one in attached):
        return False
    if attached and not any(
        acl_allows(network.acls[one.acl].egress, destination.ip, protocol, port) for one in attached
    ):
        return False
    return acl_allows(network.acls[there.acl].ingress, source.ip, protocol, port)


def answered(network: Network, source: Party, destination: Party, protocol: int, port: int) -> bool:
    """Whether one request arrives and its answer can come back to every port that the client may use."""
    if not delivered(network, source, destination, protocol, port):
        return False
    client = source.interface.ephemeral if source.interface else ANY_CLIENT_PORTS
    return all(answer_returns(network, source, destination, protocol, one) for one in ports(network, protocol, client))


def ports(network: Network, protocol: int, client: tuple[int, int]) -> list[int]:
    """Every port an answer may go to, one of each run that all ACL rules treat alike."""
    if protocol == ICMP:
        return [0]
    first, last = client if protocol in (TCP, UDP) else (0, 65535)
    edges = {first, last}
    for acl in network.acls.values():
        for rule in (*acl.ingress, *acl.egress):
            for low, high in rule.services.spans:
                edges |= {low - 1, low, high, high + 1}
    return sorted({first, last} | {one for one in (edge - protocol * 65536 for edge in edges) if first <= one <= last})


def answer_returns(network: Network, source: Party, destination: Party, protocol: int, port: int) -> bool:
    if source.interface and destination.interface:
        here, there = network.subnets[source.interface.subnet], network.subnets[destination.interface.subnet]
        return here == there or crosses(network, there, here, destination.ip, source.ip, protocol, port)
    if source.interface:
        return answer_comes_in(network, source, destination, protocol, port)
    return answer_leaves(network, source, destination, protocol, port)


def answer_comes_in(network: Network, source: Party, destination: Party, protocol: int, port: int) -> bool:
    here, gateway = network.subnets[source.own.subnet], destination.way
    if gateway.kind is GatewayKind.TRANSIT and here.id in gateway.subnets:
        return True
    if gateway.kind is GatewayKind.INTERNET and not open_to_internet(network, here)[0]:
        return False
    if not acl_allows(network.acls[here.acl].ingress, destination.ip, protocol, port):
        return False
    if gateway.kind is GatewayKind.NAT:
        there = network.subnets[gateway.subnets[0]]
        back = all(
            acl_allows(network.acls[there.acl].ingress, destination.ip, protocol, one)
            for one in ports(network, protocol, ANY_CLIENT_PORTS)
        )
        return back and (here == there or acl_allows(network.acls[there.acl].egress, source.ip, protocol, port))
    if gateway.kind is GatewayKind.TRANSIT and gateway.subnets:
        near = [network.subnets[one] for one in gateway.subnets if network.subnets[one].zone == here.zone]
        back = all(next_hop(network, one, source.ip) == "local" for one in near)
        return back and all(acl_allows(network.acls[one.acl].egress, source.ip, protocol, port) for one in near)
    return True


def answer_leaves(network: Network, source: Party, destination: Party, protocol: int, port: int) -> bool:
    there, gateway = network.subnets[destination.own.subnet], source.way
    if next_hop(network, there, source.ip) != gateway.id:
        return False
    if not acl_allows(network.acls[there.acl].egress, source.ip, protocol, port):
        return False
    if gateway.subnets and there.id not in gateway.subnets:
        attached = [network.subnets[one] for one in gateway.subnets]
        return all(acl_allows(network.acls[one.acl].ingress, destination.ip, protocol, port) for one in attached)
    return True
