"""The rules of the pack: all policies that these modules declare."""

from types import ModuleType

from pulumi_policy import Policy

from policy import (
    access,
    components,
    destinations,
    encryption,
    engine_options,
    exposure,
    guards,
    identity,
    inference,
    judged,
    network,
    network_acls,
    packet_paths,
    placement,
    principals,
    security_groups,
    storage,
)

MODULES = (
    network,
    security_groups,
    network_acls,
    packet_paths,
    access,
    encryption,
    storage,
    identity,
    principals,
    inference,
    components,
    exposure,
    placement,
    guards,
    destinations,
    engine_options,
    judged,
)


def rules_of(module: ModuleType) -> list[Policy]:
    """The policies that a module declares, in their order."""
    return [value for value in vars(module).values() if isinstance(value, Policy)]


RULES = tuple(rule for module in MODULES for rule in rules_of(module))
