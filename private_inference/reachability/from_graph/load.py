"""Builds a network from the resources of a Pulumi program, deployed or only previewed.

Things are identified by URN; what a VPC comes with has the VPC's URN and a suffix. Whatever can't be told is in the
network's `undecided`, and is meanwhile taken for the more open possibility, so that nothing is proved absent wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from private_inference.graph.references import LATER, UNKNOWN, PulumiResource, References
from private_inference.graph.types import PREFIX_LIST
from private_inference.reachability.from_graph import topology
from private_inference.reachability.from_graph.firewalls import Groups, network_acls
from private_inference.reachability.from_graph.interfaces import interfaces
from private_inference.reachability.model import Network

__all__ = ["UNKNOWN", "PulumiResource", "load"]


def load(resources: Iterable[PulumiResource], prefix_lists: Mapping[str, Sequence[str]] | None = None) -> Network:
    """The network of a program's resources.

    prefix_lists: the blocks of AWS's prefix lists (which no program contains) by id, and by name too
    (`com.amazonaws.REGION.s3`) for programs whose endpoints don't exist yet. Raises ModelError for a network that
    contradicts itself.
    """
    references = References(resources)
    lists = {**(prefix_lists or {}), **_managed_prefix_lists(references)}
    vpcs = topology.vpcs(references)
    acls = network_acls(references, vpcs)
    tables = topology.route_tables(references, vpcs)
    subnets = topology.subnets(references, tables, acls)
    gateways = topology.gateways(references, vpcs, subnets, set(lists))
    routed = topology.routes(references, tables, gateways)
    groups = Groups(references, vpcs, set(lists))
    placed = list(interfaces(references, subnets, groups))
    return Network.of(
        [
            *vpcs.values(),
            *subnets.values(),
            *routed.values(),
            *acls.values(),
            *groups.groups(),
            *gateways.values(),
            *placed,
        ],
        lists,
        references.undecided,
    )


def _managed_prefix_lists(references: References) -> dict[str, list[str]]:
    """The prefix lists that the program itself declares."""
    found: dict[str, list[str]] = {}
    for resource in references.all(PREFIX_LIST):
        entries = references.given(resource, "entries") or []
        blocks = [UNKNOWN] if entries is UNKNOWN else [entry.get("cidr") for entry in entries]
        if UNKNOWN in blocks:
            references.undecide(resource, "entries", LATER)
        else:
            found[resource.urn] = blocks
    return found
