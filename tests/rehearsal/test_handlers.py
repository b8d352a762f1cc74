"""The handlers, against what the Pulumi SDK says of each type."""

import importlib
import inspect
from typing import Any

import pytest

from private_inference.rehearsal.handlers import HANDLERS
from private_inference.runner.resource import Resource
from tests.rehearsal.conftest import Rehearse, Rehearsed

ON_PREMISES = {
    "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment",
    "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
    "aws:ec2/route:Route",
}
"""Rehearsed in test_prerequisites.py, where the account has a gateway."""

TEMPLATES = {"aws:cloudformation/stack:Stack"}
"""Made by tests/verification/test_components.py."""
BUILDS = {"docker-build:index:Image"}
"""Made by tests/verification/test_built_image.py."""
ORGANIZATION = {"aws:organizations/policy:Policy", "aws:organizations/policyAttachment:PolicyAttachment"}
"""Rehearsed there, too, where the account has an organization."""

HUB = {kind for kind in HANDLERS if kind.startswith("aws:ec2transitgateway/")}
"""Rehearsed in tests/verification/test_callers.py, with the network team's program."""

ELSEWHERE = ON_PREMISES | TEMPLATES | BUILDS | ORGANIZATION | HUB

LEFT_OUT = {
    "aws:s3/bucket:Bucket": {
        # Website hosting, which a private bucket has not, and the zone id that only a DNS alias to a website needs.
        "hostedZoneId",
        "websiteDomain",
        "websiteEndpoint",
    },
    "aws:lambda/function:Function": {
        # Invocation by API Gateway and code signing.
        "qualifiedInvokeArn",
        "responseStreamingInvokeArn",
        "signingJobArn",
        "signingProfileVersionArn",
    },
}
"""Computed outputs that no handler gives, and why nobody misses them."""


def sdk_class(kind: str) -> Any:
    package, module, name = kind.split(":")
    first = module.partition("/")[0]
    within = {"index": "", "lambda": ".lambda_"}.get(first, f".{first}")
    return getattr(importlib.import_module(f"pulumi_{package.replace('-', '_')}{within}"), name)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def computed_outputs(kind: str) -> set[str]:
    """Outputs of a type that are not inputs and that the SDK says are always there."""
    cls = sdk_class(kind)
    inputs = {camel(name) for name in inspect.signature(cls._internal_init).parameters}
    return {
        camel(name)
        for name, member in vars(cls).items()
        if isinstance(member, property) and "Optional" not in str(member.fget.__annotations__["return"])
    } - inputs


def resources(rehearsed: Rehearsed) -> list[Resource]:
    return [item for item in rehearsed.run.all_resources if item.type in HANDLERS]


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_default_tags_go_to_the_types_that_have_them(kind: str) -> None:
    assert HANDLERS[kind].taggable == hasattr(sdk_class(kind), "tags_all")


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_the_property_that_is_named_automatically_may_be_left_out(kind: str) -> None:
    name = HANDLERS[kind].auto_name
    if name:
        parameters = inspect.signature(sdk_class(kind)._internal_init).parameters
        assert parameters[name].default is None


def test_the_project_uses_every_handler(rehearsed: Rehearsed) -> None:
    assert {item.type for item in resources(rehearsed)} == set(HANDLERS) - ELSEWHERE


@pytest.mark.parametrize("kind", sorted(set(HANDLERS) - ELSEWHERE))
def test_a_resource_has_every_output_that_the_sdk_promises(rehearsed: Rehearsed, kind: str) -> None:
    for resource in resources(rehearsed):
        if resource.type == kind:
            missing = {name for name in computed_outputs(kind) if resource.outputs.get(name) is None}
            assert missing == LEFT_OUT.get(kind, set())


def test_ids_and_arns_are_those_of_aws(rehearsed: Rehearsed) -> None:
    """Every ARN that an output holds names the account and region of the embedded AWS."""
    account = rehearsed.run.outputs["accountId"]
    for resource in resources(rehearsed):
        arn = resource.outputs.get("arn", "")
        if arn:
            _, partition, _, region, owner, rest = arn.split(":", 5)
            assert (partition, rest != "") == ("aws", True), arn
            assert region in ("", "eu-west-1"), arn
            assert owner in ("", account), arn


def test_a_region_other_than_the_embedded_one_is_not_rehearsed(rehearse: Rehearse) -> None:
    with pytest.raises(Exception, match="region is eu-central-1, and the rehearsal knows eu-west-1 only"):
        rehearse('aws.kms.Key("key", region="eu-central-1")')
