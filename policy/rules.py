"""What makes a policy of a check: its name, level, published controls, options, exceptions and message.

A check is a generator of findings. Its function's name is the rule's name, its docstring the rule's description.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Required, TypedDict, Unpack

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

from policy.controls import Controls, framework
from policy.exceptions import APPLIED_EXCEPTIONS, SCHEMA, Applied, parse
from policy.findings import Finding, Findings, Violation, for_each, with_unverified
from policy.resources import Resource, Stack
from private_inference.findings import Unverified, encode
from private_inference.graph.cloudformation import HOLDING, is_held
from private_inference.graph.resources import type_and_name
from private_inference.graph.types import current_type


class NotVerifiedError(UnknownValueError):
    """Makes the SDK report, at advisory level, what a rule of any level could not judge."""

    def __init__(self, findings: Iterable[Unverified]) -> None:
        super().__init__(UNKNOWN_STRING_VALUE, [])
        self.unverified = list(findings)
        self.message = encode(self.unverified)


Options = Mapping[str, Mapping[str, Any]]
"""The options of a rule by name: JSON schemas with defaults."""

ResourceCheck = Callable[..., Findings]
"""Judges one resource by its inputs: (resource, options by name)."""

StackCheck = Callable[..., Findings]
"""Judges all resources of a stack by their outputs: (stack, options by name)."""


class Declaration(TypedDict, total=False):
    """What a rule declares beside its check.

    The first of its controls, if it is of a framework, is the policy's framework. `fix` completes "To fix it: ".
    `level` is mandatory where it is left out. `options` are JSON schemas with defaults, by name.
    """

    controls: Required[Sequence[Controls]]
    severity: Required[Severity]
    fix: Required[str]
    level: EnforcementLevel
    options: Options


def resource_rule(
    *, types: Iterable[str] | None, **declared: Unpack[Declaration]
) -> Callable[[ResourceCheck], ResourceValidationPolicy]:
    """A policy for the resources of some types, or of all, each by itself."""
    judged = None if types is None else frozenset(types)

    def make(check: ResourceCheck) -> ResourceValidationPolicy:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            type_ = current_type(args.resource_type)
            if judged is None or type_ in judged or type_ in HOLDING:
                resources = [each for each in Resource.of_rule(args) if judged is None or each.type in judged]
                _judge(check, declared, resources, [each.urn for each in resources], args.get_config(), report)

        return ResourceValidationPolicy(validate=validate, **_metadata(check, declared))

    return make


def stack_rule(**declared: Unpack[Declaration]) -> Callable[[StackCheck], StackValidationPolicy]:
    """A policy for what only several resources together show."""

    def make(check: StackCheck) -> StackValidationPolicy:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            urns = [each.urn for each in args.resources]
            _judge(check, declared, [Stack.of(args.resources)], urns, args.get_config(), report)

        return StackValidationPolicy(validate=validate, **_metadata(check, declared))

    return make


def each_of(select: Callable[[Stack], Iterable[Resource]]) -> Callable[[StackCheck], StackCheck]:
    """A stack's check from a check of (stack, resource, options by name): it judges each selected resource alone."""

    def make(check: StackCheck) -> StackCheck:
        @functools.wraps(check)
        def judge(stack: Stack, **options: Any) -> Findings:
            yield from for_each(select(stack), lambda resource: check(stack, resource, **options))

        return judge

    return make


def all_of(type_: str) -> Callable[[Stack], Iterable[Resource]]:
    """Selects the resources of a type."""
    return lambda stack: stack.all(type_)


def names(description: str, pattern: str = r"^[^*?]+$") -> Mapping[str, Any]:
    """The JSON schema of an option that is a list of names, without wildcards."""
    items = {"type": "string", "pattern": pattern}
    return {"type": "array", "items": items, "default": [], "description": description}


def _name(check: ResourceCheck | StackCheck) -> str:
    return check.__name__.replace("_", "-")


def _metadata(check: ResourceCheck | StackCheck, declared: Declaration) -> dict[str, Any]:
    first = next(map(framework, declared["controls"]), None)
    labels = [label for controls in declared["controls"] for label in controls.labels]
    schema = {name: dict(option) for name, option in declared.get("options", {}).items()} | {"exceptions": SCHEMA}
    return {
        "name": _name(check),
        "description": " ".join((check.__doc__ or "").split()),
        "enforcement_level": declared.get("level", EnforcementLevel.MANDATORY),
        "severity": declared["severity"],
        "framework": first,
        "tags": labels[1:] if first else labels,
        "remediation_steps": declared["fix"],
        "config_schema": PolicyConfigSchema(schema),
    }


def _options(declared: Declaration, config: Mapping[str, Any]) -> dict[str, Any]:
    """The engine fills defaults in; whoever calls the pack without one gets them here."""
    return {name: config.get(name, option["default"]) for name, option in declared.get("options", {}).items()}


def _findings(check: Callable[..., Findings], target: Resource | Stack, options: Mapping[str, Any]) -> Findings:
    """What a check finds, and one violation more if it fails: a rule never ends silently, nor ends the others."""
    try:
        yield from with_unverified(check(target, **options))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        urn = target.urn if isinstance(target, Resource) else ""
        yield Violation(urn, f"has a property of a shape that this rule can't read ({type(error).__name__})")


def _judge(
    check: Callable[..., Findings],
    declared: Declaration,
    targets: Sequence[Resource | Stack],
    urns: Iterable[str],
    config: Mapping[str, Any],
    report: ReportViolation,
) -> None:
    """Report what a check finds in its targets (resources, or the stack with the resources `urns`), less exceptions.

    What isn't known of a resource that another one holds stays so when it is deployed: it is refused.
    """
    rule = _name(check)
    exemptions = parse(config.get("exceptions", []))
    options = _options(declared, config)
    unverified = []
    found = [finding for target in targets for finding in _findings(check, target, options)]
    for finding in dict.fromkeys(found):
        exemption = next((each for each in exemptions if each.covers(finding.urn) and not each.expired), None)
        if exemption:
            APPLIED_EXCEPTIONS.record(Applied(rule, finding.urn, _what(finding), exemption))
        elif isinstance(finding, Unverified) and not is_held(finding.urn):
            unverified.append(finding)
        else:
            report(f"{short_name(finding.urn)} {_what(finding)}. To fix it: {declared['fix']}.", finding.urn or None)
    expired = [(urn, each) for urn in urns for each in exemptions if each.expired and each.covers(urn)]
    for urn, exemption in expired:
        report(
            f"{short_name(urn)} was excepted until {exemption.expires} ({exemption.reason}). "
            "To fix it: make it comply and remove the exception, or have the exception renewed.",
            urn,
        )
    if unverified:
        raise NotVerifiedError(unverified)


def _what(finding: Finding) -> str:
    if isinstance(finding, Violation):
        return finding.what
    return f"isn't known to this rule even then ({finding.property})" if is_held(finding.urn) else str(finding)


def short_name(urn: str) -> str:
    """TYPE::NAME of a resource, as exceptions name it."""
    return "::".join(type_and_name(urn)) if urn else "The stack"
