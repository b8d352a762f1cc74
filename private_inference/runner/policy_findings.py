"""What a policy pack says of its rules and of resources, read from the messages of the Analyzer protocol."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import analyzer_pb2

from private_inference.findings import decode
from private_inference.runner.policy_config import LEVELS, Level

Kind = Literal["violation", "unverified", "exception"]

SEVERITIES = {
    analyzer_pb2.POLICY_SEVERITY_UNSPECIFIED: "",
    analyzer_pb2.POLICY_SEVERITY_LOW: "low",
    analyzer_pb2.POLICY_SEVERITY_MEDIUM: "medium",
    analyzer_pb2.POLICY_SEVERITY_HIGH: "high",
    analyzer_pb2.POLICY_SEVERITY_CRITICAL: "critical",
}

EXCEPTIONS = "exceptions-in-force"
"""The rule by which our pack lists what exceptions kept it from reporting."""


@dataclass(frozen=True)
class Rule:
    """What a pack says of one of its rules."""

    name: str
    description: str
    level: Level
    severity: str
    controls: tuple[str, ...]
    remediation: str
    of_stack: bool
    options: Mapping[str, Any]


@dataclass(frozen=True)
class PolicyFinding:
    """What a rule found out about a resource (or, with an empty URN, about the stack).

    `kind` is "violation"; "unverified" for a property that must be known and isn't before deployment; or "exception"
    for what would be a violation. `message` says what is wrong and how to fix it, `why` what the rule is for.
    """

    rule: str
    kind: Kind
    level: Level
    severity: str
    urn: str
    message: str
    why: str

    @property
    def blocks(self) -> bool:
        """Whether a deployment with this finding is refused."""
        return self.kind == "violation" and self.level == "mandatory"


def rule_of(policy: analyzer_pb2.PolicyInfo) -> Rule:
    """A rule from the pack's description of it."""
    framework = f"{policy.framework.name} {policy.framework.reference}".strip()
    return Rule(
        name=policy.name,
        description=policy.description,
        level=LEVELS[policy.enforcementLevel],
        severity=SEVERITIES[policy.severity],
        controls=tuple(filter(None, [framework, *policy.tags])),
        remediation=policy.remediation_steps,
        of_stack=policy.policy_type == analyzer_pb2.POLICY_TYPE_STACK,
        options={
            name: schema
            for name, schema in MessageToDict(policy.configSchema.properties).items()
            if name != "exceptions"
        },
    )


def findings_in(diagnostic: analyzer_pb2.AnalyzeDiagnostic, rule: Rule) -> Iterator[PolicyFinding]:
    """The findings of a diagnostic: one, or one for each property that the rule could not verify."""
    # What a rule reports begins with its description. The SDK's own report of a rule that met an unknown value doesn't.
    reported = diagnostic.message.startswith(diagnostic.description)
    text = diagnostic.message.removeprefix(diagnostic.description).strip()
    level = LEVELS[diagnostic.enforcementLevel]
    kind: Kind = "unverified" if not reported else "exception" if rule.name == EXCEPTIONS else "violation"
    finding = PolicyFinding(rule.name, kind, level, rule.severity, diagnostic.urn, text, rule.description)
    unverified = [] if reported else decode(text)
    if unverified:
        yield from (replace(finding, urn=each.urn, message=str(each)) for each in unverified)
    else:
        yield finding
