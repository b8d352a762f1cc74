"""The OpenAI-compatible path of real-time endpoints, by bearer tokens; moto lacks it.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html. A token is taken where its
credentials may call by one, and may invoke the endpoint; that VPC endpoints' policies are asked for both is taken for
granted. In what form and words AWS refuses is not published.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from moto.sagemaker.models import sagemaker_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from private_inference.graph.endpoint_services import RUNTIMES
from private_inference.rehearsal import bearer_token, model_server
from private_inference.rehearsal.iam_decision import Request, refusal
from private_inference.rehearsal.patches import callers, queue
from private_inference.rehearsal.patches.own_account import own_account
from private_inference.rehearsal.refused import RefusedError

PATH = re.compile(r"/endpoints/([^/]+)/openai/v1/chat/completions")
JSON = "application/json"


@dataclass(frozen=True)
class Called:
    """A call, as the model server reads one."""

    path: str
    headers: Mapping[str, str]
    data: bytes


def answer(region: str, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a call of the path, part by part as it comes from the model."""
    try:
        name = unquote(PATH.fullmatch(environ["PATH_INFO"])[1])  # type: ignore[index]
        _judge(region, environ, name)
        backend: Any = sagemaker_backends[own_account()][region]
        if queue.asynchronous(backend, backend.endpoints.get(name)):
            raise RefusedError(400, "ValidationError", f"Endpoint {name} takes asynchronous requests only.")
        kind, parts = model_server.chat(backend, Called(environ["PATH_INFO"], {}, environ["wsgi.input"].read()))
        status = 200
    except RefusedError as error:
        status, kind = error.status, JSON
        parts = iter([json.dumps({"message": str(error)}).encode()])
    except model_server.InvokeError as error:
        status, kind, parts = error.code, JSON, iter([str(error.description).encode()])
    start_response(f"{status} {HTTPStatus(status).phrase}", [("Content-Type", kind)])
    return parts


def _judge(region: str, environ: Mapping[str, Any], name: str) -> None:
    """Raises RefusedError."""
    scheme, _, token = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    try:
        if scheme != "Bearer":
            raise bearer_token.TokenError("the request carries no bearer token")
        session: Any = sts_backends[own_account()][get_partition(region)].get_assumed_role_from_access_key(
            bearer_token.key_id(token)
        )
        if session is None:
            raise bearer_token.TokenError("the token is of no role's credentials, which alone can be judged here")
        key = bearer_token.Key(session.access_key_id, session.secret_access_key, session.session_token)
        bearer_token.check(token, region, key)
    except bearer_token.TokenError as error:
        raise RefusedError(403, "AccessDeniedException", str(error)) from None
    role, way = callers.role_of(session), callers.way_of(region, session, RUNTIMES)
    endpoint = f"arn:{get_partition(region)}:sagemaker:{region}:{own_account()}:endpoint/{name}"
    for action, resource in (("sagemaker:CallWithBearerToken", "*"), ("sagemaker:InvokeEndpoint", endpoint)):
        request = Request(action, resource, way.context if way else {})
        if why := refusal(role, request, None, way):
            message = f"User: {session.arn} is not authorized to perform: {action} on resource: {resource} {why}"
            raise RefusedError(403, "AccessDeniedException", message)
