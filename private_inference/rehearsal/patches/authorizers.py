"""Calls of private APIs that a Lambda function judges in IAM's place.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from private_inference.graph.iam_documents import as_list
from private_inference.rehearsal.iam_conditions import applies
from private_inference.rehearsal.iam_decision import Request, anybody_may
from private_inference.rehearsal.patches import callers
from private_inference.rehearsal.patches.own_account import own_account
from private_inference.rehearsal.refused import RefusedError

if TYPE_CHECKING:
    from private_inference.rehearsal.patches.front_door import Call

HEADER = "method.request.header."
INVOKE, GATEWAY = "execute-api:Invoke", "apigateway.amazonaws.com"
REFUSED = "User is not authorized to access this resource"


def judge(call: Call, method: Any) -> str:
    """Who calls, as the function says. Raises RefusedError with API Gateway's words.

    What is not signed doesn't tell which VPC endpoint it came through: it is taken for one that the name leads from.
    """
    if not any(_let_in(call, endpoint) for endpoint in call.leading):
        raise RefusedError(403, "ForbiddenException", "Forbidden")
    authorizer = call.api.authorizers[method.authorizer_id]
    header = authorizer.identity_source.removeprefix(HEADER)
    if not call.header(header):
        raise RefusedError(401, "UnauthorizedException", "Unauthorized")
    said = _asked(call, authorizer, {header: call.header(header)})
    effects = {
        statement["Effect"]
        for statement in as_list(said["policyDocument"]["Statement"])
        if applies(statement, INVOKE, call.api_arn, {})
    }
    if effects != {"Allow"}:
        raise RefusedError(403, "AccessDeniedException", REFUSED + (" with an explicit deny" if effects else ""))
    return str(said["principalId"])


def _let_in(call: Call, endpoint: str) -> bool:
    """Whether the policies of a VPC endpoint, of the name and of the API let in what is not signed."""
    way = callers.by(call.region, own_account(), endpoint)
    if way is None:
        return False
    requests = [(Request(INVOKE, arn, way.context), policy) for arn, policy in call.policies]
    return all(anybody_may(policy, each) and anybody_may(way.policy, each) for each, policy in requests)


def _asked(call: Call, authorizer: Any, headers: dict[str, Any]) -> dict[str, Any]:
    """What the function answers to API Gateway's role, from no VPC."""
    from botocore.exceptions import ClientError

    event = {"type": "REQUEST", "methodArn": call.api_arn, "path": call.path, "httpMethod": call.method}
    function = authorizer.authorizer_uri.partition("/functions/")[2].removesuffix("/invocations")
    try:
        functions = callers.client_of(call.region, "lambda", authorizer.authorizer_credentials, GATEWAY)
        with call.environ["rehearsal.aside"]():
            asked = json.dumps(event | {"headers": headers}).encode()
            answer = functions.invoke(FunctionName=function, Payload=asked)
            said: dict[str, Any] = json.load(answer["Payload"])
    except (ClientError, ValueError):
        said = {}
    if not {"principalId", "policyDocument"} <= said.keys():
        raise RefusedError(500, "AuthorizerConfigurationException", "Internal server error")
    return said
