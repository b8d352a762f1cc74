"""The policies that let somebody deploy one stack, and no more: from the resources that its program declares."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from private_inference.deployer.grants import Condition, Grant, conditions, grants
from private_inference.graph import types
from private_inference.graph.cloudformation import with_held
from private_inference.graph.existing import EXISTING_NETWORK
from private_inference.graph.iam_documents import as_list, principals
from private_inference.graph.packages import packages
from private_inference.graph.resources import Resource

LONGEST = 6144
"""Characters of a managed policy, without white space.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""
MOST = 10
"""Managed policies of a role, unless AWS has raised it."""

IMAGE_SCANS = "ecr:DescribeImageScanFindings"
"""What stands for a look at image scans among lookups: the program asks ECR by boto3, as no lookup of Pulumi's does.

https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-enhanced-iam.html
"""

Document = Mapping[str, Any]
Statement = Mapping[str, Any]


class UncoveredError(Exception):
    """The stack has what no policy can be written for; the message says what."""


@dataclass(frozen=True)
class Place:
    """Where a stack is deployed, and the tags that all of its resources have."""

    partition: str
    region: str
    account: str
    tags: Mapping[str, str]


def policies(resources: Iterable[Resource], lookups: Iterable[str], place: Place) -> Sequence[Document]:
    """The documents, each short enough for a managed policy; `lookups` are the tokens of what the program looks up.

    CloudFormation makes what its stacks hold with the permissions of whoever asks, where no role is passed to it:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html. Raises UncoveredError.
    """
    found = with_held(resources)
    unread = [f"{each.name} {text}" for each in found for text in each.unread or ()]
    if unread:
        raise UncoveredError(f"No policy can be written for what isn't read: {'; '.join(unread)}.")
    deployed = [each for each in found if each.type.startswith(("aws:", "docker-build:"))]
    tokens = {*lookups, *(each.type for each in deployed)} | {
        each.type for each in found if each.type == EXISTING_NETWORK
    }
    uncovered = sorted(tokens - grants().keys())
    if uncovered:
        raise UncoveredError(
            f"No policy can be written for {', '.join(uncovered)}: private_inference/deployer/grants.json has no "
            "actions for it. Deploy such a stack with permissions of your own."
        )
    packed = _packed([*statements(deployed, tokens, place), *_in_existing(found, place), *_packages(found)])
    if len(packed) > MOST:
        raise UncoveredError(
            f"The stack takes {len(packed)} policies of {LONGEST} characters; a role has {MOST} at most."
        )
    return packed


def statements(resources: Sequence[Resource], lookups: Iterable[str], place: Place) -> Sequence[Statement]:
    """One statement for each service and condition: an action is only ever about resources of its own types."""
    records = [each.get("name") for each in resources if each.type == types.RECORD]
    names = sorted({each for each in records if isinstance(each, str) and not each.startswith("_")})
    known = conditions(place.region, place.tags, names)
    actions: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    arns: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    made = _Made()
    granted = [(grant, resource) for resource in resources for grant in grants()[resource.type]]
    for grant, resource in granted:
        key = _key(grant)
        actions[key] |= set(grant.actions)
        arns[key] |= {_arn(each, resource, place) for each in grant.on}
        if key == ("ec2", "new"):
            made.actions |= {each.partition(":")[2] for each in grant.actions}
            made.arns |= {_arn(each, resource, place) for each in grant.on}
    looked_up = {each for token in lookups for grant in grants()[token] if _key(grant) == ANY for each in grant.actions}
    if looked_up:
        actions[ANY] |= looked_up
        arns[ANY] |= {"*"}
    found = [_statement(actions[key], arns[key], known[key[1]]) for key in sorted(actions)]
    if made.arns:
        found.append(_tagging_of_new(made, known["new"]))
    return [*found, *_passing(resources, place)]


IN_EXISTING = ("CreateFlowLogs", "CreateSecurityGroup", "CreateVpcEndpoint", "DeleteVpcEndpoints", "ModifyVpcEndpoint")
"""What is done in a VPC that is there already; it, its subnets and its route tables bear no tags of the stack."""


def _in_existing(resources: Sequence[Resource], place: Place) -> Iterable[Statement]:
    """The VPC that is there already, and the subnets and route tables of it that the stack's endpoints name."""
    ids = {str(each.get("vpcId")) for each in resources if each.type == EXISTING_NETWORK}
    endpoints = [each for each in resources if each.type == types.VPC_ENDPOINT]
    if ids:
        ids |= {str(one) for each in endpoints for key in ("subnetIds", "routeTableIds") for one in each.get(key) or ()}
        kinds = {"vpc": "vpc", "subnet": "subnet", "rtb": "route-table"}
        start = f"arn:{place.partition}:ec2:{place.region}:{place.account}"
        arns = {f"{start}:{kinds[each.partition('-')[0]]}/{each}" for each in ids}
        yield _statement({f"ec2:{action}" for action in IN_EXISTING}, arns, {})


