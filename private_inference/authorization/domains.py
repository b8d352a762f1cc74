"""The values of a key that the tests of a formula tell apart: one of each class, and that the key is absent."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations, pairwise

from private_inference.authorization.conditions import Comparison, Network
from private_inference.authorization.formula import Formula, Value, atoms
from private_inference.authorization.patterns import Pattern, TooManyClassesError, representatives

Bound = Pattern | tuple[Network, ...]
"""What the values of a key are within, which every request carries: strings, or addresses of some networks."""

PRESENT = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:principalisawsservice", "aws:securetransport", "aws:viaawsservice"}
)
"""Keys that every request carries.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

MOST_IN_SETS = 7
"""Classes of a key with several values, beyond which their combinations are not all tried."""


@dataclass(frozen=True)
class Domain:
    """Values to try for a key; `gap` says why they may not be all that there are."""

    values: Sequence[Value]
    gap: str = ""


def domains(formula: Formula, within: Mapping[str, Bound]) -> dict[str, Domain]:
    """The domain of each key of a formula; `within` bounds the values of some, which are always present."""
    tests: dict[str, list[Comparison]] = {}
    for atom in atoms(formula):
        assert isinstance(atom.test, Comparison)  # noqa: S101
        tests.setdefault(atom.key, []).append(atom.test)
    return {key: domain(key, found, within.get(key)) for key, found in tests.items()}


def domain(key: str, tests: Sequence[Comparison], within: Bound | None = None) -> Domain:
    """The values of one key that its tests tell apart."""
    valued = [test for test in tests if test.form != "null"]
    forms = {test.form for test in valued}
    if len(forms) > 1:
        return Domain([None], f"{key} is compared as {' and '.join(sorted(forms))}")
    absent: list[Value] = [] if within is not None or key in PRESENT else [None]
    try:
        single = list(_values(forms.pop() if forms else "text", valued, within))
    except TooManyClassesError:
        return Domain(absent, f"the patterns for {key} overlap in too many ways")
    if all(test.quantifier for test in valued) and valued:
        return _sets(key, absent, single)
    mixed = any(test.quantifier for test in valued)
    gap = f"{key} is compared as one value and as a set" if mixed else ""
    return Domain([*absent, *((value,) for value in single)], gap)


def _sets(key: str, absent: Sequence[Value], single: Sequence[str]) -> Domain:
    """All sets of values: what `ForAllValues` and `ForAnyValue` are for."""
    chosen = single[:MOST_IN_SETS]
    every = [tuple(each) for size in range(1, len(chosen) + 1) for each in combinations(chosen, size)]
    gap = f"{key} may have very many sets of values" if len(single) > MOST_IN_SETS else ""
    return Domain([*absent, *every], gap)


def _values(form: str, tests: Sequence[Comparison], within: Bound | None) -> Iterable[str]:
    wanted = [one for test in tests for one in test.wanted]
    if form == "text":
        if within is None and any(test.two_valued for test in tests):
            return ["true", "false"]
        patterns = tuple(dict.fromkeys(w for w in wanted if isinstance(w, Pattern)))
        return representatives(patterns, within if isinstance(within, Pattern) else None)
    if form == "ip":
        networks = [one for one in wanted if isinstance(one, ipaddress.IPv4Network | ipaddress.IPv6Network)]
        return _addresses(networks, within if isinstance(within, tuple) else ())
    numbers = list(_around(sorted({one for one in wanted if isinstance(one, float)})))
    if form == "numeric":
        return [str(number) for number in numbers]
    return [datetime.fromtimestamp(number, UTC).isoformat() for number in numbers]


def _around(numbers: Sequence[float]) -> Iterator[float]:
    """Each number, one between each two, one below all and one above."""
    if not numbers:
        return
    yield numbers[0] - 1
    for low, high in pairwise(numbers):
        yield from (low, (low + high) / 2)
    yield from (numbers[-1], numbers[-1] + 1)


def _addresses(networks: Sequence[Network], within: Sequence[Network]) -> Iterable[str]:
    """Where networks begin, and what comes after them: each class of addresses begins at one of these.

    Within some networks, a class begins there or where one of those does.
    """
    found = dict.fromkeys(["0.0.0.0", "::"])  # noqa: S104
    for network in (*networks, *within):
        found[str(network.network_address)] = None
        last = network.broadcast_address
        if int(last) + 1 < 2**last.max_prefixlen:
            found[str(last + 1)] = None
    return [one for one in found if not within or any(ipaddress.ip_address(one) in each for each in within)]
