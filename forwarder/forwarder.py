"""Passes HTTPS calls on to SageMaker Runtime, signed with the role that this runs with.

It stands behind an internal Application Load Balancer, which lets in whoever has a certificate of its trust store, and
says in a header who that is. Whoever else reaches this port could say anything there: let in nobody but the balancer.

| request | call |
|---|---|
| POST /endpoints/NAME/invocations | InvokeEndpoint |
| POST /endpoints/NAME/invocations-response-stream | InvokeEndpointWithResponseStream; the answer comes in chunks |
| GET /ping | none: it answers whether this process does |

The environment says `AWS_REGION` and may say `ENDPOINTS`, the names that are called, with commas between (otherwise the
role decides), and `TIMEOUT_SECONDS`, how long SageMaker may be silent: the balancer's idle timeout. Everything else is
boto3's own.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import signal
import ssl
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from urllib3.exceptions import HTTPError

PATH = re.compile(r"/endpoints/([A-Za-z0-9][A-Za-z0-9-]{0,62})/(invocations|invocations-response-stream)")
CALLER = "X-Amzn-Mtls-Clientcert-Subject"
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/mutual-authentication.html"""
MAX_BODY_BYTES = 6_291_456
"""The most that InvokeEndpoint carries (API_runtime_InvokeEndpoint)."""
LINE = 256
"""Bytes that a line of a chunked body's may have."""
LONGER_THAN_THE_BALANCER = 10
"""Seconds. Were this the first to close a quiet connection, the balancer would answer some calls with 502.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
"""
CONNECT_SECONDS = 5
AT_ONCE = 64
"""Connections to SageMaker Runtime that are kept open."""
JSON = "application/json"


