"""What the plugin knows of each type that the stacks are made of."""

from pathlib import Path

import pytest

from private_inference.life.deletions import DELETIONS
from private_inference.life.updates import PUT, UPDATES
from private_inference.rehearsal.handlers import HANDLERS
from private_inference.runner.project import load_stack
from private_inference.terraform.replacements import UnknownReplacementError, load_replacements, replacing
from tests.support.recording import ROOT, record
from tests.support.stacks import shipped

pytestmark = pytest.mark.xdist_group("types")  # each worker would run all programs

EXAMPLES = [str(path.relative_to(ROOT)) for path in (ROOT / "examples" / "stacks").glob("*/Pulumi.*.yaml")]


@pytest.fixture(scope="module")
def properties(archive: Path) -> dict[str, set[str]]:
    """The types of the project's stacks and of the examples, and the properties that the program gives them."""
    found: dict[str, set[str]] = {}
    stacks = [shipped(stack, archive) for stack in ("dev", "staging", "prod")]
    for config in (*stacks, *(load_stack(ROOT, stack) for stack in EXAMPLES)):
        for resource in record(config).run.all_resources:
            if resource.type in HANDLERS:
                found.setdefault(resource.type, set()).update(resource.properties)
    return found


def test_each_type_can_be_deleted(properties: dict[str, set[str]]) -> None:
    assert set(properties) - set(DELETIONS) == set()


def test_each_type_that_the_provider_updates_in_place_can_be_updated(properties: dict[str, set[str]]) -> None:
    updated = {kind for kind in properties if kind.startswith("aws:") and load_replacements()[kind]["update"]}
    missing = updated - {*PUT, *UPDATES}
    # Of these the program gives only what replaces them, or what it never changes.
    assert missing == {
        "aws:apigateway/deployment:Deployment",
        "aws:apigateway/integrationResponse:IntegrationResponse",
        "aws:apigateway/methodResponse:MethodResponse",
        "aws:apigateway/resource:Resource",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:sns/topicSubscription:TopicSubscription",
    }


NOT_TRIED = {
    "aws:apigateway/domainNameAccessAssociation:DomainNameAccessAssociation",
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
    "aws:ec2/defaultRouteTable:DefaultRouteTable",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
}
"""Of a list of objects no other value was tried, and a kind of source has one value."""


def test_of_each_property_it_is_known_whether_it_replaces(properties: dict[str, set[str]]) -> None:
    unknown: dict[str, set[str]] = {}
    of_aws = {kind: names for kind, names in properties.items() if kind.startswith("aws:")}
    for kind, names in of_aws.items():
        for name in names:
            try:
                replacing(kind, {name})
            except UnknownReplacementError:
                unknown.setdefault(kind, set()).add(name)
    assert unknown.keys() == NOT_TRIED, unknown


def test_a_change_that_nobody_tried_is_no_guess() -> None:
    with pytest.raises(UnknownReplacementError, match=r"aws:ec2/vpc:Vpc: whether a change of colour replaces"):
        replacing("aws:ec2/vpc:Vpc", {"cidrBlock", "colour"})


def test_pulumi_names_are_the_providers_arguments() -> None:
    assert replacing("aws:ecr/repository:Repository", {"encryptionConfigurations", "tags"}) == {
        "encryptionConfigurations"
    }
    assert replacing("aws:cloudwatch/metricAlarm:MetricAlarm", {"name", "threshold"}) == {"name"}
