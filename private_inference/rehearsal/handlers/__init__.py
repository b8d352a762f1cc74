"""The handler of each Pulumi type. A type that has none fails the rehearsal."""

from collections.abc import Mapping

from private_inference.rehearsal.handler import Handler
from private_inference.rehearsal.handlers import (
    account_guards,
    front_door,
    identity,
    load_balancer,
    network_acls,
    observability,
    organizations,
    resolver,
    security_groups,
    serving,
    storage,
    templates,
    transit_gateway,
    vpc,
)

HANDLERS: Mapping[str, Handler] = (
    vpc.HANDLERS
    | transit_gateway.HANDLERS
    | network_acls.HANDLERS
    | security_groups.HANDLERS
    | identity.HANDLERS
    | storage.HANDLERS
    | serving.HANDLERS
    | observability.HANDLERS
    | organizations.HANDLERS
    | account_guards.HANDLERS
    | front_door.HANDLERS
    | load_balancer.HANDLERS
    | resolver.HANDLERS
    | templates.HANDLERS
)
