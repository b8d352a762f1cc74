"""The closed world: what no rule judges is refused, and so is what hides other resources."""

import re
from collections.abc import Iterator
from functools import cache

from pulumi_policy import Severity

from policy.controls import nist
from policy.findings import Findings
from policy.given import Given, each_value, values
from policy.network import WAYS_OUT
from policy.resources import Resource
from policy.rules import resource_rule
from policy.schema import corrections
from private_inference.graph.cloudformation import HOLDING
from private_inference.graph.hidden import EXPANDED, hidden_by
from private_inference.graph.values import is_given

DEFINED_ELSEWHERE = ("pipelineDefinitionS3Location", "templateUrl", "templateS3Location")
"""Properties that name a file which says what a resource does."""

CALL = re.compile(r"^arn:aws[\w-]*:(?:states|scheduler):::aws-sdk:(\w+):(\w+)")
"""A call of AWS that a workflow or a schedule makes: its service and its action.

https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
"""
OF_NETWORK_AND_IDENTITY = (
    "cloudcontrol", "cloudformation", "ec2", "iam", "organizations", "ram", "route53", "route53resolver",
)  # fmt: skip
"""Services that make what other rules judge where a program declares it."""
CALLING = ("aws:scheduler/schedule:Schedule", "aws:sfn/stateMachine:StateMachine")
READING = ("describe", "get", "list", "search")


@cache
def _judged() -> frozenset[str]:
    listed = (type_ for types in corrections()["judged"].values() for type_ in types)
    return frozenset([*listed, *WAYS_OUT, *EXPANDED])


@resource_rule(
    types=None,
    controls=[nist("CM-7(5)"), nist("AC-4(21)")],
    severity=Severity.HIGH,
    fix="use a type that the pack judges (corrections.json), add a rule for this one, or record an exception that says "
    "why it opens nothing",
)
def resources_are_judged(resource: Resource) -> Findings:
    """Whatever no rule judges is refused, so that what nobody thought of doesn't pass; so is what hides resources."""
    type_ = resource.type
    elsewhere = [key for key in DEFINED_ELSEWHERE if is_given(resource.get(key))]
    for key in elsewhere:
        yield resource.violation(f"is defined by a file that no rule reads ({key})")
    yield from each_value(resource, _makes_unseen, among=_calling(resource))
    if elsewhere or type_ in _judged() or type_.split(":")[0] in corrections()["other packages"]:
        return
    hidden = list(hidden_by(resource))
    yield from map(resource.violation, hidden)
    if not hidden and type_ not in HOLDING and _is_of_a_provider(type_):
        yield resource.violation("is of a type that no rule judges")


def _calling(resource: Resource) -> Iterator[Given]:
    return values(resource) if resource.type in CALLING else iter(())


def _makes_unseen(given: Given) -> str | None:
    found = CALL.match(given.text)
    if found and found[1] in OF_NETWORK_AND_IDENTITY and not found[2].startswith(READING):
        return f"makes by {found[1]}:{found[2]} what no rule sees"
    return None


def _is_of_a_provider(type_: str) -> bool:
    """Whether a type is a provider's. A component's is PACKAGE:MODULE:Type; what it is made of is judged by itself."""
    _, module, _ = type_.split(":", 2)
    return "/" in module or module == "index" or type_.startswith("kubernetes:")
