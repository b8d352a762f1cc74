"""The embedded AWS as a process: a moto server on a loopback port that lives as long as its standard input.

`EmbeddedAws` starts it. The first line on standard output is the port. When whoever started the process dies, for
whatever reason, the pipe closes and the process ends.
"""

import contextlib
import io
import json
import logging
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any
from xml.sax.saxutils import escape

from private_inference.rehearsal.refused import RefusedError

LOOPBACK = "127.0.0.1"
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def main(region: str, *options: str) -> None:
    """Serve one region until standard input closes.

    `--without-patches` serves moto as it is; any other option is the id of a gateway that the account is to have.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    read_offerings_of(region)
    account = os.environ["MOTO_ACCOUNT_ID"]
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Handler(WholeAnswers, MotoRequestHandler):
        pass

    moto = with_operations(region, DomainDispatcherApplication(create_backend_app))
    application = one_at_a_time(with_front_door(region, with_openai(region, moto)))
    server = make_server(LOOPBACK, 0, application, threaded=True, request_handler=Handler)
    os.environ["MOTO_PORT"] = str(server.port)
    print(server.port, flush=True)  # noqa: T201 - the parent reads it; requests wait in the socket until they are served
    if "--without-patches" not in options:
        from private_inference.rehearsal import patches

        patches.apply_all()
        patches.private_apis.on_first_name = partial(open_front_door, region, application, Handler)
        patches.balanced.open_port = partial(open_listener, application, Handler)
    for gateway in set(options) - {"--without-patches"}:
        add_gateway(account, region, gateway)
    with tempfile.TemporaryDirectory() as tempfile.tempdir:  # models are unpacked there
        threading.Thread(target=server.serve_forever, daemon=True).start()
        warm_up(account, region)
        sys.stdin.buffer.read()
    os._exit(0)


class WholeAnswers(BaseHTTPRequestHandler):
    """Send an answer's head and body at once: what comes after the head may never be read.

    The AWS SDK for Go closes a request's body when it has the head of the answer. If net/http has not quite finished
    sending by then, it takes that for a failure and closes the connection. It reads 4 KiB at a time: an answer's body
    that came with the head is there all the same, one that came later is lost. Then the SDK sends the request again,
    although it has been carried out, and a second CreateKey makes a second key. What exceeds 4 KiB can still be lost,
    if seldom; of what this program's stacks ask, only reading is answered at such length.
    """

    wbufsize = 64 * 1024  # as much as one segment on the loopback interface holds

    def handle_expect_100(self) -> bool:
        """Tell the client to go on, and tell it now."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def finish(self) -> None:
        """End the connection. What was kept for a client that has gone is dropped."""
        with contextlib.suppress(ConnectionError):
            super().finish()


def read_offerings_of(region: str) -> None:
    """Spare moto the instance offerings of all other regions, which it reads when its EC2 is imported.

    They cost 70 MB and a third of a second. To be called before that import.
    """
    from moto.utilities import utils

    load = utils.load_resource

    def load_one_region(resource: str) -> Any:
        foreign = "instance_type_offerings" in resource and not resource.endswith(
            (f"/{region}.json.gz", f"/{region}.json")
        )
        return [] if foreign else load(resource)

    utils.load_resource = load_one_region


def warm_up(account: str, region: str) -> None:
    """Do what takes moto longest at its first request, while the program is still being imported."""
    from moto.ec2.models import ec2_backends

    ec2_backends[account][region]._collect_default_endpoint_services(account, region)


def add_gateway(account: str, region: str, identity: str) -> None:
    """Give the account a virtual private or transit gateway under a given id, which no AWS call can do."""
    from moto.ec2.models import ec2_backends

    backend, transit = ec2_backends[account][region], identity.startswith("tgw-")
    made: Any = backend.create_transit_gateway(None) if transit else backend.create_vpn_gateway("ipsec.1")
    kept: dict[str, Any] = backend.transit_gateways if transit else backend.vpn_gateways
    kept[identity] = kept.pop(made.id)
    made.id = identity


