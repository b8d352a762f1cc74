"""Serve a small language model as SageMaker asks it to: `python serve.py serve`, or `application` by any WSGI server.

`GET /ping`, and `POST /invocations` with the requests and answers of AWS's LMI containers, so that a client need not
know which of them it calls: `{"inputs": TEXT, "parameters": {"max_new_tokens": 30}, "stream": true}`. A streamed answer
leaves line by line, each as soon as its token is known. Texts are not logged: they are what the VPC should protect.
"""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from decoder import Model

MAX_BODY_BYTES = 1_048_576
DEFAULT_TOKENS, MOST_TOKENS = 30, 512
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class RequestError(Exception):
    """A request that can't be answered: the status, and what the caller can do."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@cache
def model() -> Model:
    """The model that SageMaker put into the container."""
    return Model.load(Path(os.environ.get("MODEL_DIR", "/opt/ml/model")))


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The server, as WSGI has it."""
    route = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    try:
        if route == ("GET", "/ping"):
            model()
            return answer(start_response, HTTPStatus.OK, "text/plain", [b""])
        if route != ("POST", "/invocations"):
            raise RequestError(HTTPStatus.NOT_FOUND, "GET /ping or POST /invocations.")
        prompt, limit, streaming = read(environ)
    except RequestError as error:
        return answer(start_response, error.status, "text/plain", [f"{error}\n".encode()])
    pieces = texts(model().tokens(prompt, limit))
    if streaming:
        return answer(start_response, HTTPStatus.OK, "application/jsonlines", lines(pieces))
    whole = json.dumps({"generated_text": "".join(text for _, text in pieces)}).encode()
    return answer(start_response, HTTPStatus.OK, "application/json", [whole])


def answer(start: StartResponse, status: HTTPStatus, kind: str, parts: Iterable[bytes]) -> Iterable[bytes]:
    start(f"{status.value} {status.phrase}", [("Content-Type", kind)])
    return parts


def read(environ: dict[str, Any]) -> tuple[str, int, bool]:
    """Prompt, limit and whether the answer is streamed. Raises RequestError."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit()):
        raise RequestError(HTTPStatus.LENGTH_REQUIRED, "Send the body's size in a Content-Length header.")
    if int(length) > MAX_BODY_BYTES:
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {MAX_BODY_BYTES:,} bytes.")
    try:
        asked = json.loads(environ["wsgi.input"].read(int(length)))
        prompt, parameters = asked["inputs"], asked.get("parameters", {})
        limit = parameters.get("max_new_tokens", DEFAULT_TOKENS)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise RequestError(HTTPStatus.BAD_REQUEST, 'The body is not {"inputs": TEXT, …}.') from None
    if not isinstance(prompt, str) or type(limit) is not int or not 0 < limit <= MOST_TOKENS:
        why = f"inputs has to be text, and max_new_tokens a number from 1 to {MOST_TOKENS}."
        raise RequestError(HTTPStatus.UNPROCESSABLE_ENTITY, why)
    return prompt, limit, bool(asked.get("stream"))


def texts(tokens: Iterator[int]) -> Iterator[tuple[int, str]]:
    """Each token with its text, which is empty within a letter of several bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    return ((token, decoder.decode(bytes([token]))) for token in tokens)


def lines(pieces: Iterator[tuple[int, str]]) -> Iterator[bytes]:
    """A line for each token."""
    for token, text in pieces:
        yield json.dumps({"token": {"id": token, "text": text}}).encode() + b"\n"


def main() -> None:
    """Become gunicorn, which is how SageMaker runs the image: it adds the word `serve`."""
    if sys.argv[1:] != ["serve"]:
        sys.exit("usage: serve.py serve")
    port = os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")
    workers = ["--preload", "--workers", "1", "--threads", str(os.cpu_count() or 1), "--timeout", "0"]
    os.execvp("gunicorn", ["gunicorn", "--bind", f"0.0.0.0:{port}", *workers, "serve:application"])  # noqa: S606, S607


if __name__ == "__main__":
    main()
