"""Serves the rules to the Pulumi engine: prints a port and blocks."""

from pulumi_policy import PolicyPack

from policy.granted import exceptions_in_force
from policy.pack import RULES

PolicyPack("private-inference", [*RULES, exceptions_in_force])  # the last one tells of what the others did
