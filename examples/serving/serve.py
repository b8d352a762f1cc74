"""A serving container for SageMaker in one file: `/ping` and `/invocations` for an XGBoost model.

It answers text/csv as SageMaker's prebuilt XGBoost container 3.0-5 does, so that a stack can change its image without
its clients noticing, and takes application/json as well, which the prebuilt image refuses.

What SageMaker asks of a container: "Custom Inference Code with Hosting Services" and "Run Real-time Predictions with an
Inference Pipeline" in the SageMaker AI developer guide.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

import numpy as np
import numpy.typing as npt
import xgboost

MODEL_FILE = "xgboost-model"
CSV = "text/csv"
JSON = "application/json"
# The most that InvokeEndpoint carries (API_runtime_InvokeEndpoint).
MAX_BODY_BYTES = 6_291_456
# SageMaker kills a container 30 s after it asked it to stop; a quiet connection must have ended by then.
IDLE_SECONDS = 20
FLOAT32_MAX = float(np.finfo(np.float32).max)

Features = npt.NDArray[np.float32]


class RequestError(Exception):
    """A request that can't be answered: the HTTP status and what to do about it. It never repeats the body."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


def predict(model_dir: Path, content_type: str, body: bytes, accept: str = "") -> tuple[str, bytes]:
    """Answer one request with the model in `model_dir`.

    | type | body of the request | body of the answer |
    |---|---|---|
    | text/csv | one row a line, no header, no label, an empty value is a missing one | one score a line |
    | application/json | `{"instances": [{"features": [1.5, null, …]}, …]}` | `{"predictions": [{"score": 0.9}, …]}` |

    The JSON is SageMaker's own ("Common data formats for inference", dense format). The answer has the type that
    `accept` asks for, otherwise that of the request. Returns the answer's type and body.

    Raises RequestError: 400 a body that isn't what its type says, or rows of another width than the model's;
    406 an `accept` and 415 a `content_type` that is neither of the two; 413 a body of more than 6,291,456 bytes.
    Raises FileNotFoundError if the directory has no `xgboost-model`.
    """
    if len(body) > MAX_BODY_BYTES:
        raise too_large(len(body))
    request_type = media_type(content_type)
    if request_type not in (CSV, JSON):
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type {content_type!r} is not served: send {CSV} or {JSON}."
        )
    answer_type = negotiate(accept, default=request_type)
    model = load_model(model_dir)
    features = parse_csv(body) if request_type == CSV else parse_json(body)
    if features.shape[1] != model.num_features():
        raise bad_request(f"a row has {features.shape[1]} values, the model takes {model.num_features()}.")
    scores: list[float] = model.predict(xgboost.DMatrix(features, nthread=1)).tolist()
    return answer_type, encode(scores, answer_type)


@lru_cache(maxsize=64)
def load_model(model_dir: Path) -> xgboost.Booster:
    """The model of a directory, read once: SageMaker never changes the directory of a running container.

    Only XGBoost's own formats are read. The prebuilt container tries a pickle first, and a pickle runs whatever it
    holds.
    """
    path = model_dir / MODEL_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: the root of model.tar.gz must hold a file {MODEL_FILE!r}.")
    return xgboost.Booster({"nthread": 1}, model_file=path)


def bad_request(message: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, f"The body can't be read: {message}")


def too_large(size: int) -> RequestError:
    return RequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The body has {size:,} bytes, at most {MAX_BODY_BYTES:,} are served: send fewer rows a request.",
    )


def media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def negotiate(accept: str, default: str) -> str:
    """The first type in an Accept header that is served; `default` if the header is empty or leaves it open."""
    offered = [media_type(part) for part in accept.split(",") if part.strip()] or ["*/*"]
    for offer in offered:
        if offer == "*/*":
            return default
        if offer in (CSV, JSON):
            return offer
    raise RequestError(HTTPStatus.NOT_ACCEPTABLE, f"Accept {accept!r} is not served: ask for {CSV} or {JSON}.")


def parse_csv(body: bytes) -> Features:
    """Rows by values from comma-separated text."""
    try:
        lines = body.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise bad_request("it is not UTF-8.") from None
    return to_features(line.split(",") for line in lines if line.strip())


def parse_json(body: bytes) -> Features:
    """Rows by values from `{"instances": [{"features": […]}]}`."""
    try:
        instances = json.loads(body)["instances"]
        rows = [instance["features"] for instance in instances]
    except (ValueError, RecursionError):
        raise bad_request("it is not JSON.") from None
    except (KeyError, TypeError):
        rows = []
    if not all(isinstance(row, list) for row in rows) or not rows:
        raise bad_request('expected {"instances": [{"features": [number, …]}, …]}.')
    return to_features(rows)


