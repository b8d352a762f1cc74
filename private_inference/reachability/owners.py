"""What may pass in a VPC that is there already, beside what the stack is for: its network ACLs are its owner's.

So are its other subnets. The stack's groups decide about its clients and models, and no tier has a way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING

from private_inference.graph.endpoint_services import RUNTIMES
from private_inference.reachability.intent import Expectation
from private_inference.reachability.model import Interface
from private_inference.reachability.party_names import (
    ATTACHMENT,
    DENIED,
    ELSEWHERE,
    NEIGHBOURS,
    OTHER_ENDPOINTS,
    OTHER_SUBNETS,
    OTHER_WORKLOADS,
    PREMISES,
    RUNTIME,
    SERVICES,
    other_workloads,
)
from private_inference.reachability.traffic import ALL_TRAFFIC

if TYPE_CHECKING:
    from collections.abc import Iterable

    from components.settings import Settings

RUNTIME_SERVICE = "sagemaker.runtime"
WHY = "the VPC's network ACLs are its owner's"


def owners_expectations(settings: Settings, tiers: Iterable[str], gateways: Iterable[str]) -> Iterator[Expectation]:
    """What workloads with groups of their own may do, and endpoints that are reused; `gateways` are their parties."""
    existing = settings.network.existing
    if existing is None:
        return
    reused = [RUNTIME] if RUNTIME_SERVICE in existing.interface_endpoints else []
    reused += [OTHER_ENDPOINTS] if existing.interface_endpoints.keys() - {RUNTIME_SERVICE} else []
    within = [*map(other_workloads, tiers), *reused, other_workloads(ATTACHMENT)]
    beside = [OTHER_WORKLOADS, other_workloads(OTHER_SUBNETS)]
    outside = [*gateways, PREMISES, SERVICES, NEIGHBOURS, DENIED, ELSEWHERE]
    pairs = [*product((*within, *beside), repeat=2), *product(beside, outside), *product(outside, beside)]
    pairs += product(within, gateways)
    pairs += product(outside, within)  # one way, to whoever was given a public address
    if settings.network.on_premises:
        pairs += [*product(within, [PREMISES]), *product([PREMISES], within)]
    for source, destination in pairs:
        yield Expectation(source, destination, ALL_TRAFFIC, required=False, why=WHY)


def is_used(settings: Settings, one: Interface, access_groups: set[str]) -> bool:
    """Whether an interface is of an endpoint that the stack makes or reuses, and not of another one in the VPC."""
    existing = settings.network.existing
    if existing is None:
        return bool(one.service)
    reused = existing.interface_endpoints
    service = RUNTIME_SERVICE if one.service in RUNTIMES else one.service
    return bool(one.service) and (service in reused or bool(one.groups & access_groups))
