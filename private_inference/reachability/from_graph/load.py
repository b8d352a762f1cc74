"""Builds a network from the resources of a Pulumi program, deployed or only previewed.

Things are identified by URN; what a VPC comes with has the VPC's URN and a suffix. What can't be decided is in the
network's `undecided`, and counts as the more open possibility meanwhile, so that nothing is proved absent wrongly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from private_inference.graph.cloudformation import with_held
from private_inference.graph.resources import Resource
from private_inference.graph.types import PREFIX_LIST
from private_inference.graph.values import Unknown, pick, spread
from private_inference.reachability.from_graph.block_public_access import with_block_mode, with_exclusions
from private_inference.reachability.from_graph.coverage import find_unmodelled
from private_inference.reachability.from_graph.gateways import gateways
from private_inference.reachability.from_graph.interfaces import interfaces
from private_inference.reachability.from_graph.network_acls import network_acls
from private_inference.reachability.from_graph.references import LATER, References
from private_inference.reachability.from_graph.routes import route_tables, with_routes
from private_inference.reachability.from_graph.security_groups import Groups
from private_inference.reachability.from_graph.subnets import subnets, vpcs
from private_inference.reachability.model import Network


def load(resources: Iterable[Resource], prefix_lists: Mapping[str, Sequence[str]] | None = None) -> Network:
    """The network of a program's resources.

    prefix_lists: the blocks of AWS's prefix lists (which no program contains) by id, and by name too
    (`com.amazonaws.REGION.s3`) for programs whose endpoints don't exist yet. Raises ModelError for a network that
    contradicts itself.
    """
    references = References(with_held(resources))
    lists = {**(prefix_lists or {}), **_managed_prefix_lists(references)}
    declared_vpcs = with_block_mode(references, vpcs(references))
    acls = network_acls(references, declared_vpcs)
    tables = route_tables(references, declared_vpcs)
    declared_subnets = with_exclusions(references, subnets(references, tables, acls))
    declared_gateways = gateways(references, declared_vpcs, declared_subnets, set(lists))
    routed = with_routes(references, tables, declared_gateways)
    groups = Groups(references, declared_vpcs, set(lists))
    placed = list(interfaces(references, declared_subnets, groups))
    find_unmodelled(references)
    return Network.of(
        [
            *declared_vpcs.values(),
            *declared_subnets.values(),
            *routed.values(),
            *acls.values(),
            *groups.groups(),
            *declared_gateways.values(),
            *placed,
        ],
        lists,
        references.undecided,
    )


def _managed_prefix_lists(references: References) -> dict[str, list[str]]:
    """The prefix lists that the program itself declares."""
    found: dict[str, list[str]] = {}
    for resource in references.all(PREFIX_LIST):
        entries = spread("entries", resource.given("entries"))
        blocks = [pick(entry, "cidr") for _, entry in entries]
        if any(isinstance(block, Unknown) for block in blocks):
            references.undecide(resource, "entries", LATER)
        else:
            found[resource.urn] = blocks
    return found
