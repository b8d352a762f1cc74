"""The serving container's contract with SageMaker, against the process that the image runs."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.serving import serve

FOLDER = Path(serve.__file__).parent
LOCK = FOLDER.parents[1] / "requirements.txt"
JSON_INSTANCES = b'{"instances": [{"features": %s}]}'


@dataclass
class Server:
    """A running serve.py and what it has said on stderr."""

    process: subprocess.Popen[str]
    port: int
    log: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read()
        finally:
            connection.close()

    def invoke(self, body: bytes, content_type: str, **headers: str) -> tuple[int, str, bytes]:
        return self.ask("POST", "/invocations", body, Content_Type=content_type, **headers)


def start(model_dir: Path, port: str = "0") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, serve.__file__, "serve", "--host", "127.0.0.1", "--model-dir", model_dir],
        env=os.environ | {"SAGEMAKER_BIND_TO_PORT": port},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def server(model_dir: Path) -> Iterator[Server]:
    yield from running(model_dir)


@pytest.fixture(scope="module")
def shared_server(model_dir: Path) -> Iterator[Server]:
    """For the tests that only ask."""
    yield from running(model_dir)


def running(model_dir: Path) -> Iterator[Server]:
    process = start(model_dir)
    assert process.stdout
    assert process.stderr
    line = process.stdout.readline()
    found = re.search(r":(\d+)$", line)
    assert found, f"did not start: {line}{process.stderr.read() if process.poll() else ''}"
    server = Server(process, int(found[1]))
    reader = threading.Thread(target=lambda stream: server.log.extend(stream), args=(process.stderr,))
    reader.start()
    try:
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)
        reader.join()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def sample(build: Path) -> bytes:
    return (build / "sample.csv").read_bytes()


@pytest.fixture(scope="module")
def expected(build: Path) -> dict[str, list[dict[str, float]]]:
    answer: dict[str, list[dict[str, float]]] = json.loads((build / "expected.json").read_text())
    return answer


def test_ping_says_ready(shared_server: Server) -> None:
    status, _, body = shared_server.ask("GET", "/ping")
    assert (status, body) == (200, b"")


def test_csv_gets_one_score_a_line(shared_server: Server, sample: bytes, expected: dict[str, list[object]]) -> None:
    status, content_type, body = shared_server.invoke(sample, "text/csv; charset=utf-8")
    assert (status, content_type) == (200, "text/csv")
    assert [{"score": float(line)} for line in body.splitlines()] == expected["predictions"]


def test_json_gets_predictions(shared_server: Server, sample: bytes, expected: dict[str, list[object]]) -> None:
    instances = [{"features": [float(value) for value in row.split(b",")]} for row in sample.splitlines()]
    body = json.dumps({"instances": instances}).encode()
    status, content_type, answer = shared_server.invoke(body, "application/json")
    assert (status, content_type) == (200, "application/json")
    assert json.loads(answer) == expected


@pytest.mark.parametrize(
    ("accept", "answer_type"),
    [
        ("application/json", "application/json"),
        ("text/csv", "text/csv"),
        ("*/*", "text/csv"),
        ("image/png, application/json;q=0.9", "application/json"),
    ],
)
def test_accept_chooses_the_answer(shared_server: Server, sample: bytes, accept: str, answer_type: str) -> None:
    status, content_type, _ = shared_server.invoke(sample, "text/csv", Accept=accept)
    assert (status, content_type) == (200, answer_type)


def test_an_accept_that_is_not_served_is_said(shared_server: Server, sample: bytes) -> None:
    status, _, body = shared_server.invoke(sample, "text/csv", Accept="image/png")
    assert status == 406
    assert b"'image/png'" in body


@pytest.mark.parametrize("content_type", ["text/libsvm", "application/x-npy", "", "text/csvx"])
def test_another_content_type_is_415(shared_server: Server, sample: bytes, content_type: str) -> None:
    status, _, body = shared_server.invoke(sample, content_type)
    assert status == 415
    assert b"text/csv or application/json" in body


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("text/csv", b"", "no rows"),
        ("text/csv", b"\n\n", "no rows"),
        ("text/csv", b"1,2,3", "3 values, the model takes 30"),
        ("text/csv", b"1,2\n1,2,3", "row 2 has 3 values, the first row has 2"),
        ("text/csv", b"1,malignant,3", "value 2 of row 1"),
        ("text/csv", b"1,inf,3", "value 2 of row 1"),
        ("text/csv", b"1,1e39,3", "value 2 of row 1"),
        ("text/csv", b"\xff\xfe", "not UTF-8"),
        ("application/json", b"", "not JSON"),
        ("application/json", b"[" * 100_000, "not JSON"),
        ("application/json", b"\xff", "not JSON"),
        ("application/json", b"[]", "expected"),
        ("application/json", b'{"instances": []}', "expected"),
        ("application/json", b'{"instances": [{"features": "12"}]}', "expected"),
        ("application/json", JSON_INSTANCES % b"[1, true]", "value 2 of row 1"),
        ("application/json", JSON_INSTANCES % b"[1, [2]]", "value 2 of row 1"),
        ("application/json", JSON_INSTANCES % (b"[1%s]" % (b"0" * 400)), "value 1 of row 1"),
        ("application/json", JSON_INSTANCES % b"[]", "0 values, the model takes 30"),
    ],
)
def test_a_body_that_can_t_be_read_is_400_with_the_reason(
    shared_server: Server, content_type: str, body: bytes, reason: str
) -> None:
    status, answer_type, answer = shared_server.invoke(body, content_type)
    assert (status, answer_type) == (400, "text/plain")
    assert reason in answer.decode()


def test_an_absent_value_is_a_missing_one(model_dir: Path, sample: bytes) -> None:
    others = sample.splitlines()[0].split(b",")[1:]
    missing = serve.predict(model_dir, "text/csv", b",".join([b"", *others]))
    null = serve.predict(
        model_dir, "application/json", JSON_INSTANCES % (b"[null,%s]" % b",".join(others)), accept="text/csv"
    )
    assert missing == null
    zeros, nothing = (serve.predict(model_dir, "text/csv", b",".join([value] * 30)) for value in (b"0", b""))
    assert zeros != nothing


def test_a_body_of_the_limit_is_served_and_one_more_byte_is_not(shared_server: Server) -> None:
    row = b",".join([b"1"] * 30) + b"\n"
    rows = 6_291_456 // len(row)
    body = row * rows + b" " * (6_291_456 - rows * len(row))
    status, _, answer = shared_server.invoke(body, "text/csv")
    assert (status, len(answer.splitlines())) == (200, rows)
    status, _, answer = shared_server.ask("POST", "/invocations", Content_Length=str(len(body) + 1))
    assert status == 413
    assert b"6,291,457 bytes" in answer
    with pytest.raises(serve.RequestError, match="6,291,457 bytes"):
        serve.predict(Path(), "text/csv", body + b" ")


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "many"}, {"Content-Length": "-1"}])
def test_a_body_of_unknown_size_is_411(shared_server: Server, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared_server.port, timeout=30)
    connection.putrequest("POST", "/invocations")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    assert (response.status, response.headers["Connection"]) == (411, "close")
    connection.close()


def test_other_paths_are_404(shared_server: Server) -> None:
    assert shared_server.ask("GET", "/models")[0] == 404
    assert shared_server.ask("POST", "/ping", b"")[0] == 404


def test_a_connection_outlives_a_refused_request(shared_server: Server, sample: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared_server.port, timeout=30)
    for content_type, status in (("text/libsvm", 415), ("text/csv", 200)):
        connection.request("POST", "/invocations", sample, {"Content-Type": content_type})
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()


def test_requests_at_the_same_time_get_their_own_answers(shared_server: Server, sample: bytes) -> None:
    rows = sample.splitlines()
    alone = [shared_server.invoke(row, "text/csv")[2] for row in rows]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda row: shared_server.invoke(row, "text/csv")[2], rows * 8))
    assert together == alone * 8


def test_it_answers_without_root(shared_server: Server) -> None:
    status = Path(f"/proc/{shared_server.process.pid}/status").read_text()
    user_ids = re.findall(r"^Uid:\s+(.*)$", status, re.MULTILINE)[0].split()
    groups = re.findall(r"^Gid:\s+(.*)$", status, re.MULTILINE)[0].split()
    assert "0" not in user_ids + groups


def test_bodies_and_health_checks_are_not_logged(server: Server) -> None:
    server.ask("GET", "/ping")
    server.invoke(b"patient-4711,1", "text/csv")
    server.invoke(b"patient-4711", "application/json")
    server.process.terminate()
    server.process.wait(timeout=30)
    log = "".join(server.log)
    assert log.count("POST /invocations") == 2
    assert "4711" not in log
    assert "ping" not in log


def test_sigterm_ends_it_cleanly(server: Server) -> None:
    server.ask("GET", "/ping")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(timeout=30) == 0


def test_it_listens_where_sagemaker_says(model_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = start(model_dir, str(port))
    try:
        assert process.stdout
        assert process.stdout.readline().endswith(f"127.0.0.1:{port}\n")
        assert Server(process, port).ask("GET", "/ping")[0] == 200
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize("port", ["http", "70000"])
def test_a_port_that_is_none_is_said(model_dir: Path, port: str) -> None:
    process = start(model_dir, port)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"SAGEMAKER_BIND_TO_PORT must be a port from 0 to 65535, got {port!r}" in log


@pytest.mark.parametrize("content", [None, b"not a model"])
def test_a_model_that_can_t_be_loaded_ends_it_with_the_reason(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "xgboost-model").write_bytes(content)
    process = start(tmp_path)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 1
    assert log.startswith("The model can't be loaded: ")
    assert ("must hold a file 'xgboost-model'" in log) == (content is None)


def test_a_pickle_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "xgboost-model").write_bytes(b"cos\nmkdir\n(S'%s'\ntR." % bytes(tmp_path / "ran"))
    process = start(tmp_path)
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert not (tmp_path / "ran").exists()


values = st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(rows=st.lists(st.lists(values, min_size=30, max_size=30), min_size=1, max_size=3))
def test_csv_and_json_of_the_same_rows_score_the_same(model_dir: Path, rows: list[list[float | None]]) -> None:
    lines = [",".join("" if value is None else repr(value) for value in row) for row in rows]
    instances = {"instances": [{"features": row} for row in rows]}
    _, from_csv = serve.predict(model_dir, "text/csv", "\n".join(lines).encode())
    _, from_json = serve.predict(model_dir, "application/json", json.dumps(instances).encode(), accept="text/csv")
    assert from_csv == from_json


@given(body=st.binary(), content_type=st.sampled_from(["text/csv", "application/json"]))
def test_any_bytes_are_answered_or_refused_as_the_client_s_fault(
    model_dir: Path, body: bytes, content_type: str
) -> None:
    status = HTTPStatus.OK
    try:
        serve.predict(model_dir, content_type, body)
    except serve.RequestError as error:
        status = error.status
    assert status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST)


def test_the_image_has_the_versions_that_the_example_was_tested_with() -> None:
    pin = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)
    tested = set(pin.findall(LOCK.read_text()))
    image = set(pin.findall((FOLDER / "requirements.txt").read_text()))
    assert "xgboost-cpu" in dict(image)
    assert image <= tested


def test_the_image_is_one_that_sagemaker_can_run() -> None:
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true" in dockerfile
    entrypoint = json.loads(re.findall(r"^ENTRYPOINT (.*)$", dockerfile, re.MULTILINE)[0])
    assert entrypoint[0] == "python", "exec form: a shell would keep SIGTERM to itself"
    copied = re.findall(r"^COPY (\S+) \./$", dockerfile, re.MULTILINE)
    assert Path(entrypoint[1]).name in copied
    assert all((FOLDER / name).is_file() for name in copied)
