"""Serves the rules to the Pulumi engine: prints a port and blocks."""

import pulumi_policy.policy

from policy.configuration import Analyzer, exceptions_in_force
from policy.pack import RULES

pulumi_policy.policy._PolicyAnalyzerServicer = Analyzer  # type: ignore[misc] # PolicyPack makes one, and asks nobody which

# The last one lists what exceptions kept the others from reporting.
pulumi_policy.PolicyPack("private-inference", [*RULES, exceptions_in_force])
