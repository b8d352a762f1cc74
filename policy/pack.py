"""The rules of the pack: all policies that these modules declare."""

from types import ModuleType

from pulumi_policy import Policy

from policy import (
    access,
    destinations,
    encryption,
    exposure,
    identity,
    inference,
    judged,
    loose_ends,
    network,
    network_acls,
    packet_paths,
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
    inference,
    exposure,
    destinations,
    loose_ends,
    judged,
)


def rules_of(module: ModuleType) -> list[Policy]:
    """The policies that a module declares, in their order."""
    return [value for value in vars(module).values() if isinstance(value, Policy)]


RULES = tuple(rule for module in MODULES for rule in rules_of(module))
