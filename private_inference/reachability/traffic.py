"""Addresses and services as integers on one line each, so that both are `Intervals`.

* An address is its integer value; an IPv6 address is shifted past every IPv4 one.
* A service is `protocol * 65536 + port`, with the protocol's IANA number; for ICMP the "port" is `type * 256 + code`,
  and a protocol that has no ports has all of them. "All traffic" is then the whole line, and TCP a stretch of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache

from private_inference.reachability.intervals import Intervals

_IPV6 = 1 << 128
PORTS = 1 << 16
ANY_PORT = (0, PORTS - 1)

IPV4 = Intervals.of((0, (1 << 32) - 1))
IPV6 = Intervals.of((_IPV6, 2 * _IPV6 - 1))
EVERYWHERE = IPV4 | IPV6
ALL_TRAFFIC = Intervals.of((0, 256 * PORTS - 1))

ANYWHERE = ("0.0.0.0/0", "::/0")
"""The blocks that together are every address."""

NOT_PUBLIC = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
)  # fmt: skip
"""What no public service has: https://www.iana.org/assignments/iana-ipv4-special-registry."""

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_NAMES = {number: name for name, number in PROTOCOLS.items()}
_WITH_PORTS = (PROTOCOLS["tcp"], PROTOCOLS["udp"])
_ICMP = (PROTOCOLS["icmp"], PROTOCOLS["icmpv6"])
_ECHO_REPLY = {PROTOCOLS["icmp"]: 0 << 8, PROTOCOLS["icmpv6"]: 129 << 8}


@lru_cache(maxsize=65536)
def addresses(*blocks: str) -> Intervals:
    """The addresses of CIDR blocks (or single addresses), IPv4 and IPv6 mixed; ValueError when one is neither."""
    return Intervals.of(*(_span(block) for block in blocks))


def _span(block: str) -> tuple[int, int]:
    network = ipaddress.ip_network(block, strict=False)
    shift = _IPV6 if network.version == 6 else 0
    return int(network.network_address) + shift, int(network.broadcast_address) + shift


@lru_cache(maxsize=65536)
def neighbourhood(*blocks: str) -> Intervals:
    """All public IPv4 addresses whose first octet is that of an address in the blocks."""
    octets = (ipaddress.ip_network(block).network_address.packed[0] for block in blocks if ":" not in block)
    return addresses(*(f"{octet}.0.0.0/8" for octet in octets)) - addresses(*NOT_PUBLIC)


@lru_cache(maxsize=65536)
def usable(block: str) -> Intervals:
    """The addresses of a subnet's block that an interface can have: AWS keeps the first four and the last for itself.

    Source: "Subnet CIDR blocks", Amazon VPC User Guide.
    """
    ((first, last),) = addresses(block).spans
    return Intervals.of((first + 4, last - 1))


def resolver(block: str) -> int:
    """The Amazon DNS server of a VPC's block: its third address ("VPC+2")."""
    return addresses(block).first + 2


def prefix_length(block: str) -> int:
    """The length of a CIDR block's prefix, in bits."""
    return ipaddress.ip_network(block, strict=False).prefixlen


def address_text(address: int) -> str:
    """An address of the line in its usual notation."""
    return str(ipaddress.IPv6Address(address - _IPV6) if address >= _IPV6 else ipaddress.IPv4Address(address))


def blocks(addresses: Intervals) -> tuple[str, ...]:
    """The fewest CIDR blocks that cover exactly these addresses, ascending; single addresses without their prefix."""
    return tuple(
        str(block.network_address) if block.prefixlen == block.max_prefixlen else str(block)
        for family in (IPV4, IPV6)
        for first, last in (addresses & family).spans
        for block in ipaddress.summarize_address_range(
            ipaddress.ip_address(address_text(first)), ipaddress.ip_address(address_text(last))
        )
    )


def protocol_number(protocol: str) -> int | None:
    """The IANA number of a protocol given by name or number; None for all of them ("-1", "all").

    Raises ValueError when it is neither.
    """
    text = protocol.strip().lower()
    if text in ("-1", "all"):
        return None
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    if text.isdigit() and int(text) < 256:
        return int(text)
    raise ValueError(f"protocol must be a number from 0 to 255, -1, all, {', '.join(PROTOCOLS)}; got {protocol!r}")


def services(protocol: str, first: int = 0, last: int = PORTS - 1) -> Intervals:
    """The services of a protocol on ports `first` to `last`, both included; ports count for TCP and UDP only."""
    number = protocol_number(protocol)
    if number is None:
        return ALL_TRAFFIC
    if number not in _WITH_PORTS:
        first, last = ANY_PORT
    return Intervals.of((number * PORTS + first, number * PORTS + last))


