"""What a request asks of IAM: its actions, the resources of each, and the condition keys that come with it.

An operation has its name as an action, but for what this module says. Source: the service authorization reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

import contextlib
import json
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
from private_inference.rehearsal.iam_decision import Request

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
    "AuthorizeSecurityGroupIngress": "security-group-rule",
    "AuthorizeSecurityGroupEgress": "security-group-rule",
}

EC2_BESIDES = {
    "CreateRoute": ("vpn-gateway", "vpc-endpoint"),
    "ReplaceRoute": ("vpn-gateway", "vpc-endpoint"),
    "RevokeSecurityGroupEgress": ("security-group-rule",),
    "RevokeSecurityGroupIngress": ("security-group-rule",),
}
"""What a request names and is not about."""

S3_ACTIONS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "{of}Acl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "{of}Tagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
"""What a subresource in a request's query is called in S3's actions."""

TAGGING = {
    "application-autoscaling": "TagResource",
    "cloudtrail": "AddTags",
    "cloudwatch": "TagResource",
    "ecr": "TagResource",
    "events": "TagResource",
    "kms": "TagResource",
    "logs": "TagResource",
    "sagemaker": "AddTags",
    "sns": "TagResource",
    "ssm": "AddTagsToResource",
}
"""What making something with tags takes besides."""

UNTAGGED = frozenset(TAGGING.values())

PASSED = {"ExecutionRoleArn": "sagemaker.amazonaws.com", "DeliverLogsPermissionArn": "vpc-flow-logs.amazonaws.com"}
"""Parameters that pass a role on to a service:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""


def requests(response: Any) -> Sequence[Request]:
    """What a request, as moto's response object holds it, asks for; nothing where no permission is needed.

    Raises KeyError for a service that isn't known here, ValueError for resources of EC2 that aren't.
    """
    service, operation = response.service_name, response._get_action()
    if (service, operation) == ("sts", "GetCallerIdentity"):  # which nobody can be refused: API_GetCallerIdentity
        return []
    asked = parameters(response)
    own = _context("aws:requesttag", tags_in(asked))
    found = []
    for arn, tags in RESOURCES[service](response, operation, asked):
        context = {**_context("aws:resourcetag", tags), **own, **_namespace(asked)}
        found.append(Request(f"{service}:{operation}", arn, context))
        if own and service == "ec2" and arn.endswith("/new"):
            found.append(Request("ec2:CreateTags", arn, {**own, "ec2:createaction": operation}))
        elif own and service in TAGGING and operation not in UNTAGGED:
            found.append(
                Request(f"{service}:{TAGGING[service]}", arn if arn != "*" else _new(response, service), context)
            )
    passed = [
        Request("iam:PassRole", asked[key], {"iam:passedtoservice": to}) for key, to in PASSED.items() if asked.get(key)
    ]
    return [*found, *passed]


def _namespace(asked: Parameters) -> dict[str, str]:
    namespace = asked.get("ServiceNamespace")
    return {"application-autoscaling:service-namespace": namespace} if namespace else {}


def _new(response: Any, service: str) -> str:
    return _arn(response, service, "key/new")


def s3_requests(response: Any, bucket: str | None, key: str | None) -> Sequence[Request]:
    """The same of a request to S3."""
    within = set(response.querystring) & set(S3_ACTIONS)
    arn = f"arn:{response.partition}:s3:::{bucket}" + (f"/{key}" if key else "") if bucket else "*"
    method = response.method
    if method == "POST" and "delete" in response.querystring:
        keys = re.findall(r"<Key>(.*?)</Key>(?:\s*<VersionId>(.*?)</VersionId>)?", str(response.body))
        return [Request(f"s3:DeleteObject{'Version' if of else ''}", f"{arn}/{name}") for name, of in keys]
    if within:
        verb = {"GET": "Get", "PUT": "Put"}.get(method, "Put")
        named = S3_ACTIONS[within.pop()].format(of="Object" if key else "Bucket")
        action = f"Delete{named}" if method == "DELETE" and named in ("BucketPolicy", "BucketWebsite") else verb + named
        return [Request(f"s3:{action}", arn)]
    of_bucket = {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}
    listing = "ListBucketVersions" if "versions" in response.querystring else "ListBucket"
    of_key = {"PUT": "PutObject", "DELETE": "DeleteObject"}
    return [Request(f"s3:{of_key.get(method, 'GetObject') if key else of_bucket.get(method, listing)}", arn)]


def parameters(response: Any) -> Parameters:
    """The parameters of a request, whatever protocol it came by."""
    body = response.body
    if isinstance(body, str | bytes) and body[:1] in ("{", b"{"):
        found: Parameters = json.loads(body)
        return found
    return dict(response._get_params())


def tags_in(asked: Parameters) -> Mapping[str, str]:
    """The tags that a request puts on something."""
    given = asked.get("TagSpecifications") or asked.get("Tags") or asked.get("tags") or asked.get("TagsList") or []
    if isinstance(given, Mapping):
        return given
    flat = [tag for each in given for tag in each.get("Tags", [each])]
    return {tag.get("Key") or tag["TagKey"]: tag.get("Value") or tag.get("TagValue", "") for tag in flat}


def _context(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}/{key}".lower(): value for key, value in tags.items()}


