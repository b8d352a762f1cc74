"""Calls of private APIs by their domain names: judged as API Gateway judges them, then made of SageMaker Runtime.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from moto.apigateway.models import apigateway_backends
from moto.logs.models import logs_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from private_inference.rehearsal.iam_decision import Document, Request, refusal
from private_inference.rehearsal.patches import authorizers, callers, certificates
from private_inference.rehearsal.patches.own_account import own_account
from private_inference.rehearsal.patches.private_apis import associations
from private_inference.rehearsal.refused import RefusedError

SERVICE, INVOKE = "execute-api", "execute-api:Invoke"
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)
JSON, CUSTOM = "application/json", "CUSTOM"
Answer = tuple[int, str, bytes]
"""Status, media type, body."""


@dataclass(frozen=True)
class Call:
    """A request as it came, and what the name in it leads to."""

    environ: Mapping[str, Any]
    body: bytes
    region: str
    domain: Any
    api: Any
    stage: Any

    @property
    def partition(self) -> str:
        return get_partition(self.region)

    @property
    def method(self) -> str:
        return str(self.environ["REQUEST_METHOD"])

    @property
    def path(self) -> str:
        return str(self.environ["PATH_INFO"])

    @property
    def api_arn(self) -> str:
        """What is called, to IAM."""
        place = f"{self.api.id}/{self.stage.name}/{self.method}{self.path}"
        return f"arn:{self.partition}:{SERVICE}:{self.region}:{own_account()}:{place}"

    @property
    def domain_arn(self) -> str:
        """The name that it is called by, to IAM."""
        name = f"/domainnames/{self.domain.domain_name}+{self.domain.id}"
        return f"arn:{self.partition}:{SERVICE}:{self.region}:{own_account()}:{name}"

    @property
    def leading(self) -> set[str]:
        """The VPC endpoints that are associated with the name."""
        associated = associations(apigateway_backends[own_account()][self.region]).values()
        return {each["accessAssociationSource"] for each in associated if each["domainNameArn"] == self.domain.arn}

    @property
    def policies(self) -> list[tuple[str, Document]]:
        """What a call is of, to IAM, each with its policy: the name, and the API."""
        of_domain = (self.domain.policy or "{}").replace(f"{SERVICE}:/*", f"{self.domain_arn}*")
        return [(self.domain_arn, json.loads(of_domain)), (self.api_arn, json.loads(self.api.policy or "{}"))]

    def header(self, name: str) -> str | None:
        key = name.upper().replace("-", "_")
        found = self.environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}")
        return None if found is None else str(found)


def certificate(region: str, name: str) -> Any:
    """The certificate of a private domain name, if there is one."""
    domain: Any = apigateway_backends[own_account()][region].domain_names.get(name)
    return certificates.certificate(own_account(), region, domain.certificate_arn) if hasattr(domain, "arn") else None


def answer(region: str, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request that came by TLS. Beside it, nothing reads the body or the backends."""
    caller, call = "-", None
    try:
        call = _call(region, environ)
        method, parameters = _route(call)
        if method.authorization_type == CUSTOM:
            caller = authorizers.judge(call, method)
        else:
            session = _caller(call)
            caller = session.arn
            _judge(call, method, session)
        status, kind, body = _invoked(call, method.method_integration, parameters)
        status = _told(method.method_integration, status)
    except RefusedError as error:
        status, kind, body = error.status, JSON, json.dumps({"message": str(error)}).encode()
    if call:
        _log(call, caller, status, len(body))
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start_response(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]


def _call(region: str, environ: Mapping[str, Any]) -> Call:
    backend: Any = apigateway_backends[own_account()][region]
    name = str(environ["HTTP_HOST"]).partition(":")[0]
    mapping = next(iter(backend.base_path_mappings.get(name, {}).values()), None)
    if mapping is None:
        raise _forbidden()
    api = backend.apis[mapping.rest_api_id]
    body = environ["wsgi.input"].read()
    return Call(environ, body, region, backend.domain_names[name], api, api.stages[mapping.stage])


def _forbidden(message: str = "Forbidden") -> RefusedError:
    return RefusedError(403, "ForbiddenException", message)


