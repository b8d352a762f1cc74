"""Callers with a role's credentials: what they ask is judged before it is carried out.

Whoever has other credentials, the embedded AWS's own, is its administrator.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import BaseResponse
from moto.ec2.models import ec2_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from private_inference.rehearsal.fleet_needs import Key, decrypting, reading
from private_inference.rehearsal.iam_decision import (
    Document,
    Request,
    Role,
    Way,
    may_with_key,
    refusal,
    trusts,
)
from private_inference.rehearsal.object_writes import encrypting, writing
from private_inference.rehearsal.patches import iam_requests
from private_inference.rehearsal.patches.fleet_facts import artifact_at, destination_at, find_role
from private_inference.rehearsal.patches.judged import JUDGED, SERVICES
from private_inference.rehearsal.patches.own_account import own_account, own_address
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.refused import RefusedError

TAKING = ("sts", "AssumeRole")
"""Judged by patches/assumed_roles.py, with the trust of the role that is asked for."""


def client_of(region: str, service: str, role_arn: str, taken_by: str) -> Any:
    """A boto3 client of a service for a role that an AWS service takes; its requests come from no VPC, and once.

    Raises ValueError as `credentials` does.
    """
    import boto3
    from botocore.config import Config

    keys = credentials(own_account(), region, role_arn, taken_by, None)
    connect: Any = boto3.client
    return connect(
        service,
        region_name=region,
        endpoint_url=own_address(),
        config=Config(retries={"total_max_attempts": 1}),
        **{name.lower(): value for name, value in keys.items()},
    )


class UnjudgedError(Exception):
    """A request by a role that the embedded AWS can't judge; it is refused, for it may be one that AWS would refuse."""


def credentials(
    account: str, region: str, role_arn: str, service: str, reached: Mapping[str, str] | None
) -> dict[str, str]:
    """Credentials of a role for a workload of an AWS service. Raises ValueError if the service may not assume the role.

    `reached` are the VPC endpoints that the workload's requests come through, by service; None: from no VPC.
    """
    sts = sts_backends[account][get_partition(region)]
    role = find_role(sts, role_arn)
    if role is None or not trusts(role, service):
        raise ValueError(
            f"{service} may not assume {role_arn}: its trust does not allow that, or there is no such role"
        )
    session = sts.assume_role(region, "workload", role_arn, "", 3600, "")
    session.reached, session.network = reached, account  # type: ignore[attr-defined]
    return {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
    }


@patch(BaseResponse, "setup_class")
def judged_services(original: Any, response: Any, *given: Any, **asked: Any) -> None:
    """A role asks only what its policies allow; a service without any action that can be judged refuses it.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
    """
    original(response, *given, **asked)
    session = session_of(response)
    known = {*SERVICES, TAKING[0], *(iam_requests.JUDGED if session and _is_person(session) else ())}
    if session and response.service_name not in known:
        raise UnjudgedError(f"it can't judge what a role asks of {response.service_name}")


@patch(ActionAuthenticatorMixin, "_authenticate_and_authorize_normal_action")
def judged_actions(original: Any, response: Any, resource: str = "*") -> None:
    """A role's own policies, its boundary and the VPC endpoint's policy decide on its requests.

    Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and
    https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html.
    """
    session = session_of(response)
    if session and (response.service_name, response._get_action()) != TAKING:
        action = response._get_action()
        judged = JUDGED.get((response.service_name, action))
        if judged is None and _is_person(session):
            _judge_person(response, session)
            original(response, resource)
            return
        if judged is None:
            raise UnjudgedError(f"it can't judge {action} of {response.service_name} for a role")
        way, role = way_of(response.region, session, judged.endpoints), role_of(session)
        service = judged.action.partition(":")[0]
        place = f"arn:{response.partition}:{service}:{response.region}:{session.account_id}:"
        for named in judged.resources(response):
            context = {**judged.context(response), **(way.context if way else {})}
            request = Request(judged.action, place + named, context)
            _refuse(session, request, refusal(role, request, None, way), "AccessDeniedException")
    original(response, resource)


@patch(ActionAuthenticatorMixin, "_authenticate_and_authorize_s3_action")
def judged_objects(original: Any, response: Any, bucket_name: Any = None, key_name: Any = None) -> None:
    """A role reads, writes and lists objects if it may, and the bucket's policy and the object's key let it.

    Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, and API_PutObject.html and
    API_ListObjectsV2.html there.
    """
    session = session_of(response)
    if session:
        action = response._get_action()
        if _is_person(session) and (action != "GetObject" or response.method != "GET"):
            _refuse_any(session, iam_requests.s3_requests(response, bucket_name, key_name))
            original(response, bucket_name, key_name)
            return
        judge = {"GetObject": _reads, "PutObject": _writes, "ListBucket": _lists}.get(action)
        if judge is None or bool(key_name) == (judge is _lists):
            raise UnjudgedError(f"it can't judge {action} of s3 for a role")
        way, role = way_of(response.region, session, ("s3",)), role_of(session)
        judge(response, session, role, way, f"s3://{bucket_name}/{key_name or ''}")
    original(response, bucket_name, key_name)


