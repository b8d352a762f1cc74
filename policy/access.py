"""How workloads reach AWS services: through endpoints of the VPC, each bounded to what it is for."""

import itertools
import re
from collections.abc import Iterator, Sequence

from pulumi_policy import Severity

from policy.addresses import PRIVATE_BLOCKS, within
from policy.controls import BOUNDARY, PRIVATE_ONLY, config, hipaa, nist, pci, prowler, security_hub
from policy.findings import Findings, for_each, with_unverified
from policy.iam_documents import Statement, readable
from policy.models import endpoint_groups, model_subnets, zone_of
from policy.network import route_table_of
from policy.requirements import each_allowing, has_at_least, is_not_empty, is_true, require
from policy.resources import Resource, Stack
from policy.rules import each_of, names, resource_rule, stack_rule
from policy.schema import takes_no_resource
from policy.security_groups import group_rules
from private_inference.graph.endpoint_services import short_service
from private_inference.graph.existing import exists
from private_inference.graph.security_groups import Direction
from private_inference.graph.types import (
    BUCKET,
    ROUTE_TABLE,
    SAGEMAKER_MODEL,
    SUBNET,
    VPC,
    VPC_ENDPOINT,
    VPC_ENDPOINT_POLICY,
    VPC_ENDPOINT_ROUTE_TABLE,
)
from private_inference.graph.values import Unknown, known

RUNTIME = "sagemaker.runtime"
WITHOUT_POLICIES = ("sagemaker.runtime-fips", "sagemaker.api-fips")
"""AWS supports no endpoint policy on these.

https://docs.aws.amazon.com/sagemaker/latest/dg/interface-vpc-endpoint.html
"""

WITHOUT_PRIVATE_NAME = ("dynamodb",)
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-interface-endpoints.html"""


def service(endpoint: Resource) -> str:
    """The service of an endpoint as AWS names it after the region: `s3`, `sagemaker.runtime`."""
    return short_service(str(known(endpoint.get("serviceName"))))


def is_interface(endpoint: Resource) -> bool:
    """Whether an endpoint has network interfaces. AWS's default is a gateway."""
    return bool(known(endpoint.get("vpcEndpointType")) == "Interface")


@resource_rule(
    types=[VPC_ENDPOINT],
    controls=[*BOUNDARY, nist("SC-22", "SC-36"), prowler("vpc_endpoint_multi_az_enabled")],
    severity=Severity.HIGH,
    fix="set privateDnsEnabled to true, and name the access tier's security group and a subnet in each of two zones",
)
def interface_endpoints_are_whole(endpoint: Resource) -> Findings:
    """Interface endpoints answer to the service's own name, in two subnets or more, and name their security group.

    Without, calls leave for public addresses, stop with one zone, or pass what the VPC's default group lets pass.
    """
    if not is_interface(endpoint):
        return
    if service(endpoint) not in WITHOUT_PRIVATE_NAME:
        yield from with_unverified(require(endpoint, "privateDnsEnabled", is_true, "has no private DNS name"))
    yield from with_unverified(
        require(endpoint, "subnetIds", has_at_least(2), "has interfaces in fewer than two subnets")
    )
    yield from require(endpoint, "securityGroupIds", is_not_empty, "names no security group")


@resource_rule(
    types=[VPC_ENDPOINT, VPC_ENDPOINT_POLICY],
    controls=[nist("AC-6"), prowler("vpc_endpoint_connections_trust_boundaries"), pci("7.1.2"), hipaa("164.312(e)(1)")],
    severity=Severity.HIGH,
    fix="write a policy that names the principals (or their account), the actions and the ARNs that may pass",
)
def endpoint_policies_are_bounded(endpoint: Resource) -> Findings:
    """Endpoints let pass what their policy names: the default lets any account's credentials carry data anywhere."""
    document = endpoint.get("policy")
    if endpoint.type == VPC_ENDPOINT and not document and service(endpoint) not in WITHOUT_POLICIES:
        yield endpoint.violation("has no policy of its own, so anything may pass (policy)")
    yield from each_allowing(endpoint, document, _unbounded)


