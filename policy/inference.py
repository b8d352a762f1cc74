"""The models and endpoints: inside the VPC, isolated, enough of them, scaled and watched."""

from collections.abc import Mapping
from typing import Any

from pulumi_policy import EnforcementLevel, Severity

from policy.access import no_rules, s3_gateways
from policy.controls import checkov, config, fsbp, hipaa, nist, pci, prowler
from policy.findings import Findings, each, with_unverified
from policy.given import Given, values
from policy.iam_documents import matches_any, statements_on
from policy.models import VARIANTS, Variant, attached, endpoint_groups, is_fleet, model_groups, variants, zone_of
from policy.requirements import (
    is_at_least,
    is_not_empty,
    is_true,
    require,
    require_each,
)
from policy.resources import Resource, Stack
from policy.rules import all_of, each_of, resource_rule, stack_rule
from policy.security_groups import GroupRule, group_rules
from private_inference.graph.packages import packages
from private_inference.graph.types import (
    METRIC_ALARM,
    SAGEMAKER_ENDPOINT,
    SAGEMAKER_ENDPOINT_CONFIGURATION,
    SAGEMAKER_MODEL,
    SCALING_TARGET,
    SUBNET,
    VPC,
    VPC_ENDPOINT_POLICY,
)
from private_inference.graph.values import Unknown, UnverifiableError, known

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
NONE = 0
"""https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-autoscale.html (no other scales in to none)"""
BURSTABLE = "ml.t"
"""https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html (not scalable)"""

ISOLATION = [
    fsbp("SageMaker.5"),
    config("sagemaker-model-isolation-enabled"),
    checkov("CKV_AWS_370"),
    prowler("sagemaker_models_network_isolation_enabled"),
    nist("AC-4(21)"),
]
REDUNDANCY = [
    fsbp("SageMaker.4"),
    config("sagemaker-endpoint-config-prod-instance-count"),
    nist("CP-10", "SC-5", "SC-36", "SA-13"),
]


@resource_rule(
    types=[SAGEMAKER_MODEL, SAGEMAKER_ENDPOINT_CONFIGURATION],
    controls=ISOLATION,
    severity=Severity.HIGH,
    fix="set enableNetworkIsolation to true, or record an exception that says what the container needs the network for",
)
def models_are_isolated(model: Resource) -> Findings:
    """Model containers have no network and no credentials of their own: a model is code that others wrote."""
    if model.type == SAGEMAKER_ENDPOINT_CONFIGURATION and not is_fleet(model):
        return
    yield from require(model, "enableNetworkIsolation", is_true, "gives its containers the network")


@stack_rule(
    controls=[nist("SC-36"), hipaa("164.312(e)(1)")],
    severity=Severity.HIGH,
    fix="attach the model to subnets of this stack in two zones or more",
)
@each_of(attached)
def models_span_zones(stack: Stack, model: Resource) -> Findings:
    """Model subnets are this stack's, of one VPC, in two zones or more: SageMaker refuses less."""
    if len(model.get("vpcConfig", "subnets") or []) < 2:
        yield model.violation("is attached to fewer than two zones (vpcConfig.subnets)")
        return
    subnets = stack.targets(model, "vpcConfig", "subnets", type_=SUBNET)
    foreign = len(model.get("vpcConfig", "subnets") or []) - len(subnets)
    if foreign > 0:
        yield model.violation("is attached to subnets that this stack does not declare (vpcConfig.subnets)")
    if len({zone_of(subnet) for subnet in subnets}) < 2:
        yield model.violation("is attached to fewer than two zones (vpcConfig.subnets)")
    vpcs = {vpc.urn for subnet in subnets for vpc in stack.targets(subnet, "vpcId", type_=VPC)}
    if len(vpcs) > 1:
        yield model.violation("is attached to subnets of several VPCs (vpcConfig.subnets)")


@stack_rule(
    controls=[nist("AC-4(21)"), hipaa("164.312(e)(1)")],
    severity=Severity.CRITICAL,
    fix="leave TCP 443 to the S3 prefix list and to the endpoints' group as the only rules of the group",
)
@each_of(model_groups)
def model_groups_reach_services(stack: Stack, group: Resource) -> Findings:
    """Model containers reach S3 and the interface endpoints by HTTPS, and nothing reaches them."""
    yield from with_unverified(no_rules(stack, group, "ingress", f"lets traffic into the models' group {group.name}"))
    yield from _reaches(stack, group)


def _reaches(stack: Stack, group: Resource) -> Findings:
    endpoints = {each.urn for each in endpoint_groups(stack)}
    for rule in group_rules(stack, group, "egress"):
        foreign = [peer for peer in rule.groups if peer.urn not in endpoints]
        if not rule.https_only:
            yield rule.declared_by.violation(f"lets more than TCP 443 out of the models' group {group.name}")
        if foreign or rule.blocks or rule.peers > len(rule.groups) + len(rule.prefix_lists):
            yield rule.declared_by.violation(
                f"lets the models' group {group.name} reach more than S3 and the endpoints' group"
            )
        yield from with_unverified(_names_s3(stack, group, rule))


