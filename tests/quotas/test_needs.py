"""What a stack needs of each quota."""

from pathlib import Path
from typing import Any

import pytest

from private_inference.cli.quotas import stack_needs
from private_inference.graph import types
from private_inference.graph.resources import Resource
from private_inference.quotas.account import Allowances
from private_inference.quotas.needs import Need, needs
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, settings_of
from tests.support.stacks import shipped

LISTED = (
    "L-F678F1CE", "L-E79EC296", "L-1B52E74A", "L-FE177D64", "L-E95E4862", "L-DC2B2D3D", "L-61103206", "L-C3B871CB",
    "L-1AAF0700",
)  # fmt: skip


def declared(type_: str, named: str, /, **properties: Any) -> Resource:
    return Resource(f"urn:pulumi:s::p::{type_}::{named}", type_, named, properties, {})


def endpoint(update: dict[str, Any], **variant: Any) -> list[Resource]:
    """An endpoint with one variant, and what scales it to five."""
    each = {"variantName": "v", "instanceType": "ml.m5.large", "initialInstanceCount": 2} | variant
    return [
        declared(types.SAGEMAKER_ENDPOINT_CONFIGURATION, "c", name="c", productionVariants=[each]),
        declared(types.SAGEMAKER_ENDPOINT, "e", name="e", endpointConfigName="c", deploymentConfig=update),
        declared(types.SCALING_TARGET, "t", resourceId="endpoint/e/variant/v", maxCapacity=5.0),
    ]


def amounts(found: list[Need]) -> dict[str, int]:
    return {need.quota.code or need.quota.name: need.amount for need in found}


def rolling(type_: str, value: float) -> dict[str, Any]:
    return {"rollingUpdatePolicy": {"maximumBatchSize": {"type": type_, "value": value}}}


@pytest.mark.parametrize(
    ("update", "needed"),
    [
        ({"blueGreenUpdatePolicy": {}}, 10),
        (rolling("INSTANCE_COUNT", 2.0), 7),
        (rolling("CAPACITY_PERCENT", 50.0), 8),
    ],
)
def test_instances_have_the_headroom_of_an_update(update: dict[str, Any], needed: int) -> None:
    found = amounts(needs(endpoint(update)))
    assert found["ml.m5.large for endpoint usage"] == found["L-7A3DF611"] == needed
    assert found["L-ED8DEE9B"] == 5


def test_a_variant_that_is_not_scaled_has_its_initial_instances() -> None:
    found = amounts(needs(endpoint({}, variantName="other")))
    assert found["L-7A3DF611"] == 4


def test_a_shadow_has_instances_too() -> None:
    configuration, *rest = endpoint({})
    shadow = {"variantName": "shadow", "instanceType": "ml.c5.xlarge", "initialInstanceCount": 3}
    both = declared(configuration.type, "c", **configuration.properties, shadowProductionVariants=[shadow])
    found = amounts(needs([both, *rest]))
    assert (found["ml.c5.xlarge for endpoint usage"], found["L-7A3DF611"]) == (6, 16)


def test_a_variant_without_instances_needs_none() -> None:
    assert "L-7A3DF611" not in amounts(needs(endpoint({}, instanceType=None)))


@pytest.mark.parametrize(("percent", "needed"), [(None, 4), (200, 4), (150, 3)])
def test_a_service_has_the_tasks_of_a_deployment(percent: int | None, needed: int) -> None:
    definition = declared(types.TASK_DEFINITION, "t", arn="arn:of:t", cpu="512")
    service = declared(
        types.CONTAINER_SERVICE,
        "s",
        taskDefinition="arn:of:t",
        desiredCount=4,
        deploymentMaximumPercent=percent,
    )
    assert amounts(needs([definition, service]))["L-3032A538"] == needed


def test_rules_are_counted_by_group_or_acl_and_direction() -> None:
    rules = [declared(types.INGRESS_RULE, f"in-{each}", securityGroupId="sg-1") for each in range(3)]
    rules += [declared(types.EGRESS_RULE, f"out-{each}", securityGroupId="sg-1") for each in range(2)]
    rules += [declared(types.NETWORK_ACL_RULE, f"r{each}", networkAclId="acl-1", egress=False) for each in range(19)]
    rules += [declared(types.NETWORK_ACL_RULE, f"o{each}", networkAclId="acl-1", egress=True) for each in range(4)]
    found = {need.quota.code: need for need in needs(rules)}
    assert (found["L-0EA8095F"].amount, found["L-0EA8095F"].of) == (3, "sg-1 ingress")
    assert (found["L-2AEEBF1A"].amount, found["L-2AEEBF1A"].of) == (20, "acl-1 ingress"), "with the one that denies"


def test_documents_count_without_white_space() -> None:
    policy = declared(types.IAM_POLICY, "p", policy='{"Version": "2012-10-17",  "Statement": []}')
    assert amounts(needs([policy]))["managed-policy-length"] == len('{"Version":"2012-10-17","Statement":[]}')


def test_what_lists_endpoints_grows_with_them() -> None:
    """A rule's pattern and a trail's selectors name each endpoint: they are what a large stack meets first."""
    pattern = '{"detail": {"EndpointName": ["one", "two"]}}'
    selectors = [
        {"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}, {"field": "f", "equals": ["a", "b"]}]}
    ]
    found = amounts(
        needs(
            [
                declared("aws:cloudwatch/eventRule:EventRule", "r", eventPattern=pattern),
                declared(types.TRAIL, "t", advancedEventSelectors=selectors),
            ]
        )
    )
    assert found["L-664C5505"] == len('{"detail":{"EndpointName":["one","two"]}}')
    assert found["advanced-selector-values"] == 3


@pytest.fixture(scope="module")
def config(archive: Path) -> StackConfig:
    return shipped("dev", archive)


@pytest.fixture(scope="module")
def growth(config: StackConfig) -> dict[str, float]:
    """What an account uses more of each quota once the stack is there."""
    with prepared_aws(settings_of(config)) as aws:
        before = used(aws)
        run_program(config, MotoEngine(aws))
        after = used(aws)
    return {code: after[code] - before[code] for code in after}


def used(aws: EmbeddedAws) -> dict[str, float]:
    allowances = Allowances(aws.client)
    found = {code: allowances.listed(code) for code in (*LISTED, "L-DF5E4CA3")}
    return {code: each for code, each in found.items() if each is not None}


def test_an_account_then_uses_what_was_counted(config: StackConfig, growth: dict[str, float]) -> None:
    """The counts of the services themselves are the referee."""
    counted = amounts(stack_needs(config))
    assert {code: growth[code] for code in LISTED} == {code: counted[code] for code in LISTED}
    assert growth["L-DF5E4CA3"] <= counted["L-DF5E4CA3"], "interfaces are counted for the most instances"
