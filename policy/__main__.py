"""Serves the rules to the Pulumi engine: prints a port and blocks."""

from pulumi_policy import PolicyPack

from policy.exceptions_report import exceptions_in_force
from policy.pack import RULES

# The last one lists what exceptions kept the others from reporting.
PolicyPack("private-inference", [*RULES, exceptions_in_force])
