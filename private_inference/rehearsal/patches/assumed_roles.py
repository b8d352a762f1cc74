"""Whose requests are whose account's, and who takes a role, of whatever account."""

import re
from typing import Any

from moto.core.responses import BaseResponse
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.sts.responses import TokenResponse
from moto.utilities.utils import get_partition

from private_inference.rehearsal.iam_decision import Request, takes, trusts_administrator
from private_inference.rehearsal.patches.callers import role_of, session_of, way_of
from private_inference.rehearsal.patches.fleet_facts import find_role
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.refused import RefusedError


@patch(BaseResponse, "get_current_account")
def accounts(original: Any, response: Any) -> str:
    """A request is of the account of its credentials: a role's, or a user's.

    A key of `embedded_aws.administrator` is an account's administrator's, which no AWS call can make.
    """
    key, own = response.get_access_key(), str(original(response))
    if named := re.fullmatch(r"ACCOUNT0(\d{12})", key):
        return named[1]
    partition = get_partition(response.region)
    others = (account for account, each in list(iam_backends.items()) if key in each[partition].access_keys)
    return next(others, own)


@patch(TokenResponse, "assume_role")
def trusted_callers(original: Any, response: Any) -> Any:
    """AssumeRole refuses whom the role's trust does not let in (API_AssumeRole: AccessDenied).

    What a role takes it asks for through the VPC endpoint of where it is, and so are the requests that follow.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html.
    """
    arn, external = response._get_param("RoleArn"), response._get_param("ExternalId")
    partition = get_partition(response.region)
    account = arn.split(":")[4]
    role, session = find_role(sts_backends[account][partition], arn), session_of(response)
    _, caller, _ = response.backend.get_caller_identity(response.get_access_key(), response.region)
    given = {"sts:externalid": external} if external else {}
    if session:
        way = way_of(response.region, session, ("sts",))
        request = Request("sts:AssumeRole", arn, given | (way.context if way else {}))
        allowed = role is not None and takes(role_of(session), role, request, way)
    else:
        allowed = role is not None and trusts_administrator(role, caller, given)
    if not allowed:
        message = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        raise RefusedError(403, "AccessDenied", message)
    answer = original(response)
    if session and hasattr(session, "reached"):
        taken: Any = sts_backends[account][partition].assumed_roles[-1]
        taken.reached, taken.network = session.reached, session.network
    return answer
