"""VPC Block Public Access as a Pulumi program declares it, and who is excluded from it."""

from collections.abc import Mapping
from dataclasses import replace

from private_inference.graph.resources import Resource
from private_inference.graph.types import (
    PROVIDER,
    SUBNET,
    VPC,
    VPC_BLOCK_PUBLIC_ACCESS,
    VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION,
)
from private_inference.graph.values import Unknown
from private_inference.reachability.from_graph.references import LATER, References
from private_inference.reachability.loading import more_open
from private_inference.reachability.model import BlockMode, ExclusionMode, Subnet, Vpc


def with_block_mode(references: References, vpcs: Mapping[str, Vpc]) -> dict[str, Vpc]:
    """The VPCs with the mode that the program sets for their account and Region.

    Where it can't be told whether it is theirs (several of it, several providers, or a Region of its own), nothing is
    blocked.
    """
    declared = references.all(VPC_BLOCK_PUBLIC_ACCESS)
    found = dict(vpcs)
    for resource in declared:
        mode, alone = _mode(references, resource), len(declared) == 1 and len(references.all(PROVIDER)) <= 1
        for key, vpc in vpcs.items():
            if alone and _region(references.find(key, VPC)) == _region(resource) != "":
                found[key] = replace(vpc, block_mode=mode)
            else:
                references.undecide(resource, "region", f"may be about another account or Region than {vpc.name}'s")
    return found


def _region(resource: Resource | None) -> str | None:
    """The Region that a resource names for itself; None for its provider's, empty where it isn't known."""
    value = resource.given("region") if resource else None
    return "" if isinstance(value, Unknown) else value


def _mode(references: References, resource: Resource) -> BlockMode:
    value = references.text(resource, "internetGatewayBlockMode")
    return BlockMode(value) if value in list(BlockMode) else BlockMode.OFF


def with_exclusions(references: References, subnets: Mapping[str, Subnet]) -> dict[str, Subnet]:
    """The subnets with the exclusions that the program makes for them or for their VPC."""
    found = dict(subnets)
    for resource in references.all(VPC_BLOCK_PUBLIC_ACCESS_EXCLUSION):
        value = references.text(resource, "internetGatewayExclusionMode")
        mode = ExclusionMode(value) if value in list(ExclusionMode) else ExclusionMode.BIDIRECTIONAL
        for key, subnet in subnets.items():
            if _is_about(references, resource, subnet):
                found[key] = replace(subnet, exclusion=more_open(found[key].exclusion, mode))
    return found


def _is_about(references: References, resource: Resource, subnet: Subnet) -> bool:
    """Whether an exclusion is the subnet's or its VPC's; so it is of all where the program doesn't tell."""
    for key, type_, own in (("subnetId", SUBNET, subnet.id), ("vpcId", VPC, subnet.vpc)):
        value = resource.given(key)
        if value is None:
            continue
        reference = references.reference(resource, key, [value], type_)
        if isinstance(value, Unknown) and not reference.candidates:
            references.undecide(resource, key, f"{LATER}, and nothing in the program tells what it is")
            return True
        if any(one.urn == own for one in (*reference.candidates, *reference.named) if isinstance(one, Resource)):
            return True
    return False
