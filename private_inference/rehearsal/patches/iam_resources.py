"""The resources that a request to an AWS service is about, by its parameters.

Source: the service authorization reference, https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from moto.backends import get_backend
from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from werkzeug.exceptions import HTTPException

from private_inference.graph.iam_documents import as_list

Parameters = Mapping[str, Any]
Named = Iterator[tuple[str, Mapping[str, str]]]
"""Resources by their ARNs, each with its tags."""

EC2_TYPES = {
    "vpc": "vpc",
    "subnet": "subnet",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "rtb": "route-table",
    "acl": "network-acl",
    "vpce": "vpc-endpoint",
    "fl": "vpc-flow-log",
    "vgw": "vpn-gateway",
    "tgw": "transit-gateway",
    "tgw-attach": "transit-gateway-attachment",
    "tgw-rtb": "transit-gateway-route-table",
}
"""How EC2 calls resources in ARNs, by what their ids begin with."""

EC2_MADE = {
    "CreateVpc": "vpc",
    "CreateSubnet": "subnet",
    "CreateSecurityGroup": "security-group",
    "CreateRouteTable": "route-table",
    "CreateNetworkAcl": "network-acl",
    "CreateVpcEndpoint": "vpc-endpoint",
    "CreateFlowLogs": "vpc-flow-log",
    "CreateTransitGatewayVpcAttachment": "transit-gateway-attachment",
    "AuthorizeSecurityGroupIngress": "security-group-rule",
    "AuthorizeSecurityGroupEgress": "security-group-rule",
}

EC2_BESIDES = {
    "CreateRoute": ("vpn-gateway", "transit-gateway", "vpc-endpoint"),
    "ReplaceRoute": ("vpn-gateway", "transit-gateway", "vpc-endpoint"),
    "RevokeSecurityGroupEgress": ("security-group-rule",),
    "RevokeSecurityGroupIngress": ("security-group-rule",),
}
"""What a request names and is not about."""


def arn_of(response: Any, service: str, rest: str, *, region: bool = True) -> str:
    where = response.region if region else ""
    return f"arn:{response.partition}:{service}:{where}:{response.current_account}:{rest}"


def _ec2(response: Any, operation: str, asked: Parameters) -> Named:
    """What its parameters name by their ids, and what it makes. Describing takes no resource."""
    if operation.startswith("Describe"):
        yield "*", {}
        return
    backend = ec2_backends[response.current_account][response.region]
    named = [each for key, value in asked.items() if key != "TagSpecifications" for each in _ids(value)]
    arns = {}
    for identity in [of for each in named for of in _associated(backend, each)]:
        kind = EC2_TYPES.get(identity.rpartition("-")[0])
        if kind and kind not in EC2_BESIDES.get(operation, ()):
            arns[arn_of(response, "ec2", f"{kind}/{identity}")] = backend.tags.get(identity, {})
    if operation in EC2_MADE:
        arns[arn_of(response, "ec2", f"{EC2_MADE[operation]}/new")] = {}
    if not arns:
        raise ValueError(f"it can't tell the resources of {operation}")
    yield from arns.items()


def _associated(backend: Any, identity: str) -> list[str]:
    """The ids that an association stands for; another id for itself."""
    if identity.startswith("rtbassoc-"):
        tables = [each for each in backend.route_tables.values() if identity in each._associations]
        return [part for each in tables for part in (each.id, each._associations[identity])]
    if identity.startswith("aclassoc-"):
        acls = [each for each in backend.network_acls.values() if identity in each._associations]
        return [each._associations[identity].subnet_id for each in acls]
    return [identity]


def _ids(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [each for part in value.values() for each in _ids(part)]
    if isinstance(value, list | tuple):
        return [each for part in value for each in _ids(part)]
    return [value] if isinstance(value, str) and re.fullmatch(r"[a-z]+(-attach|-rtb)?-[0-9a-f]{8,}", value) else []


def _iam(response: Any, operation: str, asked: Parameters) -> Named:
    """Roles and policies have a path in their ARNs, which requests for what exists don't say."""
    backend = iam_backends[response.current_account][response.partition]
    if asked.get("PolicyArn") and operation not in ("AttachRolePolicy", "DetachRolePolicy"):
        yield asked["PolicyArn"], {}
    elif asked.get("RoleName"):
        paths = {role.name: role.path for role in backend.roles.values()}
        path = asked.get("Path") or paths.get(asked["RoleName"], "/")
        yield arn_of(response, "iam", f"role{path}{asked['RoleName']}", region=False), {}
    elif asked.get("PolicyName"):
        yield arn_of(response, "iam", f"policy{asked.get('Path', '/')}{asked['PolicyName']}", region=False), {}
    else:
        yield "*", {}


