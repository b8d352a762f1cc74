"""Where what runs is placed: in subnets that somebody chose, for AWS's default network leads to the internet."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pulumi_policy import Severity

from policy.controls import PRIVATE_ONLY, checkov, nist, prowler, security_hub
from policy.findings import Findings
from policy.given import Given, values
from policy.resources import Resource
from policy.rules import resource_rule
from policy.schema import corrections
from private_inference.graph.schema import names_in, names_of
from private_inference.graph.values import Unknown, is_given, known

SUBNETS = re.compile(r"(\w*S|s)ubnet(Ids?|s|GroupName|GroupId|GroupIdentifier|Mappings?|Arns)|vpcZoneIdentifiers")
"""Names of properties that say in which subnets something is."""


@resource_rule(
    types=None,
    controls=[
        checkov("CKV_AWS_117"),
        security_hub("Lambda.3"),
        prowler("awslambda_function_inside_vpc", "sagemaker_training_jobs_vpc_settings_configured"),
        nist("AC-4(21)"),
        *PRIVATE_ONLY,
    ],
    severity=Severity.CRITICAL,
    fix="give it subnets, or a subnet group, of this stack",
)
def subnets_are_chosen(resource: Resource) -> Findings:
    """What can be in subnets says in which: else AWS runs it in the account's default network, or in none of yours.

    A security group says it, too, where AWS would take the default network: it refuses groups of another one there.
    """
    table = corrections()["placement"]
    wanted = {name for name in names_of(resource.type) if SUBNETS.fullmatch(name)}
    if not wanted or resource.type in table["by others"]:
        return
    given = [each for each in values(resource) if is_given(each.value)]
    hiding = [each for each in given if isinstance(each.value, Unknown) and _may_be_without(resource, each, wanted)]
    placed = any(SUBNETS.fullmatch(step) for each in given if each not in hiding for step in each.path.split("."))
    if placed or any(is_given(resource.get(path)) for path in table["or by"].get(resource.type, ())):
        return
    for each in hiding:
        yield resource.unverified(each.path)
    if not hiding:
        yield resource.violation(f"is in no subnet that somebody chose ({' or '.join(sorted(wanted))})")


def _may_be_without(resource: Resource, unknown: Given, wanted: Collection[str]) -> bool:
    """Whether an unknown is a list of subnets that may be empty, or a block that may hold none."""
    listed = unknown.path.endswith(unknown.name) and unknown.name.endswith("s") and unknown.name in wanted
    return listed or bool(names_in(resource.type, unknown.path) & {name.lower() for name in wanted})


JOBS = ("AutoML", "Processing", "Training", "Tuning")
"""Steps that run code on instances of their own. The others use a model's network, or none.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html
"""


@resource_rule(
    types=["aws:sagemaker/pipeline:Pipeline"],
    controls=[prowler("sagemaker_training_jobs_vpc_settings_configured"), *PRIVATE_ONLY],
    severity=Severity.CRITICAL,
    fix="give the step's arguments a VpcConfig with subnets of this stack",
)
def pipelines_run_in_the_network(pipeline: Resource) -> Findings:
    """Every job of a pipeline runs in the VPC: elsewhere its code has the internet."""
    text = pipeline.get("pipelineDefinition")
    try:
        definition = json.loads(known(text)) if text else None
    except ValueError:
        yield pipeline.violation("is no JSON (pipelineDefinition)")
        return
    for name in _jobs_without_vpc(definition):
        yield pipeline.violation(f"runs its step {name} beside the VPC (pipelineDefinition)")


def _jobs_without_vpc(node: Any) -> Iterator[str]:
    """The names of a definition's steps, at any depth, that run a job and nowhere say in which VPC."""
    if isinstance(node, Mapping):
        if node.get("Type") in JOBS and '"VpcConfig"' not in json.dumps(node):
            yield str(node.get("Name"))
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from _jobs_without_vpc(each)
