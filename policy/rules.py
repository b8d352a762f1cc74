"""What makes a policy of a check: its name, level, published controls, options, exceptions and message.

A check is a generator of findings. Its function's name is the rule's name, its docstring the rule's description.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from policy.controls import Control
from policy.exceptions import LEDGER, SCHEMA, Applied, MalformedExemptionError, parse
from policy.findings import Finding, Findings, Unverified, Violation, guarded
from policy.resources import Resource, Stack, current_type
from private_inference.findings import UnverifiedProperty, encode


class NotVerifiedError(UnknownValueError):
    """Makes the SDK report, at advisory level, what a rule of any level could not judge."""

    def __init__(self, findings: Iterable[Unverified]) -> None:
        super().__init__(UNKNOWN_STRING_VALUE, [])
        self.unverified = [UnverifiedProperty(each.urn, each.property) for each in findings]
        self.message = encode(self.unverified)


ResourceCheck = Callable[..., Findings]
"""Judges one resource by its inputs: (resource, options by name)."""

StackCheck = Callable[..., Findings]
"""Judges all resources of a stack by their outputs: (stack, options by name)."""


def resource_rule(
    *,
    types: Iterable[str],
    controls: Sequence[Control],
    severity: Severity,
    fix: str,
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[ResourceCheck], ResourceValidationPolicy]:
    """A policy for the resources of some types. The first control, if it is of a framework, is the policy's framework.

    `options` are JSON schemas with defaults, by name; `fix` completes "To fix it: ".
    """
    judged = frozenset(types)

    def make(check: ResourceCheck) -> ResourceValidationPolicy:
        rule = _name(check)

        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if current_type(args.resource_type) in judged:
                config = args.get_config()
                findings = check(Resource.of(args), **_options(options, config))
                _judge(rule, fix, _guarded(findings, args.urn), [args.urn], config, report)

        return ResourceValidationPolicy(
            rule, _description(check), validate, **_metadata(controls, severity, fix, level, options)
        )

    return make


def stack_rule(
    *,
    controls: Sequence[Control],
    severity: Severity,
    fix: str,
    level: EnforcementLevel = EnforcementLevel.MANDATORY,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[StackCheck], StackValidationPolicy]:
    """A policy for what only several resources together show. The arguments are those of `resource_rule`."""

    def make(check: StackCheck) -> StackValidationPolicy:
        rule = _name(check)

        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            config = args.get_config()
            findings = check(Stack(args.resources), **_options(options, config))
            _judge(rule, fix, _guarded(findings, ""), [each.urn for each in args.resources], config, report)

        return StackValidationPolicy(
            rule, _description(check), validate, **_metadata(controls, severity, fix, level, options)
        )

    return make


def _name(check: ResourceCheck | StackCheck) -> str:
    return check.__name__.replace("_", "-")


def _description(check: ResourceCheck | StackCheck) -> str:
    return " ".join((check.__doc__ or "").split())


def _metadata(
    controls: Sequence[Control],
    severity: Severity,
    fix: str,
    level: EnforcementLevel,
    options: Mapping[str, Mapping[str, Any]] | None,
) -> dict[str, Any]:
    first = controls[0] if controls and controls[0].compliance else None
    schema = {name: dict(option) for name, option in (options or {}).items()} | {"exceptions": SCHEMA}
    return {
        "enforcement_level": level,
        "severity": severity,
        "framework": first.framework if first else None,
        "tags": [control.label for control in controls if control is not first],
        "remediation_steps": fix,
        "config_schema": PolicyConfigSchema(schema),
    }


def _options(declared: Mapping[str, Mapping[str, Any]] | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """The engine fills defaults in; whoever calls the pack without one gets them here."""
    return {name: config.get(name, option["default"]) for name, option in (declared or {}).items()}


def _guarded(findings: Findings, urn: str) -> Findings:
    """The findings, and one more if the check ends before its time: a rule never ends silently, nor ends the others."""
    try:
        yield from guarded(findings)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        yield Violation(urn, f"has a property of a shape that this rule can't read ({type(error).__name__})")


def _judge(
    rule: str,
    fix: str,
    findings: Iterable[Finding],
    urns: Iterable[str],
    config: Mapping[str, Any],
    report: ReportViolation,
) -> None:
    try:
        exemptions = parse(config.get("exceptions", []))
    except MalformedExemptionError as error:
        exemptions = []
        report(f"The exceptions of {rule} can't be used: {error}. To fix it: complete or remove that entry.", None)
    open_questions = []
    for finding in dict.fromkeys(findings):
        exemption = next((each for each in exemptions if each.covers(finding.urn) and not each.expired), None)
        if exemption:
            LEDGER.record(Applied(rule, finding.urn, _what(finding), exemption))
        elif isinstance(finding, Unverified):
            open_questions.append(finding)
        else:
            report(f"{short_name(finding.urn)} {finding.what}. To fix it: {fix}.", finding.urn or None)
    for urn in urns:
        for exemption in exemptions:
            if exemption.expired and exemption.covers(urn):
                report(
                    f"{short_name(urn)} was excepted until {exemption.expires} ({exemption.reason}). "
                    "To fix it: make it comply and remove the exception, or have the exception renewed.",
                    urn,
                )
    if open_questions:
        raise NotVerifiedError(open_questions)


def _what(finding: Finding) -> str:
    return finding.what if isinstance(finding, Violation) else str(UnverifiedProperty(finding.urn, finding.property))


def short_name(urn: str) -> str:
    """TYPE::NAME of a resource, as exceptions name it."""
    if not urn:
        return "The stack"
    *_, types, name = urn.split("::", 3)
    return f"{types.rpartition('$')[2]}::{name}"
