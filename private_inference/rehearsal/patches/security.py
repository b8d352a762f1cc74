"""AWS IAM, AWS KMS and what they guard: log groups and buckets."""

import json
from functools import cache
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import PermissionResult
from moto.iam.exceptions import DeleteConflictException
from moto.iam.models import AWSManagedPolicy, IAMBackend
from moto.kms.models import kms_backends
from moto.kms.responses import KmsResponse
from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogsBackend
from moto.s3.models import FakeBucket, s3_backends

from private_inference.graph.iam_documents import as_list
from private_inference.rehearsal import iam_conditions
from private_inference.rehearsal.patches.patch import patch


@patch(IAMBackend, "attach_role_policy")
def aws_managed_policies(original: Any, backend: Any, policy_arn: str, role_name: str) -> None:
    """AWS's managed policies can be attached. moto has them too, but only if it loads all 1,500, six times over.

    Source: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html.
    """
    if ":aws:policy/" in policy_arn and policy_arn not in backend.managed_policies:
        name = policy_arn.rpartition("/")[2]
        data = _managed_policies().get(name)
        if data:
            made = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
            backend.managed_policies[made.arn] = made
    original(backend, policy_arn, role_name)


@patch(IAMBackend, "delete_policy")
def policy_in_use(original: Any, backend: Any, policy_arn: str) -> None:
    """DeletePolicy refuses a policy that is attached (API_DeletePolicy: DeleteConflict)."""
    if backend.get_policy(policy_arn).attachment_count:
        raise DeleteConflictException("Cannot delete a policy attached to entities.")
    original(backend, policy_arn)


@cache
def _managed_policies() -> dict[str, Any]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies


@patch(KmsResponse, "create_key")
def key_policy_document(original: Any, response: Any) -> Any:
    """CreateKey refuses what is no policy document (API_CreateKey: MalformedPolicyDocumentException)."""
    policy = response._get_param("Policy")
    if policy is not None and not _statements(policy):
        raise JsonRESTError("MalformedPolicyDocumentException", "Policy contains a statement that is not valid.")
    return original(response)


@patch(KmsResponse, "enable_key_rotation")
def rotation_period(original: Any, response: Any) -> str:
    """EnableKeyRotation keeps the period; moto knows only that a key is rotated."""
    answer: str = original(response)
    _key_of(response).rotation_period = response._get_param("RotationPeriodInDays") or 365
    return answer


@patch(KmsResponse, "get_key_rotation_status")
def rotation_status(original: Any, response: Any) -> str:
    """GetKeyRotationStatus says how often a key is rotated.

    Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_GetKeyRotationStatus.html.
    """
    status = json.loads(original(response))
    if status["KeyRotationEnabled"]:
        status["RotationPeriodInDays"] = getattr(_key_of(response), "rotation_period", 365)
    return json.dumps(status)


def _key_of(response: Any) -> Any:
    backend = response.kms_backend
    return backend.keys[backend.get_key_id(response._get_param("KeyId"))]


@patch(LogsBackend, "create_log_group")
def log_group_key(original: Any, backend: Any, log_group_name: str, tags: dict[str, str], **asked: Any) -> Any:
    """A log group's key must exist and its policy must let CloudWatch Logs use it.

    Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html.
    """
    arn = asked.get("kmsKeyId")
    if arn:
        keys = kms_backends[backend.account_id][backend.region_name].keys
        key = keys.get(arn.rpartition("/")[2])
        if key is None or not admits(key.policy, f"logs.{backend.region_name}.amazonaws.com"):
            raise InvalidParameterException(
                "The specified KMS key does not exist or is not allowed to be used with Arn "
                f"'arn:{backend.partition}:logs:{backend.region_name}:{backend.account_id}:log-group:{log_group_name}'"
            )
    return original(backend, log_group_name, tags, **asked)


def _statements(policy: str) -> list[dict[str, Any]]:
    try:
        statements = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError):
        return []
    listed: list[dict[str, Any]] = statements if isinstance(statements, list) else [statements]
    return listed


def admits(policy: str, service: str) -> bool:
    """Whether a statement of a policy allows a service something."""
    for statement in _statements(policy):
        principal = statement.get("Principal")
        named = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in as_list(named):
            return True
    return False


@patch(FakeBucket, "get_permission")
def bucket_policy_conditions(original: Any, bucket: Any, action: str, resource: str) -> Any:
    """A statement of a bucket policy counts only if its conditions hold; moto denies whatever a conditional deny names.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. The loopback
    connection stands for TLS 1.3 and comes through no VPC; who calls is what `Operations.called_by` said.
    """
    statements = _statements(bucket.policy.decode()) if bucket.policy else []
    context = _request_context(bucket.account_id)
    effects = {item["Effect"] for item in statements if iam_conditions.applies(item, action, resource, context)}
    if "Deny" in effects:
        return PermissionResult.DENIED
    return PermissionResult.PERMITTED if "Allow" in effects else PermissionResult.NEUTRAL


def _request_context(account_id: str) -> dict[str, str]:
    from flask import request

    context = {
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:principalaccount": account_id,
        "aws:principalisawsservice": "false",
        "aws:viaawsservice": "false",
    }
    if caller := s3_backends[account_id]["aws"].__dict__.get("caller"):
        context["aws:principalarn"] = caller
    for header in ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"):
        if header in request.headers:
            context[f"s3:{header}"] = request.headers[header]
    return context