LAYERS = re.compile(r"arn:aws[a-z-]*:s3:::prod-[a-z0-9-]+-starport-layer-bucket/\*")
"""Where ECR keeps the layers of images, which it signs requests for: nobody else writes there.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
"""


APIS = re.compile(r"arn:aws[a-z-]*:execute-api:[a-z0-9-]+:\d{12}:(/domainnames/)?[^*?/]+(/.*)?")
"""Where calls that are not signed go to: the API asks an authorizer who calls. An id follows a domain's name.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-vpc-endpoint-policies.html
"""

NOBODYS = (("s3:getobject", LAYERS), ("execute-api:invoke", APIS))
"""What may be asked for without credentials of the account: an action, and the ARNs that it is about."""


def _needs_nobody(statement: Statement) -> bool:
    """Whether a statement lets layers of images be loaded, or APIs be called that it names, and nothing else."""
    named = [str(known(arn)).removesuffix("+*") for arn in statement.resources]
    actions = [str(known(action)).lower() for action in statement.actions]
    return bool(named) and any(actions == [action] and all(map(arns.fullmatch, named)) for action, arns in NOBODYS)


def _unbounded(label: str, statement: Statement) -> str | None:
    if statement.anyone and not _needs_nobody(statement):
        return f"lets principals of any account pass ({label})"
    if statement.not_actions or any(set(str(known(action))) <= {"*", "?", ":"} for action in statement.actions):
        return f"lets every action pass ({label})"
    if statement.any_resource and not all(takes_no_resource(str(known(action))) for action in statement.actions):
        return f"lets calls to any resource pass ({label})"
    return None


@stack_rule(
    controls=[
        nist("AC-4(21)"),
        config("service-vpc-endpoint-enabled"),
        security_hub("EC2.55", "EC2.56"),
        *PRIVATE_ONLY,
    ],
    severity=Severity.HIGH,
    fix="declare an interface endpoint of that service in the VPC, with subnets in two zones or more",
    options={"services": names("Further services that every VPC with models must have an interface endpoint of.")},
)
def required_endpoints_exist(stack: Stack, *, services: Sequence[str]) -> Findings:
    """Where models are served, clients have a private way to the SageMaker runtime, in two zones or more."""
    if stack.all(SAGEMAKER_MODEL):
        required = itertools.product(stack.all(VPC), [RUNTIME, *services])
        yield from for_each(required, lambda each: _has_endpoint(stack, *each))


def _has_endpoint(stack: Stack, vpc: Resource, required: str) -> Findings:
    accepted = (required, f"{required}-fips")
    found = [e for e in stack.referring([VPC_ENDPOINT], ["vpcId"], vpc) if is_interface(e) and service(e) in accepted]
    if not found:
        yield vpc.violation(f"has no interface endpoint of {required}")
    for endpoint in found:
        zones = {zone_of(subnet) for subnet in stack.targets(endpoint, "subnetIds", type_=SUBNET)}
        if len(zones) < 2:
            yield endpoint.violation("has interfaces in fewer than two zones (subnetIds)")


def s3_gateways(stack: Stack) -> list[Resource]:
    return [each for each in stack.all(VPC_ENDPOINT) if service(each) == "s3" and not is_interface(each)]


@stack_rule(
    controls=BOUNDARY,
    severity=Severity.CRITICAL,
    fix="let in TCP 443 from the clients' security group or private block, and nothing out",
    options=PRIVATE_BLOCKS,
)
@each_of(endpoint_groups)
def endpoint_groups_admit_https(stack: Stack, group: Resource, *, blocks: Sequence[str]) -> Findings:
    """The groups of interface endpoints let in HTTPS from this stack's groups and private blocks, and nothing out."""
    what = f"lets traffic out of the endpoints' group {group.name}; they only answer"
    yield from with_unverified(_admits_https(stack, group, blocks))
    yield from no_rules(stack, group, "egress", what)