def _names_s3(stack: Stack, group: Resource, rule: GroupRule) -> Findings:
    """Every prefix list is the S3 gateway's, which AWS makes known once the endpoint exists."""
    lists = [gateway.get("prefixListId") for gateway in s3_gateways(stack)]
    for named in rule.prefix_lists:
        if isinstance(named, Unknown) or any(each is None or isinstance(each, Unknown) for each in lists):
            yield rule.declared_by.unverified("prefixListId")
        elif named not in lists:
            yield rule.declared_by.violation(f"lets the models' group {group.name} reach another prefix list than S3's")


@resource_rule(
    types=[SAGEMAKER_ENDPOINT_CONFIGURATION, SCALING_TARGET],
    controls=REDUNDANCY,
    severity=Severity.MEDIUM,
    fix="set initialInstanceCount and minCapacity to two or more, so that one zone's outage leaves one serving",
    level=EnforcementLevel.ADVISORY,
    options={"minimum": {"type": "number", "minimum": 2, "default": 2, "description": "Instances, at least."}},
)
def two_instances_serve(resource: Resource, *, minimum: float) -> Findings:
    """Variants start with two instances or more, which SageMaker spreads over zones, and scaling leaves as many.

    What asks an asynchronous endpoint waits for an instance; only such a one, and a fleet that inference components
    share, scale in to none.
    """
    if resource.get("scalableDimension") == DIMENSION and resource.get("minCapacity") != NONE:
        yield from require(resource, "minCapacity", is_at_least(minimum), "scales in to too few instances")
    if resource.given("asyncInferenceConfig") is not None:
        return
    started = resource.entries("productionVariants")
    yield from each(resource, started, lambda path, variant: _too_few(path, variant, minimum))


def _managed(variant: Mapping[str, Any]) -> Mapping[str, Any]:
    """How SageMaker itself scales a fleet that inference components share."""
    managed: Mapping[str, Any] = variant.get("managedInstanceScaling") or {}
    return managed if known(managed.get("status")) == "ENABLED" else {}


def _too_few(path: str, variant: Mapping[str, Any], minimum: float) -> str | None:
    if variant.get("serverlessConfig") is not None or _managed(variant).get("minInstanceCount") == NONE:
        return None
    enough = is_at_least(minimum)(variant.get("initialInstanceCount"))
    return None if enough else f"starts with too few instances ({path}.initialInstanceCount)"


@resource_rule(
    types=[SAGEMAKER_ENDPOINT_CONFIGURATION],
    controls=[nist("SC-5")],
    severity=Severity.MEDIUM,
    fix="choose an instance type such as ml.m5.large",
)
def variants_can_scale(configuration: Resource) -> Findings:
    """Variants use no burstable instances: they can't be registered for scaling, and stall when their credits end."""
    for key in VARIANTS:
        yield from require_each(configuration, key, "instanceType", _is_scalable, "uses burstable instances")


def _is_scalable(instance_type: Any) -> bool:
    return not str(known(instance_type)).startswith(BURSTABLE)


@stack_rule(
    controls=ISOLATION,
    severity=Severity.HIGH,
    fix="declare the model in this stack, with vpcConfig and enableNetworkIsolation",
)
@each_of(all_of(SAGEMAKER_ENDPOINT_CONFIGURATION))
def served_models_are_this_stacks(stack: Stack, configuration: Resource) -> Findings:
    """Every variant, shadows included, serves a model of this stack, which the other rules have judged."""
    for key in VARIANTS:
        listed = [variant for _, variant in configuration.entries(key) if known(variant) is not None]
        # A fleet's models are its components': component_models_are_this_stacks judges these.
        named = [each.get("modelName") for each in listed if "modelName" in each or not _managed(each)]
        known_names = [name for name in named if not isinstance(name, Unknown)]
        if None in known_names or any(
            not stack.resolve(configuration, key, [name], SAGEMAKER_MODEL) for name in known_names
        ):
            yield configuration.violation(f"serves a model that this stack does not declare ({key}.modelName)")
        stack.resolve(configuration, key, named, SAGEMAKER_MODEL)


