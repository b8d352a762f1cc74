"""Which addresses are private, and which blocks are so wide that they mean everyone."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from private_inference.graph.values import known

PRIVATE = tuple(ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
"""RFC 1918, and RFC 6598's shared space, which carriers and large networks use inside."""
PRIVATE_V6 = (ip_network("fc00::/7"),)
"""RFC 4193."""

NARROW = {4: 8, 6: 16}
"""Prefix lengths below which a block is no network of anyone in particular."""


PRIVATE_BLOCKS = {
    "blocks": {
        "type": "array",
        "items": {"type": "string"},
        "default": [],
        "description": "Further CIDR blocks that count as private, such as public addresses used on premises only.",
    }
}
"""An option of the rules that ask `public`."""


def network(block: Any) -> IPv4Network | IPv6Network:
    """The block as a network. Raises UnverifiableError if it isn't known, ValueError if it is none."""
    return ip_network(known(block), strict=False)


def is_private(block: Any, also: Iterable[str] = ()) -> bool:
    """Whether all of a block is private, or inside one of `also`."""
    return within(block, [*map(str, PRIVATE), *map(str, PRIVATE_V6), *also])


def within(block: Any, blocks: Iterable[str]) -> bool:
    """Whether one of `blocks` holds all of a block."""
    inner = network(block)
    return any(_holds(network(outer), inner) for outer in blocks)


def _holds(outer: IPv4Network | IPv6Network, inner: IPv4Network | IPv6Network) -> bool:
    if isinstance(outer, IPv4Network) and isinstance(inner, IPv4Network):
        return inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def is_everyone(block: Any) -> bool:
    """Whether a block is wider than any one network: 0.0.0.0/0, and 0.0.0.0/1 as well."""
    parsed = network(block)
    return parsed.prefixlen < NARROW[parsed.version]


def public(path: str, block: Any, also: Sequence[str], verb: str) -> str | None:
    """What is wrong with a block that isn't private, as the end of a sentence; None if nothing is."""
    if not block or is_private(block, also):
        return None
    extent = "the whole internet" if is_everyone(block) else "addresses that are not private"
    return f"{verb} {extent} ({path})"
