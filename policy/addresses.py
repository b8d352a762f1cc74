"""Which addresses are private, and which blocks are so wide that they mean everyone."""

from collections.abc import Iterable, Sequence
from typing import Any

from private_inference.graph.values import known
from private_inference.reachability.traffic import IPV6, addresses, prefix_length

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""RFC 1918; RFC 6598's shared space, which carriers and large networks use inside; RFC 4193."""

SHORTEST_PREFIX_IPV4 = 8
SHORTEST_PREFIX_IPV6 = 16
"""A block with a shorter prefix is no network of anyone in particular."""

PRIVATE_BLOCKS = {
    "blocks": {
        "type": "array",
        "items": {"type": "string", "pattern": r"^([\d.]+/(1[6-9]|2\d|3[0-2])|[\da-f:]+/(3[2-9]|[4-9]\d|1[0-2]\d))$"},
        "maxItems": 8,
        "default": [],
        "description": "Further CIDR blocks that count as private, such as public addresses used on premises only: "
        "eight /16 (IPv6: /32) at most.",
    }
}
"""An option of the rules that call `public`: room for a company's own addresses, and not for the internet."""


def is_private(block: Any, also: Iterable[str] = ()) -> bool:
    """Whether all of a block is private, or inside one of `also`."""
    return within(block, [*PRIVATE, *also])


def within(block: Any, blocks: Iterable[str]) -> bool:
    """Whether one of `blocks` holds all of a block.

    Raises UnverifiableError if one isn't known, ValueError if one is no block.
    """
    inner = addresses(known(block))
    return any(inner <= addresses(known(outer)) for outer in blocks)


def is_everyone(block: Any) -> bool:
    """Whether a block is wider than any one network: 0.0.0.0/0, and 0.0.0.0/1 as well."""
    is_ipv6 = addresses(known(block)) <= IPV6
    return prefix_length(block) < (SHORTEST_PREFIX_IPV6 if is_ipv6 else SHORTEST_PREFIX_IPV4)


def public(path: str, block: Any, also: Sequence[str], verb: str) -> str | None:
    """What is wrong with a block that isn't private, as the end of a sentence; None if nothing is."""
    if not block or is_private(block, also):
        return None
    extent = "the whole internet" if is_everyone(block) else "addresses that are not private"
    return f"{verb} {extent} ({path})"