def _packages(resources: Sequence[Resource]) -> Iterable[Statement]:
    """Packages of a Model Registry, which models are made of: the registry may be another account's.

    https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-deploy-xaccount.html
    """
    if arns := {arn for arn, _ in packages(resources)}:
        yield _statement({"sagemaker:CreateModel", "sagemaker:DescribeModelPackage"}, arns, {})


ANY = ("any", "")
"""What takes no resource."""


@dataclass
class _Made:
    """What EC2 makes, and by which actions."""

    actions: set[str] = field(default_factory=set)
    arns: set[str] = field(default_factory=set)


def _key(grant: Grant) -> tuple[str, str]:
    return ANY if grant.on == ["*"] and not grant.when else (grant.actions[0].partition(":")[0], grant.when)


def _tagging_of_new(made: _Made, new: Condition) -> Statement:
    """EC2 tags what it makes by an action of its own.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
    """
    condition = {"StringEquals": {**new["StringEquals"], "ec2:CreateAction": sorted(made.actions)}}
    return _statement({"ec2:CreateTags"}, made.arns, condition)


def _passing(resources: Sequence[Resource], place: Place) -> Iterable[Statement]:
    """Each role to the services that its own trust names.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    roles: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for role in resources:
        if role.type == types.IAM_ROLE:
            trust = json.loads(role.get("assumeRolePolicy"))
            named = [each for every in as_list(trust["Statement"]) for each in principals(every.get("Principal"))]
            services = tuple(sorted({str(name) for kind, name in named if kind == "Service"}))
            (grant,) = grants()[types.IAM_ROLE]
            roles[services] |= {_arn(each, role, place) for each in grant.on}
    for services, arns in sorted(roles.items()):
        yield _statement({"iam:PassRole"}, arns, {"StringEquals": {"iam:PassedToService": list(services)}})


def _statement(actions: set[str], arns: set[str], condition: Condition) -> Statement:
    # Where the whole path of a stack is covered, its single roles are.
    covered = {each for each in arns if any(_covers(other, each) for other in arns - {each})}
    return {
        "Effect": "Allow",
        "Action": sorted(actions),
        "Resource": sorted(arns - covered),
        **({"Condition": condition} if condition else {}),
    }


def _covers(pattern: str, arn: str) -> bool:
    return pattern.endswith("*") and arn.startswith(pattern[:-1])


def _arn(form: str, resource: Resource, place: Place) -> str:
    """The ARN with the values of the resource's properties.

    What lies in the stack's own path (`/PROJECT/STACK/`) stands for all that does, so that a new endpoint changes no
    policy.
    """
    own = f"/{place.tags['Project']}/{place.tags['Stack']}/"
    known = {"partition": place.partition, "region": place.region, "account": place.account}

    def value(found: re.Match[str]) -> str:
        key = found[1]
        if key in known:
            return known[key]
        if key == "path":
            return str(resource.get("path") or "/")
        given = resource.get("bucket" if resource.type.startswith("aws:s3/") else key)
        return given if isinstance(given, str) else f"{_made_up(resource)}-*"

    text = re.sub(r"\{(\w+)\}", value, form)
    before, found, _ = text.partition(own)
    return f"{before}{own}*" if found else text


def _made_up(resource: Resource) -> str:
    """What a name begins with that the provider makes up: the resource's own, or that of the bucket it is a part of."""
    sources = resource.sources.get("bucket")
    return sources[0].rpartition("::")[2] if sources else resource.name


def _packed(found: Sequence[Statement]) -> Sequence[Document]:
    documents: list[list[Statement]] = []
    for statement in (part for each in found for part in _parts(each)):
        fitting = next((each for each in documents if _length([*each, statement]) <= LONGEST), None)
        if fitting is None:
            documents.append([statement])
        else:
            fitting.append(statement)
    return [_document(each) for each in documents]


def _parts(statement: Statement) -> Sequence[Statement]:
    """A statement that is too long by itself, in halves of its actions."""
    if _length([statement]) <= LONGEST or len(statement["Action"]) == 1:
        return [statement]
    middle = len(statement["Action"]) // 2
    halves = statement["Action"][:middle], statement["Action"][middle:]
    return [part for half in halves for part in _parts({**statement, "Action": half})]


def _document(found: Sequence[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(found)}


def _length(found: Sequence[Statement]) -> int:
    return len(json.dumps(_document(found), separators=(",", ":")))
