"""Lists the exceptions that kept rules from reporting something, so that they are seen with every run."""

from pulumi_policy import EnforcementLevel, ReportViolation, StackValidationArgs, StackValidationPolicy

from policy.exceptions import APPLIED_EXCEPTIONS
from policy.rules import short_name


def _list_exceptions(_: StackValidationArgs, report: ReportViolation) -> None:
    for applied in APPLIED_EXCEPTIONS.take():
        until = f"{applied.exemption.expires} ({applied.exemption.reason})"
        report(f"{short_name(applied.urn)} is excepted from {applied.rule} until {until}: {applied.what}", applied.urn)


exceptions_in_force = StackValidationPolicy(
    "exceptions-in-force",
    "Exceptions are listed with each run: what a rule would have reported, why it doesn't, and until when.",
    _list_exceptions,
    EnforcementLevel.ADVISORY,
    remediation_steps="When the last day has passed, the rule is enforced again and the exception is a violation.",
)