def icmp_services(protocol: str, icmp_type: int, code: int) -> Intervals:
    """The services of an ICMP type and code, where -1 is any."""
    number = protocol_number(protocol)
    if number not in _ICMP:
        raise ValueError(f"ICMP types belong to icmp and icmpv6, not to {protocol!r}")
    first, last = ANY_PORT
    if icmp_type >= 0:
        first = icmp_type * 256 + max(code, 0)
        last = first if code >= 0 else icmp_type * 256 + 255
    return Intervals.of((number * PORTS + first, number * PORTS + last))


def answers(ephemeral: tuple[int, int]) -> Intervals:
    """What an answer to a client can be addressed to, whatever it requested.

    TCP and UDP answers go to the client's ephemeral ports; the only ICMP that answers is an echo reply; any other
    protocol answers with itself.
    """
    unused = []
    for number in _WITH_PORTS:
        unused += [(number * PORTS, number * PORTS + ephemeral[0] - 1)]
        unused += [(number * PORTS + ephemeral[1] + 1, (number + 1) * PORTS - 1)]
    for number, reply in _ECHO_REPLY.items():
        unused += [(number * PORTS, number * PORTS + reply - 1), (number * PORTS + reply + 1, (number + 1) * PORTS - 1)]
    return ALL_TRAFFIC - Intervals.of(*unused)


def answer_to(service: int, ephemeral: tuple[int, int]) -> Intervals:
    """What the answers to one request of a client may be addressed to, as services."""
    return answers(ephemeral) & whole_protocols(Intervals.of((service, service)))


def whole_protocols(services: Intervals) -> Intervals:
    """Every service of each protocol that `services` touches."""
    return Intervals.of(
        *((first // PORTS * PORTS, last // PORTS * PORTS + PORTS - 1) for first, last in services.spans)
    )


def by_protocol(services: Intervals) -> Iterator[tuple[int, int, int]]:
    """The spans of services cut at protocols: (protocol number, first port, last port)."""
    for first, last in services.spans:
        for number in range(first // PORTS, last // PORTS + 1):
            yield number, max(first - number * PORTS, 0), min(last - number * PORTS, PORTS - 1)


def services_text(services: Intervals) -> str:
    """Services as a reader names them: "tcp 443, udp 53, icmp"; "nothing" when there are none."""
    if not services:
        return "nothing"
    if services == ALL_TRAFFIC:
        return "all traffic"
    texts: list[str] = []
    for first, last in services.spans:
        if last - first >= 3 * PORTS and not first % PORTS and last % PORTS == PORTS - 1:
            texts.append(f"protocols {first // PORTS}-{last // PORTS}")
        else:
            texts.extend(_service_text(*part) for part in by_protocol(Intervals.of((first, last))))
    return ", ".join(texts)


def _service_text(number: int, first: int, last: int) -> str:
    name = _NAMES.get(number, f"protocol {number}")
    if (first, last) == ANY_PORT:
        return name
    if number in _ICMP:
        kind, code = divmod(first, 256)
        return f"{name} type {kind}" if last - first == 255 and not code else f"{name} type {kind} code {code}"
    return f"{name} {first}" if first == last else f"{name} {first}-{last}"


def service_text(service: int) -> str:
    """One service as a reader names it: "tcp 443"."""
    return services_text(Intervals.of((service, service)))


def group_services(protocol: str, from_port: int | None, to_port: int | None) -> Intervals:
    """The services of a security group rule, where ICMP's type and code stand in the two ports (-1: any)."""
    if protocol_number(protocol) in _ICMP:
        return icmp_services(protocol, _or_any(from_port), _or_any(to_port))
    return _ported_services(protocol, from_port, to_port)


def acl_services(
    protocol: str, from_port: int | None, to_port: int | None, icmp_type: int | None, icmp_code: int | None
) -> Intervals:
    """The services of a network ACL rule, where ICMP's type and code stand by themselves (-1: any)."""
    if protocol_number(protocol) in _ICMP:
        return icmp_services(protocol, _or_any(icmp_type), _or_any(icmp_code))
    return _ported_services(protocol, from_port, to_port)


def _or_any(value: int | None) -> int:
    return -1 if value is None else value


def _ported_services(protocol: str, from_port: int | None, to_port: int | None) -> Intervals:
    if from_port is None or to_port is None:
        return services(protocol)
    return services(protocol, from_port, to_port)
