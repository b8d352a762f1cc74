"""Calls through load balancers' HTTPS listeners: TLS and clients' certificates are real, and so is what answers.

What stands behind is the forwarder that the repository has, whatever image a task names, in a process of its own.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
"""

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

from cryptography import x509
from moto.ecs.models import ecs_backends
from moto.elbv2.models import ELBv2Backend, elbv2_backends
from moto.elbv2.ssl_policies import SSL_POLICIES
from moto.route53.models import route53_backends
from moto.utilities.utils import get_partition

from private_inference.rehearsal import authority
from private_inference.rehearsal.embedded_aws import clients_at
from private_inference.rehearsal.patches import callers, certificates, load_balancers, tasks
from private_inference.rehearsal.patches.own_account import own_account, own_address
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.task_needs import SERVICE

HTTPS = 443
MTLS = "X-Amzn-Mtls-Clientcert"
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length"}
CONNECT_SECONDS = 10
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"""
IDLE_SECONDS = "60"
"""A balancer's, unless it is told (API_LoadBalancerAttribute)."""


class Opening(Protocol):
    """Opens a TLS port; see `tls.TlsPort`."""

    def __call__(self, certificates: Any, *, authorities: Callable[[], str] | None, lowest: ssl.TLSVersion) -> Any: ...


open_port: Opening | None = None
"""Set by whoever serves this process."""
_ports: dict[tuple[str, ...], int] = {}
LISTENERS: dict[str, str] = {}
"""The ARNs of listeners by the loopback port, as text, that answers for each."""
_starting = threading.Lock()
_forwarders: dict[str, tuple[Any, Any]] = {}
"""The process behind each service, by its ARN, and what it was started with."""


def names_in(region: str, vpc: str) -> dict[str, tuple[int, list[str]]]:
    """The names that resolve in a VPC to a balancer there with an HTTPS listener: its port, and its interfaces."""
    backend = elbv2_backends[own_account()][region]
    found: dict[str, tuple[int, list[str]]] = {}
    for balancer in backend.load_balancers.values():
        listener = next((each for each in balancer.listeners.values() if each.protocol == "HTTPS"), None)
        if balancer.vpc_id == vpc and listener is not None:
            placed = [each.id for each in load_balancers.interfaces(backend, balancer)]
            for name in _aliases(region, vpc, balancer.dns_name):
                found[name] = (_port(region, listener), placed)
    return found


def _aliases(region: str, vpc: str, address: str) -> Iterator[str]:
    for zone in route53_backends[own_account()][get_partition(region)].zones.values():
        if zone.private_zone and vpc in {each["vpc_id"] for each in zone.vpcs}:
            for record in zone.rrsets:
                target = (record.alias_target or {}).get("DNSName", "").rstrip(".").removeprefix("dualstack.")
                if record.type == "A" and target.lower() == address.lower():
                    yield record.name.rstrip(".")


def _port(region: str, listener: Any) -> int:
    """The port that answers for a listener: another one when it has another policy or asks clients otherwise."""
    asked = load_balancers.authentication(listener)
    key = (listener.arn, listener.ssl_policy, asked.get("Mode", "off"))
    if key not in _ports and open_port:
        least = min(SSL_POLICIES[listener.ssl_policy]["ssl_protocols"])
        _ports[key] = open_port(
            lambda _: certificates.certificate(own_account(), region, listener.certificate),
            authorities=(lambda: _authorities(region, listener)) if asked.get("Mode") == "verify" else None,
            lowest=ssl.TLSVersion.TLSv1_3 if least == "TLSv1.3" else ssl.TLSVersion.TLSv1_2,
        ).port
        LISTENERS[str(_ports[key])] = listener.arn
    return _ports[key]


def _authorities(region: str, listener: Any) -> str:
    """The trust store's, and the rehearsal's own for clients: of the others nobody here has a key."""
    stores = load_balancers.trust_stores(elbv2_backends[own_account()][region])
    return stores[load_balancers.authentication(listener)["TrustStoreArn"]].bundle + authority.of_clients().decode()