def _kms(response: Any, operation: str, asked: Parameters) -> Named:
    identity = asked.get("KeyId") or asked.get("TargetKeyId")
    backend = kms_backends[response.current_account][response.region]
    if identity and operation != "ListAliases":
        name = identity.rpartition("/")[2]
        tags = backend.tagger.get_tag_dict_for_resource(name)
        yield arn_of(response, "kms", f"key/{name}"), tags
    if asked.get("AliasName"):
        yield arn_of(response, "kms", asked["AliasName"]), {}
        target = backend.get_key_id_from_alias(asked["AliasName"]) if operation == "DeleteAlias" else None
        if target:
            yield arn_of(response, "kms", f"key/{target}"), backend.tagger.get_tag_dict_for_resource(target)
    if operation in ("CreateKey", "ListAliases"):
        yield "*", {}


SAGEMAKER = {
    "ModelName": "model",
    "EndpointConfigName": "endpoint-config",
    "EndpointName": "endpoint",
    "InferenceComponentName": "inference-component",
}


def _sagemaker(response: Any, operation: str, asked: Parameters) -> Named:
    if asked.get("ResourceArn"):
        yield from _tagged(response, "sagemaker", [asked["ResourceArn"]])
    named = [arn_of(response, "sagemaker", f"{kind}/{asked[key]}") for key, kind in SAGEMAKER.items() if asked.get(key)]
    yield from _tagged(response, "sagemaker", named)
    if operation == "ListInferenceComponents":
        yield "*", {}


def _tagged(response: Any, service: str, arns: Sequence[str]) -> Named:
    backends: Any = get_backend
    backend = backends(service)[response.current_account][response.region]
    for arn in arns:
        found: Any = {}
        with contextlib.suppress(ServiceException, HTTPException, AttributeError):  # what isn't there has no tags
            found = backend.list_tags(arn)[0] if service == "sagemaker" else backend.list_tags_for_resource(arn)
            found = found["tags"] if service == "ecr" else found
        yield arn, found if isinstance(found, Mapping) else {tag["Key"]: tag["Value"] for tag in found}


def _by(service: str, form: str, *keys: str, others: str = "*") -> Callable[[Any, str, Parameters], Named]:
    """The resources that parameters name, by the form of their ARNs; `others`: what a request without any is about."""

    def find(response: Any, _: str, asked: Parameters) -> Named:
        given = [value for key in keys for value in as_list(asked.get(key)) if isinstance(value, str)]
        arns = [
            value if value.startswith("arn:") else arn_of(response, service, form.format(value.removeprefix("/")))
            for value in given
        ]
        yield from _tagged(response, service, arns) if service in TAGGED else ((arn, {}) for arn in arns)
        if not arns:
            yield others if others == "*" else arn_of(response, service, others), {}

    return find


def _logs(response: Any, operation: str, asked: Parameters) -> Named:
    if operation == "DescribeLogGroups":
        yield "*", {}
    else:
        yield from (
            _by("logs", "log-group:{}", "resourceArn", others="*")(response, operation, asked)
            if asked.get("resourceArn")
            else _tagged(response, "logs", [arn_of(response, "logs", f"log-group:{asked['logGroupName']}")])
        )


def _cloudwatch(response: Any, operation: str, asked: Parameters) -> Named:
    if asked.get("DashboardName") or asked.get("DashboardNames"):
        for name in as_list(asked.get("DashboardName") or asked["DashboardNames"]):
            yield arn_of(response, "cloudwatch", f"dashboard/{name}", region=False), {}
    elif "InsightRule" in operation:
        yield from _by("cloudwatch", "insight-rule/{}", "RuleName", "RuleNames")(response, operation, asked)
    else:
        yield from _by("cloudwatch", "alarm:{}", "AlarmName", "AlarmNames", "ResourceARN", others="alarm:*")(
            response, operation, asked
        )


def _scaling(response: Any, operation: str, asked: Parameters) -> Named:
    if operation.startswith("Describe"):
        yield "*", {}
    else:
        arn = asked.get("ResourceARN", "")
        kept = response.applicationautoscaling_backend.__dict__.get("tags_by_arn", {})
        yield arn or arn_of(response, "application-autoscaling", "scalable-target/any"), kept.get(arn, {})


TAGGED = frozenset({"cloudwatch", "ecr", "logs"})
"""Services whose resources are told by their tags here."""

RESOURCES: Mapping[str, Callable[[Any, str, Parameters], Named]] = {
    "ec2": _ec2,
    "iam": _iam,
    "kms": _kms,
    "sagemaker": _sagemaker,
    "logs": _logs,
    "cloudwatch": _cloudwatch,
    "application-autoscaling": _scaling,
    "events": _by("events", "rule/{}", "Rule", "Name", "ResourceARN"),
    "sns": _by("sns", "{}", "TopicArn", "Name", "ResourceArn"),
    "ssm": _by("ssm", "parameter/{}", "Name", "ResourceId"),
    "sts": _by("sts", "{}", "RoleArn"),
    "ecr": _by("ecr", "repository/{}", "repositoryName", "repositoryNames", "resourceArn"),
    "cloudtrail": _by("cloudtrail", "trail/{}", "Name", "TrailName", "ResourceId", "trailNameList", "ResourceIdList"),
}
