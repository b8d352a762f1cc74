"""The streaming client: parts as they come, and every way to break off said plainly."""

import importlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from private_inference.rehearsal.event_stream import CONTENT_TYPE, framed
from tests.examples.consumer.test_client import closed_port

SAID = [b'{"token": {"te', b'xt": "once "}}\n{"token"', b': {"text": "upon"}}\n']


class Runtime(BaseHTTPRequestHandler):
    """InvokeEndpointWithResponseStream: `fails` breaks off by the model, `cut` by the connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for message in framed(self._parts(), str):
            self.wfile.write(f"{len(message):x}\r\n".encode() + message + b"\r\n")
        if "/cut/" in self.path:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _parts(self) -> Iterator[bytes]:
        yield from SAID
        if "/fails/" in self.path:
            raise RuntimeError("out of memory")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Says nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Runtime) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def streaming(consumer: Any) -> Any:
    return importlib.import_module("streaming")


@pytest.fixture
def contract(consumer: Any, document: dict[str, Any]) -> Any:
    """Endpoints that stream, and `triage`, which doesn't."""
    for name in ("tells", "fails", "cut"):
        document["endpoints"][name] = document["endpoints"]["triage"] | {"name": name, "streaming": True}
    return consumer.contract.Contract.read(document)


def test_words_are_put_together_wherever_parts_are_cut(streaming: Any, contract: Any, url: str) -> None:
    assert list(streaming.stream(contract, "tells", b"{}", endpoint_url=url)) == SAID
    assert list(streaming.generate(contract, "tells", "a", endpoint_url=url)) == ["once ", "upon"]


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("fails", r"^The endpoint fails broke its answer off \(ModelStreamError\): out of memory"),
        ("cut", r"^The endpoint cut broke its answer off: "),
    ],
)
def test_an_answer_that_breaks_off_is_told_after_its_words(
    streaming: Any, consumer: Any, contract: Any, url: str, endpoint: str, said: str
) -> None:
    words = streaming.generate(contract, endpoint, "a", endpoint_url=url)
    assert next(words) == "once "
    with pytest.raises(consumer.client.CallError, match=said):
        list(words)


def test_an_endpoint_that_does_not_stream_is_not_asked(streaming: Any, consumer: Any, contract: Any) -> None:
    with pytest.raises(consumer.client.CallError, match="answers whole only: the platform has to allow streaming"):
        next(streaming.stream(contract, "triage", b"{}", endpoint_url=closed_port()))


def test_where_no_way_leads_is_told(streaming: Any, consumer: Any, contract: Any) -> None:
    with pytest.raises(consumer.client.CallError, match=r"can't be reached from here: run in the app subnets"):
        next(streaming.stream(contract, "tells", b"{}", endpoint_url=closed_port()))


def test_lines_of_another_form_are_told(
    streaming: Any, consumer: Any, contract: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "SAID", [b"[]\n"])
    with pytest.raises(consumer.client.CallError, match="did not answer"):
        list(streaming.generate(contract, "tells", "a", endpoint_url=url))