class Refusal(Exception):  # noqa: N818 - as much an answer as any
    """An answer that no model gave. `code` is logged; `message`, which may tell of the payload, is not."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Forwarder(ThreadingHTTPServer):
    """Serves until it is told to stop. `runtime` is a boto3 client; `endpoints` are the names it takes, if any."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], runtime: Any, endpoints: Iterable[str], timeout: float) -> None:
        self.runtime, self.endpoints, self.idle = runtime, frozenset(endpoints), timeout + LONGER_THAN_THE_BALANCER
        super().__init__(address, Handler)
        # The handshake is the connection's own thread's: one that never comes would hold up all the others.
        self.socket = tls().wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke, or that was none of TLS's, is no event."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection of the balancer's."""

    protocol_version = "HTTP/1.1"
    error_content_type, error_message_format = JSON, '{"message": "%(message)s"}'
    server: Forwarder

    def setup(self) -> None:
        self.request.settimeout(self.server.idle)
        super().setup()

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._answer(HTTPStatus.OK, "text/plain", b"")
        else:
            self._refuse(Refusal(HTTPStatus.NOT_FOUND, "NoSuchPath", "GET /ping is all there is to get"))

    def do_POST(self) -> None:
        began = time.monotonic()
        status: int | None
        try:
            status, code = self._forwarded()
        except OSError as error:  # whoever called has gone
            status, code, self.close_connection = None, type(error).__name__, True
        self._log(status, code, time.monotonic() - began)

    def _forwarded(self) -> tuple[int, str]:
        """Answer, and say with what status, and with what error if with any."""
        try:
            body = self._body()
            name, operation = self._asked()
            given = {"ContentType": self.headers["Content-Type"], "Accept": self.headers["Accept"]}
            asked = {"EndpointName": name, "Body": body, **{key: value for key, value in given.items() if value}}
            if operation == "invocations":
                found = self.server.runtime.invoke_endpoint(**asked)
                self._answer(HTTPStatus.OK, found.get("ContentType", ""), found["Body"].read())
                return HTTPStatus.OK, ""
            found = self.server.runtime.invoke_endpoint_with_response_stream(**asked)
        except (ClientError, BotoCoreError) as error:
            return self._refuse(refusal(error))
        except Refusal as error:
            return self._refuse(error)
        return HTTPStatus.OK, self._stream(found.get("ContentType", ""), found["Body"])

    def _body(self) -> bytes:
        try:
            if "Transfer-Encoding" in self.headers:
                return b"".join(self._chunks())
            return self.rfile.read(allowed(self.headers["Content-Length"] or "0", 10))
        except ValueError as error:
            self.close_connection = True
            raise Refusal(HTTPStatus.BAD_REQUEST, "NoBody", "the body's length can't be read") from error
        except Refusal:
            self.close_connection = True
            raise

    def _chunks(self) -> Iterator[bytes]:
        """https://www.rfc-editor.org/rfc/rfc9112#section-7.1"""
        left = MAX_BODY_BYTES
        while size := allowed(self.rfile.readline(LINE).decode("latin-1").partition(";")[0].strip(), 16, left):
            left -= size
            yield self.rfile.read(size)
            self.rfile.readline(LINE)
        while self.rfile.readline(LINE).strip():
            pass  # trailers

    def _asked(self) -> tuple[str, str]:
        found = PATH.fullmatch(self.path)
        if found is None:
            told = "POST /endpoints/NAME/invocations or /endpoints/NAME/invocations-response-stream"
            raise Refusal(HTTPStatus.NOT_FOUND, "NoSuchPath", told)
        name, operation = found.groups()
        if self.server.endpoints and name not in self.server.endpoints:
            told = f"there is no endpoint {name}; there are: {', '.join(sorted(self.server.endpoints))}"
            raise Refusal(HTTPStatus.NOT_FOUND, "NoSuchEndpoint", told)
        return name, operation

    def _stream(self, kind: str, events: Iterable[Any]) -> str:
        """Pass parts on as they come. One that breaks off ends the connection, or it would look whole."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for event in events:
                if part := event["PayloadPart"]["Bytes"]:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        except (ClientError, BotoCoreError, HTTPError) as error:  # the last is urllib3's, which boto3 leaves as it is
            self.close_connection = True
            return type(error).__name__
        self.wfile.write(b"0\r\n\r\n")
        return ""

    def _refuse(self, error: Refusal) -> tuple[int, str]:
        self._answer(error.status, JSON, json.dumps({"code": error.code, "message": error.message}).encode())
        return error.status, error.code

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _log(self, status: int | None, code: str, seconds: float) -> None:
        """Who called what, with which end: one line of JSON on standard output, with nothing of the payload."""
        line = {"caller": self.headers[CALLER], "path": self.path, "status": status}
        line |= {"seconds": round(seconds, 3), "trace": self.headers["X-Amzn-Trace-Id"]}
        say(line | ({"error": code} if code else {}))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called there
        """Calls are logged by `_log`."""

    def version_string(self) -> str:
        return "forwarder"


def allowed(length: str, base: int, most: int = MAX_BODY_BYTES) -> int:
    """The length of a body, or of a part, if it is no more than `most`. Raises Refusal, ValueError."""
    if not length.isalnum():  # Python reads signs and underscores, too
        raise ValueError(length)
    found = int(length, base)
    if found > most:
        message = f"the body has more than {MAX_BODY_BYTES} bytes"
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "TooLarge", message)
    return found


def refusal(error: ClientError | BotoCoreError) -> Refusal:
    """What the caller is told of an error of SageMaker's, or on the way there.

    SageMaker's status stays, but for a permission that is missing: it is this program's and not the caller's.
    """
    if isinstance(error, ClientError):
        status, told = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return Refusal(HTTPStatus.BAD_GATEWAY, told["Code"], "the forwarder may not call this endpoint")
        return Refusal(status, told["Code"], told["Message"])
    code = type(error).__name__
    if isinstance(error, ReadTimeoutError):
        return Refusal(HTTPStatus.GATEWAY_TIMEOUT, code, "the endpoint did not answer in time")
    return Refusal(HTTPStatus.BAD_GATEWAY, code, "the forwarder can't call SageMaker Runtime")


def tls() -> ssl.SSLContext:
    """A certificate that lives as long as this process: the balancer verifies none.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "forwarder")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    with readable(made.public_bytes(pem)) as certificate_file, readable(private) as key_file:
        context.load_cert_chain(certificate_file, key_file)
    return context


@contextmanager
def readable(text: bytes) -> Iterator[str]:
    """A path to read this from, once: Python's ssl takes files alone, and a task may have nowhere to write one."""
    reader, writer = os.pipe()  # which holds 64 KiB
    try:
        os.write(writer, text)
        os.close(writer)
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - a container logs what it prints


def stop(*_: Any) -> None:
    """Calls that are under way had their time: a task is taken from its balancer before it is stopped."""
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--host", default="0.0.0.0")  # noqa: S104 - a container's own network interface
    parser.add_argument("--port", type=int, default=8443)
    listens = parser.parse_args()
    timeout = float(os.environ.get("TIMEOUT_SECONDS", "60"))
    # Whether a call may be repeated is the caller's to say.
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=timeout,
        max_pool_connections=AT_ONCE,
        retries={"total_max_attempts": 1},
    )
    runtime = boto3.client("sagemaker-runtime", region_name=os.environ["AWS_REGION"], config=config)
    endpoints = filter(None, os.environ.get("ENDPOINTS", "").split(","))
    signal.signal(signal.SIGTERM, stop)  # the first process of a container has no default for it
    server = Forwarder((listens.host, listens.port), runtime, endpoints, timeout)
    say({"listening": server.server_port})
    server.serve_forever()


if __name__ == "__main__":
    main()
