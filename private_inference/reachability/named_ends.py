"""The ends of paths by what a reader calls them: an address, a name, an id, a service, a party of an intent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from private_inference.reachability.intervals import Intervals
from private_inference.reachability.model import GatewayKind, Network
from private_inference.reachability.path import InterfaceSet, OutsideAddresses, PathEnd
from private_inference.reachability.path_finder import PathFinder
from private_inference.reachability.traffic import address_text, addresses

Named = Mapping[str, Sequence[PathEnd]]
"""Ends by the names of the parties that they belong to."""


class UnknownEndError(ValueError):
    """A source or destination that the network doesn't have."""


def named_ends(finder: PathFinder, text: str, named: Named) -> list[PathEnd]:
    """The ends that `text` names: see `trace`. Raises UnknownEndError."""
    network = finder.network
    if text in named:
        return list(named[text])
    if text == "internet":
        outside = (GatewayKind.INTERNET, GatewayKind.NAT, GatewayKind.EGRESS_ONLY)
        found = [finder.outside(gateway) for gateway in network.gateways.values() if gateway.kind in outside]
        return [*found] or [OutsideAddresses(None, addresses("192.0.2.1"))]
    if (address := address_of(text)) is not None:
        return _at_address(finder, address, named)
    interfaces = [one for one in network.interfaces.values() if text in (one.id, one.name, one.owner, one.service)]
    gateways = [one for one in network.gateways.values() if text in (one.id, one.name, one.service)]
    if not interfaces and not gateways:
        raise UnknownEndError(
            f"nothing in the network is called {text!r}; give an address, internet, or one of: "
            + ", ".join(dict.fromkeys([*named, *_names(network)]))
        )
    return [*finder.interface_sets(interfaces), *map(finder.outside, gateways)]


def _names(network: Network) -> list[str]:
    interfaces = {one.service or one.owner or one.name or one.id for one in network.interfaces.values()}
    gateways = {one.service or one.name or one.id for one in network.gateways.values()}
    return sorted(interfaces | gateways)


def address_of(text: str) -> Intervals | None:
    try:
        return addresses(text)
    except ValueError:
        return None


def _at_address(finder: PathFinder, address: Intervals, named: Named) -> list[PathEnd]:
    """The ends at an address: interfaces that have it or may have it, else a party's, else behind each gateway."""
    network = finder.network
    if here := [replace(one, addresses=both) for one in finder.interface_sets() if (both := one.addresses & address)]:
        return [*here]
    for party in named.values():
        inside = [end for end in party if isinstance(end, InterfaceSet)]
        if here := [replace(one, addresses=both) for one in inside if (both := one.addresses & address)]:
            return [*here]
    for vpc in network.vpcs.values():
        if address & vpc.addresses:
            raise UnknownEndError(
                f"no interface of {network.name(vpc.id)} has an address in {_text(address)}: name the interface, or "
                "give an address that one has"
            )
    beyond = [finder.outside(gateway) for gateway in network.gateways.values()]
    return [OutsideAddresses(one.gateway, one.addresses & address) for one in beyond if one.addresses & address] or [
        OutsideAddresses(None, address)
    ]


def _text(found: Intervals) -> str:
    return address_text(found.first) if found.size == 1 else f"{address_text(found.first)} and on"


def end_text(network: Network, end: PathEnd, address: int) -> str:
    """An address of an end as a reader names it, such as `10.0.1.4 (server)`."""
    shown = address_text(address)
    if isinstance(end, OutsideAddresses):
        return f"{shown} beyond {network.name(end.gateway)}" if end.gateway else f"{shown} outside"
    names = sorted({network.interfaces[one].name or one for one in end.members})
    if not names:
        groups = ", ".join(network.name(group) for group in sorted(end.groups)) or "no group"
        return f"{shown} (any interface with {groups} in {network.name(end.subnet)})"
    more = f" and {len(names) - 1} alike" if len(names) > 1 else ""
    return f"{shown} ({names[0]}{more})"
