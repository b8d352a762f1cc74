"""Whether a network ACL that somebody else wrote lets packets pass. Pure.

The rule with the lowest number that matches decides, and what none matches is denied:
https://docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html.
"""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any, NamedTuple

from components.flows import Direction, Ports

LAST = 32767
"""Number of the rule that denies everything else (same page)."""
PROTOCOLS = {"tcp": "6", "udp": "17"}
"""https://www.iana.org/assignments/protocol-numbers"""
ALL_PORTS: Ports = (0, 65535)


class _Region(NamedTuple):
    """Addresses and ports, both inclusive."""

    low: int
    high: int
    first: int
    last: int

    def __and__(self, other: "_Region") -> "_Region | None":
        low, high = max(self.low, other.low), min(self.high, other.high)
        first, last = max(self.first, other.first), min(self.last, other.last)
        return _Region(low, high, first, last) if low <= high and first <= last else None

    def without(self, other: "_Region") -> Iterator["_Region"]:
        """What is left without what is in another one, too."""
        cut = self & other
        if cut is None:
            yield self
            return
        low, high, first, last = self
        sides = (
            (low, cut.low - 1, first, last),
            (cut.high + 1, high, first, last),
            (cut.low, cut.high, first, cut.first - 1),
            (cut.low, cut.high, cut.last + 1, last),
        )
        yield from (_Region(*side) for side in sides if side[0] <= side[1] and side[2] <= side[3])


def refusing_rule(
    entries: Iterable[Mapping[str, Any]], direction: Direction, block: str, ports: Ports, protocol: str = "tcp"
) -> int | None:
    """Number of the first rule that refuses some of the packets from or to a block on some ports; None if all pass.

    `entries` are as EC2 describes them.
    """
    left = [_region(block, ports)]
    for entry in sorted(entries, key=lambda each: int(each["RuleNumber"])):
        matches = entry["Egress"] is (direction == "egress") and entry.get("CidrBlock")
        if not matches or str(entry["Protocol"]) not in ("-1", PROTOCOLS[protocol]):
            continue
        given = entry.get("PortRange")
        rule = _region(entry["CidrBlock"], (given["From"], given["To"]) if given else ALL_PORTS)
        if entry["RuleAction"] == "deny":
            if any(each & rule for each in left):
                return int(entry["RuleNumber"])
            continue
        left = [part for each in left for part in each.without(rule)]
    return LAST if left else None


def _region(block: str, ports: Ports) -> _Region:
    network = IPv4Network(block)
    return _Region(int(network.network_address), int(network.broadcast_address), *ports)
