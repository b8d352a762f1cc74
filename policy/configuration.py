"""What a configuration may do to the pack: except resources, until a day, and set options. It weakens no rule but one.

Where things are tried out, what no rule judges may be told only: `resources-are-judged` may be advisory.

A rule isn't told its own level, and one that watched over the others' levels could be lowered with them. So the pack
refuses the configuration as a whole, and the engine stops.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel, ReportViolation, StackValidationArgs, StackValidationPolicy
from pulumi_policy.policy import _PolicyAnalyzerServicer

from policy.exceptions import APPLIED_EXCEPTIONS, parse
from policy.rules import short_name

WEAKEST_FIRST = (analyzer_pb2.DISABLED, analyzer_pb2.ADVISORY, analyzer_pb2.MANDATORY, analyzer_pb2.REMEDIATE)

MAY_BE_ADVISORY = ("resources-are-judged",)

SET_OPTIONS: list[str] = []
"""What the configuration of this process, which serves one operation, set: options and a level, in words."""


class Analyzer(_PolicyAnalyzerServicer):
    """The SDK's server of a pack, which refuses a configuration that weakens it."""

    def Configure(  # noqa: N802 - the protocol's name
        self, request: analyzer_pb2.ConfigureAnalyzerRequest, context: grpc.ServicerContext
    ) -> Any:
        info = self.GetAnalyzerInfo(None, None)  # type: ignore[no-untyped-call]
        configured = [
            (rule, request.policyConfig[rule.name]) for rule in info.policies if rule.name in request.policyConfig
        ]
        problems = [problem for rule, config in configured for problem in _problems(rule, config)]
        if problems:
            text = f"the pack can't be weakened: {'; '.join(problems)}. To fix it: except resources, each until a day."
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, text)
        SET_OPTIONS[:] = [
            f"{rule.name} is configured with {name} {json.dumps(value)}"
            for rule, config in configured
            for name, value in _set(rule, config).items()
            if name != "exceptions"
        ] + [f"{rule.name} is advisory" for rule, config in configured if _is_advisory(rule, config)]
        return super().Configure(request, context)  # type: ignore[no-untyped-call]


def _problems(rule: analyzer_pb2.PolicyInfo, config: analyzer_pb2.PolicyConfig) -> Iterator[str]:
    own, given = (WEAKEST_FIRST.index(each.enforcementLevel) for each in (rule, config))
    if given < own and not _is_advisory(rule, config):
        words = [analyzer_pb2.EnforcementLevel.Name(WEAKEST_FIRST[level]).lower() for level in (own, given)]
        yield f"{rule.name} is lowered from {words[0]} to {words[1]}"
    yield from (f"{rule.name}: {problem}" for problem in _refused(rule, _set(rule, config)))


def _is_advisory(rule: analyzer_pb2.PolicyInfo, config: analyzer_pb2.PolicyConfig) -> bool:
    """Whether the level is one that a configuration may lower, and is lowered no further."""
    return rule.name in MAY_BE_ADVISORY and config.enforcementLevel == analyzer_pb2.ADVISORY


def _set(rule: analyzer_pb2.PolicyInfo, config: analyzer_pb2.PolicyConfig) -> Mapping[str, Any]:
    """The options that are not at their defaults, which the engine fills in."""
    schemas = MessageToDict(rule.configSchema.properties)
    given = MessageToDict(config.properties)
    return {name: value for name, value in given.items() if value != schemas.get(name, {}).get("default")}


def _refused(rule: analyzer_pb2.PolicyInfo, options: Mapping[str, Any]) -> Iterable[str]:
    """What the schemas of a rule's options don't allow: they allow what tightens it, and names without wildcards."""
    if not options:
        return []
    import jsonschema  # a tenth of a second, for configurations with options only

    schema = {"properties": MessageToDict(rule.configSchema.properties), "additionalProperties": False}
    problems = [
        f"{'.'.join(map(str, each.absolute_path))}: {each.message}"
        for each in jsonschema.Draft7Validator(schema).iter_errors(options)
    ]
    try:
        parse([] if problems else options.get("exceptions", []))
    except ValueError as error:
        return [f"exceptions: {error}"]
    return problems


def _list_configuration(_: StackValidationArgs, report: ReportViolation) -> None:
    for applied in APPLIED_EXCEPTIONS.take():
        until = f"{applied.exemption.expires} ({applied.exemption.reason})"
        report(f"{short_name(applied.urn)} is excepted from {applied.rule} until {until}: {applied.what}", applied.urn)
    for option in SET_OPTIONS:
        report(option, None)


exceptions_in_force = StackValidationPolicy(
    "exceptions-in-force",
    "Exceptions and options are listed with each run: what a rule would have reported, why it doesn't, until when.",
    _list_configuration,
    EnforcementLevel.ADVISORY,
    remediation_steps="When the last day has passed, the rule is enforced again and the exception is a violation.",
)
