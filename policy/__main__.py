"""Serves the rules to the Pulumi engine: prints a port and blocks."""

from pulumi_policy import PolicyPack

from policy.configuration import exceptions_in_force, rules_in_force
from policy.pack import RULES

# The last ones list what configuration kept the others from reporting.
PolicyPack("private-inference", [*RULES, exceptions_in_force, rules_in_force(RULES)])