def to_features(rows: Iterable[Sequence[object]]) -> Features:
    """Rows of equal length as numbers; an absent value (empty, null or nan) is NaN, which XGBoost takes as missing."""
    parsed: list[list[float]] = []
    for number, row in enumerate(rows, start=1):
        values = [to_float(value) for value in row]
        if None in values:
            raise bad_request(f"value {values.index(None) + 1} of row {number} is not a number that fits in 32 bits.")
        parsed.append([value for value in values if value is not None])
        if len(values) != len(parsed[0]):
            raise bad_request(f"row {number} has {len(values)} values, the first row has {len(parsed[0])}.")
    if not parsed:
        raise bad_request("it has no rows.")
    return np.array(parsed, dtype=np.float32)


def to_float(value: object) -> float | None:
    """The number that a CSV field or a JSON value stands for; None if it is none, or too large for a float32."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if abs(number) > FLOAT32_MAX else number


def encode(scores: list[float], answer_type: str) -> bytes:
    if answer_type == CSV:
        return "".join(f"{score}\n" for score in scores).encode()
    return json.dumps({"predictions": [{"score": score} for score in scores]}).encode()


class ModelServer(ThreadingHTTPServer):
    """HTTP/1.1 on one port; waits for the requests under way when it is closed."""

    daemon_threads = False
    # A container must accept a connection within 250 ms, also when many come at once.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], model_dir: Path) -> None:
        super().__init__(address, Handler)
        self.model_dir = model_dir


class Handler(BaseHTTPRequestHandler):
    """`GET /ping` and `POST /invocations`. Bodies are not logged: they are what the VPC is there to protect."""

    server: ModelServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        if self.path != "/ping":
            self.answer(HTTPStatus.NOT_FOUND, "text/plain", b"GET /ping or POST /invocations.\n")
            return
        # The model was loaded, and made a prediction, before the port was opened.
        self.answer(HTTPStatus.OK, "text/plain", b"")

    def do_POST(self) -> None:
        try:
            body = self.read_body()
            if self.path != "/invocations":
                raise RequestError(HTTPStatus.NOT_FOUND, "GET /ping or POST /invocations.")
            content_type, accept = self.headers.get("Content-Type", ""), self.headers.get("Accept", "")
            answer_type, answer = predict(self.server.model_dir, content_type, body, accept)
        except RequestError as error:
            self.answer(error.status, "text/plain", f"{error}\n".encode())
        except xgboost.core.XGBoostError as error:
            self.log_error("XGBoost failed: %s", error)
            self.answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"XGBoost failed: see the endpoint's log.\n")
        else:
            self.answer(HTTPStatus.OK, answer_type, answer)

    def read_body(self) -> bytes:
        """The whole body; the connection is closed after a body that was left unread."""
        length = self.headers.get("Content-Length", "")
        try:
            if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
                raise RequestError(HTTPStatus.LENGTH_REQUIRED, "Send the body's size in a Content-Length header.")
            if int(length) > MAX_BODY_BYTES:
                raise too_large(int(length))
        except RequestError:
            self.close_connection = True
            raise
        return self.rfile.read(int(length))

    def answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.path != "/ping":
            super().log_request(code, size)


def warm_up(model_dir: Path) -> None:
    """Load the model and answer one request of missing values: what can fail fails before `/ping` says 200."""
    row = [None] * load_model(model_dir).num_features()
    predict(model_dir, JSON, json.dumps({"instances": [{"features": row}]}).encode())


def drop_root() -> None:
    """Go on as `nobody`.

    SageMaker "expects all containers to run with root users", so the image names no other user; to answer requests
    no privilege is needed once the model is in memory and the port is open.
    """
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)


def main() -> None:
    """`serve.py serve`, which is how SageMaker runs the image."""
    parser = argparse.ArgumentParser(description="Serve an XGBoost model to SageMaker.")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--host", default="0.0.0.0", help="default: every address of the container")  # noqa: S104
    parser.add_argument("--model-dir", type=Path, default=Path("/opt/ml/model"), help="default: %(default)s")
    arguments = parser.parse_args()
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        parser.error(f"SAGEMAKER_BIND_TO_PORT must be a port from 0 to 65535, got {port!r}.")
    try:
        warm_up(arguments.model_dir)
    except (FileNotFoundError, xgboost.core.XGBoostError) as error:
        sys.exit(f"The model can't be loaded: {error}")

    with ModelServer((arguments.host, int(port)), arguments.model_dir) as server:
        drop_root()

        def stop(_signal: int, _frame: FrameType | None) -> None:
            # shutdown() waits for serve_forever(), which this very thread runs.
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        sys.stdout.write(f"serving {arguments.model_dir} on {arguments.host}:{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
