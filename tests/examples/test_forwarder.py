"""The forwarder as the process that its image runs: in front of an embedded AWS, and of a server that breaks off."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from binascii import crc32
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from components.caller_table import CONTRIBUTOR
from forwarder import forwarder
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from tests.rehearsal.served import Served, served_by
from tests.rehearsal.test_patches import REGION

FOLDER = Path(forwarder.__file__).parent
LOCK = FOLDER.parent / "requirements.txt"
SECRET = b"17.99,10.38,patient"
SUBJECT = "CN=infusion-pump-7,O=Ward 3"


@dataclass
class Running:
    """A forwarder, and what it has logged."""

    process: subprocess.Popen[str]
    port: int
    log: list[str] = field(default_factory=list)

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=nobody_asked())

    def ask(
        self, path: str, body: bytes | None = None, method: str = "POST", **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        connection = self.connect()
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {forwarder.CALLER: SUBJECT, **sent})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def last(self) -> dict[str, object]:
        assert self.process.stdout is not None
        self.log.append(self.process.stdout.readline())
        found: dict[str, object] = json.loads(self.log[-1])
        return found


def nobody_asked() -> ssl.SSLContext:
    """As the balancer: it verifies no target's certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def running(environment: dict[str, str], **settings: str) -> Iterator[Running]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, forwarder.__file__, "--host", "127.0.0.1", "--port", "0"],
        env=inherited | environment | settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Running(process, json.loads(process.stdout.readline())["listening"])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def served(build: Path) -> Iterator[Served]:
    with EmbeddedAws(REGION) as aws:
        yield served_by(aws, archive=(build / "model.tar.gz").read_bytes())


@pytest.fixture(scope="module")
def forwards(served: Served) -> Iterator[Running]:
    with running(served.aws.environment(), ENDPOINTS=f"{served.name},other") as found:
        yield found


def test_a_call_gets_the_models_answer_and_is_logged_without_its_payload(
    forwards: Running, served: Served, build: Path
) -> None:
    sample, path = (build / "sample.csv").read_bytes(), f"/endpoints/{served.name}/invocations"
    status, headers, body = forwards.ask(
        path, sample, Content_Type="text/csv", Accept="application/json", X_Amzn_Trace_Id="Root=1-2-3"
    )
    direct = served.aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=served.name, ContentType="text/csv", Accept="application/json", Body=sample
    )
    assert (status, headers["Content-Type"], body) == (200, direct["ContentType"], direct["Body"].read())
    logged = forwards.last()
    assert set(CONTRIBUTOR) <= {f"$.{key}" for key in logged}, "which callers are counted by"
    assert logged.pop("seconds", -1) != -1
    assert logged == {"caller": SUBJECT, "path": path, "status": 200, "trace": "Root=1-2-3"}


def test_an_answer_in_parts_comes_in_chunks(forwards: Running, served: Served, build: Path) -> None:
    path, sample = f"/endpoints/{served.name}/invocations-response-stream", (build / "sample.csv").read_bytes()
    status, headers, body = forwards.ask(path, sample, Content_Type="text/csv", Accept="application/json")
    assert (status, headers["Transfer-Encoding"]) == (200, "chunked")
    assert json.loads(body)
    assert forwards.last()["status"] == 200


def test_a_models_error_keeps_its_status_and_stays_out_of_the_log(forwards: Running, served: Served) -> None:
    status, _, body = forwards.ask(f"/endpoints/{served.name}/invocations", SECRET, Content_Type="text/csv")
    assert (status, json.loads(body)["code"]) == (424, "ModelError")
    assert forwards.last()["error"] == "ModelError"
    assert "patient" not in "".join(forwards.log)


@pytest.mark.parametrize(
    "path", ["/endpoints/stranger/invocations", "/endpoints/a/b", "/", "/endpoints/../invocations"]
)
def test_what_it_does_not_serve_is_not_found(forwards: Running, path: str) -> None:
    assert forwards.ask(path, SECRET)[0] == 404
    assert forwards.last()["status"] == 404


def test_ping_is_answered_and_not_logged(forwards: Running) -> None:
    assert forwards.ask("/ping", method="GET")[0] == 200
    forwards.ask("/next", SECRET)
    assert forwards.last()["path"] == "/next"


def test_a_connection_is_kept_for_the_next_call(forwards: Running) -> None:
    connection = forwards.connect()
    for _ in range(2):
        connection.request("POST", "/endpoints/stranger/invocations", SECRET)
        connection.getresponse().read()
        forwards.last()
    assert connection.sock is not None, "the forwarder has closed it"
    connection.close()


@pytest.mark.parametrize("length", ["-1", "many", "1_0 "])
def test_a_length_that_is_none_is_refused(forwards: Running, length: str) -> None:
    assert forwards.ask("/endpoints/other/invocations", None, Content_Length=length)[0] == 400
    assert forwards.last()["error"] == "NoBody"


def test_a_body_beyond_sagemakers_limit_is_refused(forwards: Running) -> None:
    length = str(forwarder.MAX_BODY_BYTES + 1)
    assert forwards.ask("/endpoints/other/invocations", None, Content_Length=length)[0] == 413
    assert forwards.last()["error"] == "TooLarge"