@dataclass(frozen=True)
class Target:
    """Where a call is passed on to, and how long its answer may take."""

    port: int
    seconds: float


class UnansweredError(Exception):
    """What a balancer answers for its targets.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
    """

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(f"{status.value} {status.phrase}")
        self.status = status


def answer(region: str, arn: str, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request that came by TLS to a listener's port."""
    try:
        target = _target(region, arn, environ)
        with environ["rehearsal.aside"]():
            found = _passed(target, environ)
    except UnansweredError as error:
        body = f"<html><head><title>{error}</title></head></html>".encode()
        start_response(str(error), [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
        return [body]
    kept = [(name, value) for name, value in found.getheaders() if name.lower() not in HOP_BY_HOP - {"content-length"}]
    start_response(f"{found.status} {found.reason}", kept)
    return _parts(found)


def _parts(found: http.client.HTTPResponse) -> Iterator[bytes]:
    """The answer as it comes: a stream's parts are not kept back."""
    with closing(found):
        while part := found.read1():
            yield part


@patch(ELBv2Backend, "describe_target_health")
def targets_that_are_reached(original: Any, backend: Any, target_group_arn: str, targets: Any) -> Any:
    """A target whose health check times out is unhealthy.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html.
    """
    from flask import request

    found = original(backend, target_group_arn, targets)
    group, services = backend.target_groups[target_group_arn], ecs_backends[backend.account_id][backend.region_name]
    service = tasks.service_of(services, target_group_arn)
    for arn in group.load_balancer_arns if service else ():
        if not _reaches(backend, backend.load_balancers[arn], group, service, request.environ):
            for each in found:
                each.status, each.reason, each.description = "unhealthy", "Target.Timeout", "Request timed out"
    return found


def _reaches(backend: Any, balancer: Any, group: Any, service: Any, environ: Mapping[str, Any]) -> bool:
    """Whether a balancer reaches all tasks of a service."""
    from private_inference.rehearsal import reach  # the reachability engine, which nothing else here needs

    services = ecs_backends[backend.account_id][backend.region_name]
    placed = [each.id for each in load_balancers.interfaces(backend, balancer)]
    behind = [each.interface for each in tasks.tasks_of(services, service)]
    clients = clients_at(own_address(), backend.region_name, backend.account_id)
    with environ["rehearsal.aside"]():
        return reach.interfaces_reach(clients, balancer.vpc_id, placed, behind, int(group.port))


def _target(region: str, arn: str, environ: Mapping[str, Any]) -> Target:
    """Raises UnansweredError."""
    backend = elbv2_backends[own_account()][region]
    (listener,) = (each for each in load_balancers.listeners(backend) if each.arn == arn)
    balancer = backend.load_balancers[listener.load_balancer_arn]
    forwards = [each for each in listener.default_actions if each.type == "forward"]
    group = backend.target_groups.get(backend._get_target_group_arns_from(forwards[0].data)[0]) if forwards else None
    services = ecs_backends[own_account()][region]
    service = tasks.service_of(services, group.arn) if group else None
    if group is None or service is None or not group.targets:
        raise UnansweredError(HTTPStatus.SERVICE_UNAVAILABLE)
    from private_inference.rehearsal import reach

    if not _reaches(backend, balancer, group, service, environ):
        raise UnansweredError(HTTPStatus.GATEWAY_TIMEOUT)
    with environ["rehearsal.aside"]():
        ways = reach.reached_endpoints(clients_at(own_address(), region, own_account()), tasks.placed(service))
    seconds = float(balancer.attrs.get("idle_timeout.timeout_seconds", IDLE_SECONDS))
    return Target(_forwarder(region, services, service, ways, environ), seconds)


def _forwarder(region: str, services: Any, service: Any, ways: Any, environ: Mapping[str, Any]) -> int:
    """The port of the service's process, which is started when its tasks, or what they reach, have changed.

    One stands for all tasks: they are alike. Raises UnansweredError.
    """
    from private_inference.rehearsal.forwarder import Forwarder

    definition = services.describe_task_definition(service.task_definition)
    told = tasks.environment_of(definition)
    wanted = (definition.arn, definition.task_role_arn, told, ways)
    if wanted != _forwarders.get(service.arn, (None,))[0]:
        role = callers.credentials(own_account(), region, definition.task_role_arn, SERVICE, ways)
        says = partial(_log, region, definition)
        with environ["rehearsal.aside"](), _starting:
            before = _forwarders.get(service.arn)
            if before is None or before[0] != wanted:
                if before:
                    before[1].end()
                _forwarders[service.arn] = (wanted, Forwarder({**told, **role}, region, own_address(), says))
    port: int | None = _forwarders[service.arn][1].port
    if port is None:
        raise UnansweredError(HTTPStatus.BAD_GATEWAY)
    return port


def _log(region: str, definition: Any, line: str) -> None:
    """What the container prints is in the log group that its definition names.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    container = definition.container_definitions[0]
    told = container.get("logConfiguration", {}).get("options", {})
    logs, stream = clients_at(own_address(), region, own_account())("logs"), f"{told.get('awslogs-stream-prefix')}/one"
    place = {"logGroupName": told.get("awslogs-group", ""), "logStreamName": stream}
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(**place)
    logs.put_log_events(**place, logEvents=[{"timestamp": int(time.time() * 1000), "message": line}])


def _passed(target: Target, environ: Mapping[str, Any]) -> http.client.HTTPResponse:
    """The target's answer. Raises UnansweredError."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as a balancer does with its targets
    connection = http.client.HTTPSConnection("127.0.0.1", target.port, timeout=target.seconds, context=context)
    path = quote(str(environ["PATH_INFO"])) + (f"?{environ['QUERY_STRING']}" if environ.get("QUERY_STRING") else "")
    try:
        body = environ["wsgi.input"].read()
        connection.request(str(environ["REQUEST_METHOD"]), path, body, dict(_headers(environ)))
        return connection.getresponse()
    except TimeoutError:
        raise UnansweredError(HTTPStatus.GATEWAY_TIMEOUT) from None
    except (OSError, http.client.HTTPException):
        raise UnansweredError(HTTPStatus.BAD_GATEWAY) from None


def _headers(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The client's, and those that are the balancer's own to say."""
    for key, value in environ.items():
        name = key.removeprefix("HTTP_").replace("_", "-").title()
        sent = key.startswith("HTTP_") or key == "CONTENT_TYPE"
        if sent and name.lower() not in HOP_BY_HOP and not name.startswith(MTLS):
            yield name, str(value)
    yield "Host", str(environ["HTTP_HOST"])
    yield "X-Forwarded-Proto", "https"
    yield "X-Forwarded-Port", str(HTTPS)
    if "SSL_CLIENT_CERT" in environ:
        yield from _client(x509.load_pem_x509_certificate(str(environ["SSL_CLIENT_CERT"]).encode()), environ)


def _client(found: x509.Certificate, environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html"""
    ends = [each.strftime("%Y-%m-%dT%H:%M:%SZ") for each in (found.not_valid_before_utc, found.not_valid_after_utc)]
    yield f"{MTLS}-Serial-Number", f"{found.serial_number:X}"
    yield f"{MTLS}-Issuer", found.issuer.rfc4514_string()
    yield f"{MTLS}-Subject", found.subject.rfc4514_string()
    yield f"{MTLS}-Validity", "NotBefore={};NotAfter={}".format(*ends)
    yield f"{MTLS}-Leaf", quote(str(environ["SSL_CLIENT_CERT"]), safe="+=/")