def _is_person(session: Any) -> bool:
    """Whether somebody assumed the role, such as who deploys a stack; else it is a workload's."""
    return not hasattr(session, "reached")


def _judge_person(response: Any, session: Any) -> None:
    """Whoever assumed a role may ask what its own policies allow. Raises UnjudgedError, RefusedError.

    The policies of what is asked for are left out: keys and buckets of a stack leave their management to IAM.
    """
    try:
        wanted = iam_requests.requests(response)
    except (KeyError, ValueError) as error:
        what = f"{response._get_action()} of {response.service_name}"
        raise UnjudgedError(f"it can't judge {what} for a role: {error}") from None
    _refuse_any(session, wanted)


def _refuse_any(session: Any, wanted: Sequence[Request]) -> None:
    role = role_of(session)
    for request in wanted:
        _refuse(session, request, refusal(role, request), "AccessDenied")


def _reads(response: Any, session: Any, role: Role, way: Way | None, uri: str) -> None:
    artifact = artifact_at(ec2_backends[session.account_id][response.region], uri)
    request = reading(role, artifact.arn, way)
    _refuse(session, request, refusal(role, request, artifact.bucket_policy, way), "AccessDenied")
    if not artifact.exists:
        # Who may not list the bucket is not told what is not there.
        _lists(response, session, role, way, uri)
    if artifact.key:
        _refuse_key(session, role, decrypting(response.region, role, artifact, artifact.key), artifact.key)


def _lists(response: Any, session: Any, role: Role, way: Way | None, uri: str) -> None:
    artifact = artifact_at(ec2_backends[session.account_id][response.region], uri)
    listing = replace(reading(role, artifact.arn, way), action="s3:ListBucket", resource=artifact.arn.partition("/")[0])
    _refuse(session, listing, refusal(role, listing, artifact.bucket_policy, way), "AccessDenied")


def _writes(response: Any, session: Any, role: Role, way: Way | None, uri: str) -> None:
    sent = [response.headers.get(f"x-amz-server-side-encryption{name}") for name in ("", "-aws-kms-key-id")]
    to = destination_at(ec2_backends[session.account_id][response.region], uri, *sent)
    request = writing(role, to, way)
    _refuse(session, request, refusal(role, request, to.bucket_policy, way), "AccessDenied")
    if to.key:
        _refuse_key(session, role, encrypting(response.region, role, to, to.key), to.key)


def _refuse_key(session: Any, role: Role, request: Request, key: Key) -> None:
    if not may_with_key(role, request, key.policy):
        why = f"because no resource-based policy allows the {request.action} action"
        _refuse(session, request, why, "AccessDenied")


def caller_and_way(response: Any, services: tuple[str, ...]) -> tuple[str, Way | None]:
    """The ARN of whoever asks, and the VPC endpoint that the request comes through. Raises as `way_of` does."""
    session = session_of(response)
    if session:
        return session.arn, way_of(response.region, session, services)
    account = response.current_account
    return f"arn:{response.partition}:iam::{account}:root", None


def role_arn_of(response: Any) -> str | None:
    """The ARN of the role that asks; None of an administrator."""
    session = session_of(response)
    return str(session.role_arn) if session else None


def session_of(response: Any) -> Any:
    """moto's session of the role that asks, or None for an administrator."""
    sts = sts_backends[response.current_account][get_partition(response.region)]
    return sts.get_assumed_role_from_access_key(response.get_access_key())


def role_of(session: Any) -> Role:
    """The role that asks. Raises RefusedError where it is gone."""
    role = find_role(session, session.role_arn)
    if role is None:
        raise RefusedError(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
    return role


def way_of(region: str, session: Any, services: tuple[str, ...]) -> Way | None:
    """The VPC endpoint that the request comes through; None if it comes from no VPC.

    Raises RefusedError, which stands for a connection that times out, where no endpoint that is reached carries it.
    """
    reached = getattr(session, "reached", None)
    if reached is None:
        return None
    found = next((by(region, session.network, reached[service]) for service in services if service in reached), None)
    if found is None:
        message = f"Connect timeout: there is no path from the caller to {services[0]}, through any VPC endpoint."
        raise RefusedError(504, "ConnectTimeout", message)
    return found


def by(region: str, network: str, endpoint: str) -> Way | None:
    """The way through a VPC endpoint of an account, by its id; None if it is not available."""
    found = ec2_backends[network][region].vpc_end_points.get(endpoint)
    if found is None or found.state != "available":
        return None
    vpc = f"arn:{get_partition(region)}:ec2:{region}:{network}:vpc/{found.vpc_id}"
    policy: Document = json.loads(found.policy_document)
    return Way(found.id, vpc, policy, gateway=found.vpc_endpoint_type == "Gateway")


def _refuse(session: Any, request: Request, why: str, code: str) -> None:
    if why:
        message = f"User: {session.arn} is not authorized to perform: {request.action} on resource: {request.resource}"
        raise RefusedError(403, code, f"{message} {why}")