def _arn(response: Any, service: str, rest: str, *, region: bool = True) -> str:
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
        kind = EC2_TYPES.get(identity.partition("-")[0])
        if kind and kind not in EC2_BESIDES.get(operation, ()):
            arns[_arn(response, "ec2", f"{kind}/{identity}")] = backend.tags.get(identity, {})
    if operation in EC2_MADE:
        arns[_arn(response, "ec2", f"{EC2_MADE[operation]}/new")] = {}
    if not arns:
        raise ValueError(f"it can't tell the resources of {operation}")
    yield from arns.items()


def _associated(backend: Any, identity: str) -> list[str]:
    """The ids that an association stands for; another id for itself."""
    if identity.startswith("rtbassoc-"):
        tables = [each for each in backend.route_tables.values() if identity in each.associations]
        return [part for each in tables for part in (each.id, each.associations[identity])]
    if identity.startswith("aclassoc-"):
        acls = [each for each in backend.network_acls.values() if identity in each.associations]
        return [each.associations[identity].subnet_id for each in acls]
    return [identity]


def _ids(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [each for part in value.values() for each in _ids(part)]
    if isinstance(value, list | tuple):
        return [each for part in value for each in _ids(part)]
    return [value] if isinstance(value, str) and re.fullmatch(r"[a-z]+-[0-9a-f]{8,}", value) else []


def _iam(response: Any, operation: str, asked: Parameters) -> Named:
    """Roles and policies have a path in their ARNs, which requests for what exists don't say."""
    backend = iam_backends[response.current_account][response.partition]
    if asked.get("PolicyArn") and operation not in ("AttachRolePolicy", "DetachRolePolicy"):
        yield asked["PolicyArn"], {}
    elif asked.get("RoleName"):
        paths = {role.name: role.path for role in backend.roles.values()}
        path = asked.get("Path") or paths.get(asked["RoleName"], "/")
        yield _arn(response, "iam", f"role{path}{asked['RoleName']}", region=False), {}
    elif asked.get("PolicyName"):
        yield _arn(response, "iam", f"policy{asked.get('Path', '/')}{asked['PolicyName']}", region=False), {}
    else:
        yield "*", {}


def _kms(response: Any, operation: str, asked: Parameters) -> Named:
    identity = asked.get("KeyId") or asked.get("TargetKeyId")
    backend = kms_backends[response.current_account][response.region]
    if identity and operation != "ListAliases":
        name = identity.rpartition("/")[2]
        tags = backend.tagger.get_tag_dict_for_resource(name)
        yield _arn(response, "kms", f"key/{name}"), tags
    if asked.get("AliasName"):
        yield _arn(response, "kms", asked["AliasName"]), {}
        target = backend.get_key_id_from_alias(asked["AliasName"]) if operation == "DeleteAlias" else None
        if target:
            yield _arn(response, "kms", f"key/{target}"), backend.tagger.get_tag_dict_for_resource(target)
    if operation in ("CreateKey", "ListAliases"):
        yield "*", {}


SAGEMAKER = {"ModelName": "model", "EndpointConfigName": "endpoint-config", "EndpointName": "endpoint"}


def _sagemaker(response: Any, operation: str, asked: Parameters) -> Named:
    if asked.get("ResourceArn"):
        yield from _tagged(response, "sagemaker", [asked["ResourceArn"]])
    named = [_arn(response, "sagemaker", f"{kind}/{asked[key]}") for key, kind in SAGEMAKER.items() if asked.get(key)]
    yield from _tagged(response, "sagemaker", named)


def _tagged(response: Any, service: str, arns: Sequence[str]) -> Named:
    backends: Any = get_backend
    backend = backends(service)[response.current_account][response.region]
    for arn in arns:
        found: Any = {}
        with contextlib.suppress(ServiceException, HTTPException, AttributeError):  # what isn't there has no tags
            found = backend.list_tags(arn)[0] if service == "sagemaker" else backend.list_tags_for_resource(arn)
        yield arn, found if isinstance(found, Mapping) else {tag["Key"]: tag["Value"] for tag in found}


def _by(service: str, form: str, *keys: str, others: str = "*") -> Callable[[Any, str, Parameters], Named]:
    """The resources that parameters name, by the form of their ARNs; `others`: what a request without any is about."""

    def find(response: Any, _: str, asked: Parameters) -> Named:
        given = [value for key in keys for value in as_list(asked.get(key)) if isinstance(value, str)]
        arns = [
            value if value.startswith("arn:") else _arn(response, service, form.format(value.removeprefix("/")))
            for value in given
        ]
        yield from _tagged(response, service, arns) if service in TAGGED else ((arn, {}) for arn in arns)
        if not arns:
            yield others if others == "*" else _arn(response, service, others), {}

    return find


def _logs(response: Any, operation: str, asked: Parameters) -> Named:
    if operation == "DescribeLogGroups":
        yield "*", {}
    else:
        yield from (
            _by("logs", "log-group:{}", "resourceArn", others="*")(response, operation, asked)
            if asked.get("resourceArn")
            else _tagged(response, "logs", [_arn(response, "logs", f"log-group:{asked['logGroupName']}")])
        )


def _cloudwatch(response: Any, operation: str, asked: Parameters) -> Named:
    if asked.get("DashboardName") or asked.get("DashboardNames"):
        for name in as_list(asked.get("DashboardName") or asked["DashboardNames"]):
            yield _arn(response, "cloudwatch", f"dashboard/{name}", region=False), {}
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
        yield arn or _arn(response, "application-autoscaling", "scalable-target/any"), kept.get(arn, {})


TAGGED = frozenset({"cloudwatch", "logs"})
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
