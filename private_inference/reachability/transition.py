"""What a network is for while it changes: what all intents ask for exists, and no more than one of them permits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import reduce

from private_inference.reachability.intent import Expectation, Intent, Party
from private_inference.reachability.intervals import Intervals
from private_inference.reachability.path import InterfaceSet, PathEnd


def transition(first: Intent, *others: Intent) -> Intent:
    """The intent of one network while several are in force.

    A service is required where all of them require it, and permitted where any of them permits it. Parties are as fine
    as all of theirs together.
    """
    return reduce(_both, others, first)


def where(intent: Intent, subnets: Collection[str]) -> Intent:
    """The intent, which requires nothing of other subnets, such as those that come or go; what it permits stays."""
    parties, expectations, splits = [], list(intent.expectations), {}
    there = {*subnets, *(one.id for one in intent.to_come)}
    for party in intent.parties:
        inside = tuple(end for end in party.ends if not isinstance(end, InterfaceSet) or end.subnet in there)
        outside = tuple(end for end in party.ends if end not in inside)
        splits[party.name] = f"{party.name} in subnets that come or go"
        parties += [Party(party.name, inside, party.starts), Party(splits[party.name], outside, party.starts)]
    for one in intent.expectations:
        for source, destination in (
            (splits[one.source], one.destination),
            (one.source, splits[one.destination]),
            (splits[one.source], splits[one.destination]),
        ):
            expectations.append(Expectation(source, destination, one.services, required=False, why=one.why))
    kept = tuple(party for party in parties if party.ends)
    return replace(intent, parties=kept, expectations=tuple(expectations))


def _both(first: Intent, second: Intent) -> Intent:
    parties = {
        (one.name, other.name): Party(_name(one, other), ends, one.starts or other.starts, one.block & other.block)
        for one in first.parties
        for other in second.parties
        if (ends := tuple(_common(one.ends, other.ends)))
    }
    expectations = []
    for (source, was_source), start in ((pair, party.name) for pair, party in parties.items()):
        for (destination, was_destination), end in ((pair, party.name) for pair, party in parties.items()):
            ours, theirs = _between(first, source, destination), _between(second, was_source, was_destination)
            required = _services(ours, required=True) & _services(theirs, required=True)
            permitted = _services([*ours, *theirs]) - required
            why = "; ".join(dict.fromkeys(one.why for one in (*ours, *theirs) if one.why))
            expectations += [Expectation(start, end, required, why=why)] if required else []
            expectations += [Expectation(start, end, permitted, required=False, why=why)] if permitted else []
    unmet = tuple(lacking for lacking in first.unmet if lacking in second.unmet)
    to_come = tuple(dict.fromkeys((*first.to_come, *second.to_come)))
    return Intent(tuple(parties.values()), tuple(expectations), unmet, to_come)


def _name(one: Party, other: Party) -> str:
    return one.name if one.name == other.name else f"{one.name}, later {other.name}"


def _common(ours: Collection[PathEnd], theirs: Collection[PathEnd]) -> Iterator[PathEnd]:
    """What is in both: ends that are the same but for their addresses, which they have in common."""
    for one in ours:
        for other in theirs:
            both = one.addresses & other.addresses
            if both and replace(one, addresses=both) == replace(other, addresses=both):
                yield replace(one, addresses=both)


def _between(intent: Intent, source: str, destination: str) -> list[Expectation]:
    return [one for one in intent.expectations if (one.source, one.destination) == (source, destination)]


def _services(expectations: Collection[Expectation], *, required: bool = False) -> Intervals:
    return Intervals.union(one.services for one in expectations if one.required or not required)