def _admits_https(stack: Stack, group: Resource, blocks: Sequence[str]) -> Findings:
    for rule in group_rules(stack, group, "ingress"):
        if not rule.https_only:
            yield rule.declared_by.violation(f"lets more than TCP 443 into the endpoints' group {group.name}")
        if rule.peers != len(rule.blocks) + len(rule.groups):
            yield rule.declared_by.violation(
                f"lets a group or prefix list that is not this stack's into the endpoints' group {group.name}"
            )
        vpcs = [str(vpc.get("cidrBlock")) for vpc in stack.all(VPC) if not isinstance(vpc.get("cidrBlock"), Unknown)]
        if any(within(vpc, [block]) for vpc in vpcs for block in rule.blocks):
            yield rule.declared_by.violation(f"lets the whole VPC into the endpoints' group {group.name}")


def no_rules(stack: Stack, group: Resource, direction: Direction, otherwise: str) -> Findings:
    """A security group must have no rule in a direction."""
    for rule in group_rules(stack, group, direction):
        yield rule.declared_by.violation(otherwise)


@stack_rule(
    controls=[nist("AC-4(21)"), hipaa("164.312(e)(1)")],
    severity=Severity.HIGH,
    fix="add the route table to the routeTableIds of the S3 gateway endpoint",
)
@each_of(model_subnets)
def s3_gateway_covers_model_subnets(stack: Stack, subnet: Resource) -> Findings:
    """Every model subnet's route table has the S3 gateway: without it the model's artifact can't be fetched."""
    table = route_table_of(stack, subnet)
    tables = {covered.urn for endpoint in s3_gateways(stack) for covered in _tables(stack, endpoint)}
    if table is None or table.urn not in tables:
        yield subnet.violation("holds models, and its route table has no S3 gateway endpoint")


def _tables(stack: Stack, endpoint: Resource) -> Iterator[Resource]:
    if endpoint.get("routeTableIds") is not None:
        yield from stack.targets(endpoint, "routeTableIds", type_=ROUTE_TABLE)
    for association in stack.referring([VPC_ENDPOINT_ROUTE_TABLE], ["vpcEndpointId"], endpoint):
        yield from stack.targets(association, "routeTableId", type_=ROUTE_TABLE)


AWS_BUCKETS = "starport-layer-bucket/*"
"""Where AWS keeps the layers of ECR images: https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"""


SAME_ACCOUNT = "aws:resourceaccount"
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""


@stack_rule(
    controls=[nist("AC-6", "AC-4(21)"), pci("7.1.2")],
    severity=Severity.HIGH,
    fix="name the stack's buckets (or objects in them) in the policy of the S3 gateway endpoint",
    options={"buckets": names("Names of buckets outside the stack that models may be fetched from.")},
)
@each_of(s3_gateways)
def s3_gateway_reaches_own_buckets(stack: Stack, endpoint: Resource, *, buckets: Sequence[str]) -> Findings:
    """The S3 gateway lets models reach this stack's buckets only: any other bucket is a way for data to leave.

    One that is there already is for others, too: it lets them reach the account's buckets only (aws:ResourceAccount).
    """
    statements = [each for each in readable(endpoint.get("policy")) if each.allows]
    names = [bucket.get("bucket") for bucket in stack.all(BUCKET)]
    if statements and any(name is None or isinstance(name, Unknown) for name in names):
        yield endpoint.unverified("policy")
        return
    for statement in statements:
        if exists(endpoint) and statement.requires([SAME_ACCOUNT]):
            continue
        for arn in statement.resources:
            bucket = str(known(arn)).split(":", 5)[-1].split("/")[0]
            if bucket not in (*buckets, *names) and not str(arn).endswith(AWS_BUCKETS):
                yield endpoint.violation(f"lets a bucket that is not this stack's be reached ({statement.label})")