def test_a_body_in_chunks_is_one_body(forwards: Running, served: Served, build: Path) -> None:
    path, sample = f"/endpoints/{served.name}/invocations", (build / "sample.csv").read_bytes()
    connection = forwards.connect()
    for chunks in ([sample[:7], sample[7:]], [b"%x\r\n" % (forwarder.MAX_BODY_BYTES + 1)]):
        whole = len(chunks) > 1
        connection.putrequest("POST", path)
        for name, value in {"Transfer-Encoding": "chunked", "Content-Type": "text/csv"}.items():
            connection.putheader(name, value)
        connection.endheaders(iter(chunks) if whole else None, encode_chunked=whole)
        if not whole:
            connection.send(chunks[0])
        answer = connection.getresponse()
        assert (answer.status, forwards.last()["status"]) == ((200, 200) if whole else (413, 413))
        assert answer.read()
    connection.close()


def test_connections_that_speak_no_tls_hold_up_nobody(forwards: Running) -> None:
    with socket.create_connection(("127.0.0.1", forwards.port)) as silent:
        assert forwards.ask("/ping", method="GET")[0] == 200
        silent.sendall(b"GET / HTTP/1.1\r\n\r\n")
        silent.settimeout(10)
        assert not silent.recv(1024).startswith(b"HTTP")
    assert forwards.ask("/ping", method="GET")[0] == 200


def test_its_own_missing_permission_is_not_the_callers(served: Served) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam = served.aws.client("iam")
    role = iam.create_role(RoleName="idle", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    given = served.happen.credentials(role, "ecs-tasks.amazonaws.com", None)
    with running(served.aws.environment() | given) as found:
        status, _, body = found.ask(f"/endpoints/{served.name}/invocations", SECRET, Content_Type="text/csv")
        assert (status, json.loads(body)["code"]) == (502, "AccessDeniedException")


def test_sigterm_ends_it(served: Served) -> None:
    with running(served.aws.environment()) as found:
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(timeout=10) == 0


# What SageMaker does not do for a test


class Slow(BaseHTTPRequestHandler):
    """Says nothing for a call, and breaks an answer in parts off after the first."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if not self.path.endswith("response-stream"):
            self.server.released.wait(20)  # type: ignore[attr-defined]
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.amazon.eventstream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        part, self.close_connection = event(b"Hello"), True
        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))

    def log_message(self, *_: object) -> None:
        """Nothing."""


def event(body: bytes) -> bytes:
    """One part, as https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html lays messages out."""
    headers = b""
    for name, value in ((b":message-type", b"event"), (b":event-type", b"PayloadPart")):
        headers += bytes([len(name)]) + name + b"\x07" + len(value).to_bytes(2, "big") + value
    prelude = (16 + len(headers) + len(body)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    message = prelude + crc32(prelude).to_bytes(4, "big") + headers + body
    return message + crc32(message).to_bytes(4, "big")


@pytest.fixture
def slow() -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.released = threading.Event()  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": REGION}
    yield keys | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def test_an_endpoint_that_is_silent_for_too_long_is_a_504(slow: dict[str, str]) -> None:
    with running(slow, TIMEOUT_SECONDS="0.5") as found:
        assert found.ask("/endpoints/a/invocations", SECRET)[0] == 504
        assert found.last()["error"] == "ReadTimeoutError"


def test_an_answer_that_breaks_off_does_not_look_whole(slow: dict[str, str]) -> None:
    with running(slow) as found:
        with pytest.raises(http.client.IncompleteRead) as broken:
            found.ask("/endpoints/a/invocations-response-stream", SECRET)
        assert broken.value.partial == b"Hello"
        assert found.last()["error"] == "ProtocolError"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClientError({"Error": {"Code": "a", "Message": "b"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "c"), 503),  # type: ignore[typeddict-item]
        (ReadTimeoutError(endpoint_url="x"), 504),
        (EndpointConnectionError(endpoint_url="x"), 502),
    ],
)
def test_errors_on_the_way_have_a_status(error: ClientError, status: int) -> None:
    assert forwarder.refusal(error).status == status


# The image


def test_the_certificate_is_a_new_one_for_each_process(forwards: Running) -> None:
    shown = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", forwards.port)).encode())
    assert isinstance(shown.public_key(), ec.EllipticCurvePublicKey)
    assert shown.issuer == shown.subject


def test_the_image_has_the_versions_that_the_example_was_tested_with() -> None:
    pin = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
    image = set(pin.findall((FOLDER / "requirements.txt").read_text()))
    assert {"boto3", "cryptography"} <= dict(image).keys()
    assert image <= set(pin.findall(LOCK.read_text()))


def test_the_image_runs_the_forwarder_without_privileges() -> None:
    dockerfile = (FOLDER / "Dockerfile").read_text()
    entrypoint = json.loads(re.findall(r"^ENTRYPOINT (.*)$", dockerfile, re.MULTILINE)[0])
    assert entrypoint[0] == "python", "exec form: a shell would keep SIGTERM to itself"
    copied = re.findall(r"^COPY (\S+) \./$", dockerfile, re.MULTILINE)
    assert Path(entrypoint[1]).name in copied
    assert all((FOLDER / name).is_file() for name in copied)
    (user,) = re.findall(r"^USER (\d+):\d+$", dockerfile, re.MULTILINE)
    assert user != "0"