def _caller(call: Call) -> Any:
    """moto's session of the role that signed the request."""
    found = SIGNED.fullmatch(call.header("Authorization") or "")
    if found is None:
        raise RefusedError(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    key, service, names, signature = found.groups()
    session = sts_backends[own_account()][call.partition].get_assumed_role_from_access_key(key)
    if session is None:
        raise _forbidden(
            "The embedded AWS's own credentials call from no VPC: a private API is reached from within one"
        )
    if service != SERVICE or _signature(call, session, names.split(";")) != signature:
        told = "The request signature we calculated does not match the signature you provided."
        raise RefusedError(403, "InvalidSignatureException", told)
    return session


def _signature(call: Call, session: Any, names: Iterable[str]) -> str:
    """What the session's key makes of the request: botocore's own arithmetic."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    token = call.header("X-Amz-Security-Token")
    auth = SigV4Auth(Credentials(session.access_key_id, session.secret_access_key, token), SERVICE, call.region)
    headers = {name: call.header(name) or "" for name in names}
    request = AWSRequest(call.method, f"https://{call.header('Host')}{call.path}", headers, call.body)
    request.context["timestamp"] = call.header("X-Amz-Date")
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def _judge(call: Call, method: Any, session: Any) -> None:
    """The way, the VPC endpoint's policy, those of name and API, and the caller's own."""
    way = callers.way_of(call.region, session, (SERVICE,))
    if way is None or way.endpoint not in call.leading:
        raise _forbidden()
    if method.authorization_type != "AWS_IAM":
        raise RefusedError(500, "NotJudgedError", f"it can't judge calls that {method.authorization_type} authorizes")
    role, context = callers.role_of(session), {**way.context, f"{SERVICE}:viadomainarn": call.domain_arn}
    for arn, policy in call.policies:
        request = Request(INVOKE, arn, context)
        if why := refusal(role, request, policy, way):
            raise _forbidden(f"User: {session.arn} is not authorized to perform: {INVOKE} on resource: {arn} {why}")


def _route(call: Call) -> tuple[Any, dict[str, str]]:
    """The method that is called, and its path's parameters."""
    for resource in call.api.resources.values():
        form = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(resource.get_path()))
        found = re.fullmatch(form, call.path)
        if found and call.method in resource.resource_methods:
            return resource.resource_methods[call.method], found.groupdict()
    raise RefusedError(403, "MissingAuthenticationTokenException", "Missing Authentication Token")


def _invoked(call: Call, integration: Any, parameters: Mapping[str, str]) -> Answer:
    """What SageMaker Runtime answers to the integration's role, from no VPC."""
    from botocore.exceptions import ClientError

    given = integration.request_parameters or {}
    sent: dict[str, str] = {}
    for to, source in given.items():
        place, _, name = source.removeprefix("method.request.").partition(".")
        value = parameters.get(name) if place == "path" else call.header(name)
        if value is not None:
            sent[to.removeprefix("integration.request.")] = value
    path = re.sub(r"\{(\w+)\}", lambda each: sent[f"path.{each[1]}"], integration.uri.partition(":path/")[2])
    try:
        runtime = callers.client_of(call.region, "sagemaker-runtime", integration.credentials, authorizers.GATEWAY)
    except ValueError:
        return 500, JSON, b'{"message": "Internal server error"}'
    asked = {"ContentType": sent.get("header.Content-Type"), "Accept": sent.get("header.Accept")}
    asked = {key: value for key, value in asked.items() if value}
    with call.environ["rehearsal.aside"]():
        try:
            found = runtime.invoke_endpoint(EndpointName=unquote(path.split("/")[1]), Body=call.body, **asked)
            return 200, found["ContentType"], found["Body"].read()
        except ClientError as error:
            told = {"Message": error.response["Error"]["Message"]}
            return error.response["ResponseMetadata"]["HTTPStatusCode"], JSON, json.dumps(told).encode()


def _told(integration: Any, status: int) -> int:
    """The status that the caller gets for one of SageMaker's."""
    otherwise = 500
    for each in (integration.integration_responses or {}).values():
        if each.selection_pattern and re.fullmatch(each.selection_pattern, str(status)):
            return int(each.status_code)
        if not each.selection_pattern:
            otherwise = int(each.status_code)
    return otherwise


def _log(call: Call, caller: str, status: int, size: int) -> None:
    """A line in the stage's access log, in its format; what isn't known here is `-`."""
    settings = call.stage.access_log_settings or {}
    known = {
        "identity.userArn": caller,
        "authorizer.principalId": caller,
        "httpMethod": call.method,
        "path": call.path,
        "status": status,
    }
    known["responseLength"] = size
    line = re.sub(r"\$context\.([\w.]+)", lambda each: str(known.get(each[1], "-")), settings.get("format", ""))
    group = logs_backends[own_account()][call.region].groups.get(settings.get("destinationArn", "").rpartition(":")[2])
    if line and group is not None:
        if "calls" not in group.streams:
            group.create_log_stream("calls")
        group.put_log_events("calls", [{"timestamp": int(time.time() * 1000), "message": line}])
