"""What the forwarder behind a load balancer may do, by the stack's settings, and who takes its roles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from private_inference.authorization.intent import Expectation, Expected

if TYPE_CHECKING:
    from components.settings import Settings

FORWARDER, STARTS = "role forwarder", "role forwarder-start"
ECS = "ecs-tasks.amazonaws.com, for this account"


def protected(settings: Settings) -> tuple[str, ...]:
    """What nobody else may take."""
    return (FORWARDER, STARTS) if settings.load_balancer else ()


def expectations(settings: Settings) -> Iterator[Expectation]:
    """Calls of all the stack's models, through the runtime endpoint. That any role may call there is said elsewhere."""
    if not settings.load_balancer:
        return
    called = "the forwarder calls the models for the load balancer's clients"
    for endpoint in settings.endpoints:
        actions = ["sagemaker:InvokeEndpoint"]
        actions += ["sagemaker:InvokeEndpointWithResponseStream"] if endpoint.streaming else []
        for action in actions:
            resource = f"endpoint {endpoint.name}"
            yield Expectation(Expected.REQUIRED, FORWARDER, action, resource, "endpoint sagemaker.runtime", called)
    for role, why in ((FORWARDER, called), (STARTS, "Fargate loads the forwarder's image and writes its log")):
        yield Expectation(Expected.REQUIRED, ECS, "sts:AssumeRole", role, why=why)