def with_operations(region: str, application: WsgiApp) -> WsgiApp:
    """Beside AWS's API, serve what `Operations` asks for. No bucket can have this path: its name has an underscore."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        operation = environ.get("PATH_INFO", "").removeprefix("/_operations/")
        if environ.get("REQUEST_METHOD") == "POST" and operation != environ["PATH_INFO"]:
            from private_inference.rehearsal.patches import operations

            return operations.answer(operation, region, environ, start_response)
        return application(environ, start_response)

    return serve


def open_front_door(region: str, application: WsgiApp, handler: Any) -> None:
    """Answer by TLS for the names of private APIs, from the first one on."""
    from private_inference.rehearsal.patches import front_door, operations
    from private_inference.rehearsal.tls import TlsPort

    operations.PORTS[region] = TlsPort(LOOPBACK, application, handler, partial(front_door.certificate, region)).port


def open_listener(application: WsgiApp, handler: Any, *given: Any, **asked: Any) -> Any:
    """Answer by TLS for a listener of a load balancer."""
    from private_inference.rehearsal.tls import TlsPort

    return TlsPort(LOOPBACK, application, handler, *given, **asked)


def with_front_door(region: str, application: WsgiApp) -> WsgiApp:
    """Beside AWS's API, which comes without TLS, serve calls of private APIs by their names, and of load balancers."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["wsgi.url_scheme"] == "https":
            from private_inference.rehearsal.patches import balanced, front_door

            if listener := balanced.LISTENERS.get(environ["SERVER_PORT"]):
                return balanced.answer(region, listener, environ, start_response)
            return front_door.answer(region, environ, start_response)
        return application(environ, start_response)

    return serve


def with_openai(region: str, application: WsgiApp) -> WsgiApp:
    """Beside AWS's API, which is signed, serve the path of SageMaker endpoints that takes bearer tokens."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("REQUEST_METHOD") == "POST" and environ.get("PATH_INFO", "").endswith(
            "/openai/v1/chat/completions"
        ):
            from private_inference.rehearsal.patches import openai

            if openai.PATH.fullmatch(environ["PATH_INFO"]):
                return openai.answer(region, environ, start_response)
        return application(environ, start_response)

    return serve


def one_at_a_time(application: WsgiApp) -> WsgiApp:
    """Answer requests in turn: moto's backends are plain dictionaries that it iterates over while others write.

    The body is read first, so that a slow client holds up nobody. Nothing is lost: the interpreter lock would let only
    one request compute anyway. What waits for others, such as a function that asks this AWS, steps aside within
    `environ["rehearsal.aside"]()`.
    """
    turn = threading.Lock()

    @contextlib.contextmanager
    def aside() -> Iterator[None]:
        turn.release()
        try:
            yield
        finally:
            turn.acquire()

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["rehearsal.aside"] = aside
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with turn:
            try:
                return application(environ, start_response)
            except Exception as error:
                status, kind, body = failure(error, environ)
                start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
                return [body]

    return serve


def failure(error: Exception, environ: dict[str, Any]) -> tuple[str, str, bytes]:
    """An AWS answer: status, type and body, in the form the service's clients read.

    It is the refusal that the error says, or what moto could not do: 501, which clients don't ask for again, as they do
    after 500.
    """
    status, code, message = 501, "InternalFailure", str(error)
    if isinstance(error, RefusedError):
        status, code = error.status, error.code
    else:
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
        message = f"the embedded AWS can't do this: {what}"
    line = f"{status} {HTTPStatus(status).phrase}"
    told = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
        return line, "text/xml", told.encode()
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        return line, "text/xml", f"<Response><Errors>{told}</Errors></Response>".encode()
    return line, "application/json", json.dumps({"__type": code, "message": message}).encode()


if __name__ == "__main__":
    main(*sys.argv[1:])
