"""What a request asks of IAM: its actions, the resources of each, and the condition keys that come with it.

An operation has its name as an action, but for what this module says. Source: the service authorization reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from private_inference.rehearsal.iam_decision import Request
from private_inference.rehearsal.patches import iam_balancing, iam_names, iam_resources, iam_web_acls
from private_inference.rehearsal.patches.iam_resources import Parameters, arn_of

RESOURCES = {**iam_resources.RESOURCES, **iam_names.RESOURCES, **iam_balancing.RESOURCES}
JUDGED = frozenset({*RESOURCES, iam_names.GATEWAY, iam_web_acls.SERVICE})
"""The services whose requests are read here, by moto's names."""

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
    "acm": "AddTagsToCertificate",
    "application-autoscaling": "TagResource",
    "cloudformation": "TagResource",
    "cloudtrail": "AddTags",
    "cloudwatch": "TagResource",
    "ecr": "TagResource",
    "ecs": "TagResource",
    "elbv2": "AddTags",
    "events": "TagResource",
    "kms": "TagResource",
    "logs": "TagResource",
    "route53resolver": "TagResource",
    "sagemaker": "AddTags",
    "sns": "TagResource",
    "ssm": "AddTagsToResource",
}
"""What making something with tags takes besides."""

NEW = {"acm": "certificate/new", "kms": "key/new"}
"""What is tagged as it is made, where making it is about no resource."""

UNTAGGED = frozenset(TAGGING.values())

PASSED = {
    "ExecutionRoleArn": "sagemaker.amazonaws.com",
    "DeliverLogsPermissionArn": "vpc-flow-logs.amazonaws.com",
    "executionRoleArn": "ecs-tasks.amazonaws.com",
    "taskRoleArn": "ecs-tasks.amazonaws.com",
}
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
    if service == iam_names.GATEWAY:
        return list(iam_names.gateway_requests(response, operation, asked, own))
    if service == iam_web_acls.SERVICE:
        return list(iam_web_acls.requests(response, operation, asked))
    found = []
    prefix = iam_balancing.ACTIONS.get(service, service)
    for arn, tags in RESOURCES[service](response, operation, asked):
        context = {
            **_context("aws:resourcetag", tags),
            **own,
            **_namespace(asked),
            **iam_names.records(response, operation),
        }
        found.append(Request(f"{prefix}:{operation}", arn, context))
        if own and service == "ec2" and arn.endswith("/new"):
            found.append(Request("ec2:CreateTags", arn, {**own, "ec2:createaction": operation}))
        elif own and service in TAGGING and operation not in UNTAGGED:
            made = iam_balancing.tagged_arn(operation, arn if arn != "*" else _new(response, service))
            found.append(Request(f"{prefix}:{TAGGING[service]}", made, context if made == arn else own))
    passed = [
        Request("iam:PassRole", asked[key], {"iam:passedtoservice": to}) for key, to in PASSED.items() if asked.get(key)
    ]
    return [*found, *passed]


def _namespace(asked: Parameters) -> dict[str, str]:
    namespace = asked.get("ServiceNamespace")
    return {"application-autoscaling:service-namespace": namespace} if namespace else {}


def _new(response: Any, service: str) -> str:
    return arn_of(response, service, NEW[service])


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
    keys, values = ("Key", "TagKey", "key"), ("Value", "TagValue", "value")
    return {_first(tag, keys): _first(tag, values) for tag in flat}


def _first(given: Mapping[str, str], names: Sequence[str]) -> str:
    """The value that goes by one of some names: each service has its own spelling."""
    return next((given[name] for name in names if given.get(name)), "")


def _context(prefix: str, tags: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}/{key}".lower(): value for key, value in tags.items()}
