"""What a load balancer in front of the models, and the forwarder behind it, may reach and be reached by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from private_inference.reachability.declared_flows import STATELESS
from private_inference.reachability.intent import ANSWERS, HTTPS, Expectation
from private_inference.reachability.party_names import (
    BALANCER,
    CLIENTS,
    FORWARDER,
    OTHER_ENDPOINTS,
    PREMISES,
    RUNTIME,
    other_workloads,
)
from private_inference.reachability.traffic import services

if TYPE_CHECKING:
    from components.settings import Settings

FORWARDED = services("tcp", 8443, 8443)


def balanced_expectations(settings: Settings) -> Iterator[Expectation]:
    """The way of a call, and what Fargate needs of AWS; and what the ACLs of both tiers then let through."""
    if not settings.load_balancer:
        return
    yield Expectation(CLIENTS, BALANCER, HTTPS, why="clients call the models by the stack's own name")
    if settings.network.on_premises:
        yield Expectation(PREMISES, BALANCER, HTTPS, why="on-premises clients call the models by the stack's name")
    yield Expectation(BALANCER, FORWARDER, FORWARDED, why="the load balancer passes calls on")
    yield Expectation(FORWARDER, RUNTIME, HTTPS, why="the forwarder calls the models")
    yield Expectation(FORWARDER, OTHER_ENDPOINTS, HTTPS, why="Fargate loads the forwarder's image and writes its log")
    yield Expectation(FORWARDER, "s3", HTTPS, why="image layers come from S3")
    yield Expectation(other_workloads("access"), other_workloads("app"), FORWARDED, required=False)
    yield Expectation(other_workloads("app"), other_workloads("access"), ANSWERS, required=False, why=STATELESS)
