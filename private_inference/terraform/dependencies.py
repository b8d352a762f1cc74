"""The `depends_on` of each resource, beyond what its references imply."""

from collections.abc import Mapping, Set


def depends_on(referred: Mapping[str, Set[str]], awaited: Mapping[str, Set[str]]) -> dict[str, list[str]]:
    """For each resource the shortest sorted list that, with its references, makes Terraform wait for its dependencies.

    `referred` and `awaited` map an address to the addresses in its references and to those it must come after.
    """
    needed = {address: referred[address] | awaited[address] for address in referred}
    reached: dict[str, frozenset[str]] = {}

    def reach(address: str) -> frozenset[str]:
        if address not in reached:
            reached[address] = frozenset(needed[address]).union(*(reach(near) for near in needed[address]))
        return reached[address]

    written = {}
    for address in referred:
        implied = frozenset[str]().union(*(reach(near) for near in needed[address]))
        written[address] = sorted(needed[address] - referred[address] - implied)
    return written
