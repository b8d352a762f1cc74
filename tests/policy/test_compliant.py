"""The program is what the rules ask for, and what it leaves open before deployment is said."""

import importlib
from dataclasses import replace

import pytest
from pulumi._types import resource_types
from pulumi.output import Unknown
from pulumi_policy import StackValidationPolicy

from tests.policy.graph import Graph
from tests.policy.judge import RULES, judge

pytestmark = pytest.mark.xdist_group("policy")  # one rehearsal for all of them


@pytest.mark.parametrize("rule", RULES)
def test_a_deployed_stack_leaves_nothing_to_say(rule: str, deployed: Graph) -> None:
    judgement = judge(rule, deployed)
    assert judgement.silent, judgement.violations + judgement.unverified


@pytest.mark.parametrize("rule", RULES)
def test_a_previewed_stack_violates_nothing(rule: str, previewed: Graph) -> None:
    assert judge(rule, previewed).violations == []


def with_every_output(graph: Graph) -> Graph:
    """The stack as the Pulumi CLI previews it: whatever else the provider may answer is an unknown output."""
    whole = graph.copy()
    for resource in graph:
        module, _, kind = resource.type.removeprefix("aws:").partition("/")
        if resource.type.startswith("aws:"):
            class_ = getattr(
                importlib.import_module(f"pulumi_aws.{module.replace('lambda', 'lambda_')}"), kind.split(":")[1]
            )
            later = {key: Unknown() for key in [*resource_types(class_), "id"] if key not in resource.outputs}  # type: ignore[no-untyped-call]
            whole.replace(replace(resource, outputs={**resource.outputs, **later}))
    return whole


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if isinstance(rule, StackValidationPolicy)])
def test_outputs_to_come_are_not_taken_for_inputs(rule: str, previewed: Graph) -> None:
    plain, whole = judge(rule, previewed), judge(rule, with_every_output(previewed))
    assert whole.violations == []
    assert set(whole.unverified) == set(plain.unverified)
