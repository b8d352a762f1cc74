"""Serves the rules to the Pulumi engine: prints a port and blocks."""

from pulumi_policy import PolicyPack

from policy import (
    access,
    encryption,
    exposure,
    granted,
    identity,
    inference,
    network,
    network_acls,
    packet_paths,
    security_groups,
    storage,
)

PolicyPack(
    "private-inference",
    [
        *network.RULES,
        *security_groups.RULES,
        *network_acls.RULES,
        *packet_paths.RULES,
        *access.RULES,
        *encryption.RULES,
        *storage.RULES,
        *identity.RULES,
        *inference.RULES,
        *exposure.RULES,
        granted.exceptions_in_force,  # last: it tells of what the others did
    ],
)