@stack_rule(
    controls=[nist("AC-4(21)"), pci("1.3.6")],
    severity=Severity.HIGH,
    fix="name an artifact of this stack's bucket; if another bucket is yours, let the policy of the S3 gateway name it",
)
@each_of(all_of(SAGEMAKER_MODEL))
def artifacts_come_through_the_gateway(stack: Stack, model: Resource) -> Findings:
    """Models load what the policy of the S3 gateway endpoint lets through: anybody may fill another bucket.

    What a model package loads is for the program to tell.
    """
    given_values = list(values(model))
    named = [given for given in given_values if given.name in ("modelDataUrl", "s3Uri")]
    told = packages(stack)
    chosen = {given.path: given for given in given_values if given.name == "inferenceSpecificationName"}
    for package in (given for given in given_values if given.name == "modelPackageName"):
        by = chosen.get(package.path.replace("modelPackageName", "inferenceSpecificationName"))
        if any(isinstance(given.value, Unknown) for given in (package, by) if given):
            yield model.unverified(package.path)
            continue
        if (key := (package.text, by.text if by else "")) not in told:
            yield model.unverified(package.path)
            continue
        named += [package._replace(value=container["modelDataUrl"]) for container in told[key]]
    for given in named:
        if isinstance(given.value, Unknown):
            if model.comes_from_elsewhere(given.path):
                yield model.unverified(given.path)
        elif given.text.startswith("s3://"):
            yield from _comes_through(stack, model, given)


def _comes_through(stack: Stack, model: Resource, given: Given) -> Findings:
    arn = given.text.replace("s3://", "arn:aws:s3:::", 1)
    gateways = s3_gateways(stack)
    statements = (
        statement
        for gateway in gateways
        for statement in statements_on(stack, gateway, VPC_ENDPOINT_POLICY, "vpcEndpointId")
    )
    try:
        through = any(s.allows and s.grants("s3:GetObject") and matches_any(s.resources, arn) for s in statements)
    except UnverifiableError:
        yield model.unverified(given.path)
    else:
        if gateways and not through:
            yield model.violation(f"loads an artifact that the S3 gateway's policy does not let through ({given.path})")


@stack_rule(
    controls=REDUNDANCY,
    severity=Severity.MEDIUM,
    fix="declare a scaling Target whose resourceId is endpoint/NAME/variant/VARIANT of this endpoint",
)
def variants_are_scaled(stack: Stack) -> Findings:
    """Every production variant with instances has a scaling target, and no target names what does not exist."""
    known_ids = {_resource_id(endpoint, variant) for endpoint, variant in _hosted(stack)}
    expected = {_resource_id(endpoint, variant): endpoint for endpoint, variant in _scaled_by_targets(stack)}
    targets = [each for each in stack.all(SCALING_TARGET) if known(each.get("scalableDimension")) == DIMENSION]
    for target in targets:
        if known(target.get("resourceId")) not in known_ids:
            yield target.violation("names an endpoint or variant that this stack does not declare (resourceId)")
    scaled = {known(target.get("resourceId")) for target in targets}
    for identity, endpoint in expected.items():
        if identity not in scaled:
            yield endpoint.violation(f"has no scaling target for its variant {identity.rpartition('/')[2]}")


def _served(stack: Stack) -> list[tuple[Resource, Variant]]:
    """Every endpoint with each of its production variants that has instances."""
    return [(endpoint, variant) for endpoint, variant in _hosted(stack) if variant.path.startswith(VARIANTS[0])]


def _hosted(stack: Stack) -> list[tuple[Resource, Variant]]:
    """Every endpoint with each of its variants that has instances, shadows included."""
    return [
        (endpoint, variant)
        for endpoint in stack.all(SAGEMAKER_ENDPOINT)
        for configuration in stack.targets(endpoint, "endpointConfigName", type_=SAGEMAKER_ENDPOINT_CONFIGURATION)
        for variant in variants(configuration)
        if not variant.serverless
    ]


def _scaled_by_targets(stack: Stack) -> list[tuple[Resource, Variant]]:
    return [(endpoint, variant) for endpoint, variant in _served(stack) if not _managed(variant.properties)]


def _resource_id(endpoint: Resource, variant: Variant) -> str:
    return f"endpoint/{known(endpoint.get('name'))}/variant/{known(variant.name)}"


@stack_rule(
    controls=[hipaa("164.312(b)"), nist("AU-6(1)")],
    severity=Severity.MEDIUM,
    fix="declare a MetricAlarm with the dimensions EndpointName and VariantName, and an action",
    level=EnforcementLevel.ADVISORY,
)
def variants_are_watched(stack: Stack) -> Findings:
    """Every production variant has an alarm that notifies somebody."""
    watched = {
        (known(alarm.get("dimensions", "EndpointName")), known(alarm.get("dimensions", "VariantName")))
        for alarm in stack.all(METRIC_ALARM)
        if is_not_empty(alarm.get("alarmActions"))
    }
    for endpoint, variant in _served(stack):
        if (known(endpoint.get("name")), known(variant.name)) not in watched:
            yield endpoint.violation(f"has no alarm on its variant {variant.name}")
