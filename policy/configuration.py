"""What a configuration does to the pack's rules is seen with every run: exceptions, and rules switched off."""

from collections.abc import Iterable

from pulumi_policy import EnforcementLevel, Policy, ReportViolation, StackValidationArgs, StackValidationPolicy

from policy.exceptions import APPLIED_EXCEPTIONS
from policy.rules import RAN, short_name


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


def rules_in_force(rules: Iterable[Policy]) -> StackValidationPolicy:
    """A rule that reports which of some rules, which come before it, the engine hasn't asked for."""
    names = [rule.name for rule in rules]

    def check(args: StackValidationArgs, report: ReportViolation) -> None:
        for name in names if args.resources else ():
            if name not in RAN:
                report(f"The rule {name} is switched off. To fix it: except resources, by name and until a day.", None)

    return StackValidationPolicy(
        "rules-in-force",
        "No configuration switches a rule off: what is right for a resource is excepted for it, until a day.",
        check,
        EnforcementLevel.MANDATORY,
    )
