"""Answers calls of an endpoint with what its model says, which runs in the embedded AWS's own process."""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

from moto.core.exceptions import JsonRESTError
from moto.s3.models import s3_backends

from private_inference.rehearsal.chat_model import chat as chat_completions
from private_inference.rehearsal.containers import Loaded, RefusedCallError
from private_inference.rehearsal.event_stream import CONTENT_TYPE, framed
from private_inference.rehearsal.language_model import MARK, generate
from private_inference.rehearsal.model_request import ModelRequestError
from private_inference.rehearsal.routing import next_in_turn
from private_inference.rehearsal.xgboost_model import predict
from private_inference.tar import unpack

INVOKED = "x-Amzn-Invoked-Production-Variant"


def invoke(backend: Any, request: Any, component: Any = None) -> tuple[int, dict[str, str], bytes]:
    """Answer an InvokeEndpoint request: status, headers and body. `backend` is moto's SageMaker backend.

    The oldest instance of a variant answers, with what it loaded when it started, or loads for the call: of the target
    variant, or of the one whose turn it is by weight; the `component` that was called answers in their place. Raises
    InvokeError: AWS's ValidationError for an endpoint, variant or model that is not there, its ServiceUnavailable for
    one without an instance, and its ModelError (424) if the model refuses the request or can't run here.
    """
    variant, instance = (component.variant, component) if component else _chosen(backend, request)
    kind, body = predict_on(instance, request)
    return HTTPStatus.OK, {"Content-Type": kind, INVOKED: variant}, body


def predict_on(instance: Any, request: Any) -> tuple[str, bytes]:
    """Content type and body of what an instance answers to `headers` and `data`. Raises InvokeError."""
    with _model_errors():
        kind, parts = _answer(instance, request, request.headers.get("Accept", ""))
        return kind, b"".join(parts)


def stream(backend: Any, request: Any, component: Any = None) -> tuple[int, dict[str, str], Iterator[bytes]]:
    """Answer an InvokeEndpointWithResponseStream request, part by part as they come from the model.

    Raises as `invoke` does, as long as nothing has come; what goes wrong later ends the stream with a ModelStreamError.
    """
    variant, instance = (component.variant, component) if component else _chosen(backend, request)
    with _model_errors():
        kind, parts = _answer(instance, request, request.headers.get("X-Amzn-SageMaker-Accept", ""))
        parts = chain([next(parts, b"")], parts)
    headers = {"Content-Type": CONTENT_TYPE, "X-Amzn-SageMaker-Content-Type": kind, INVOKED: variant}
    return (
        HTTPStatus.OK,
        headers,
        framed(parts, lambda error: str(error) if isinstance(error, ModelRequestError) else None),
    )


def chat(backend: Any, request: Any) -> tuple[str, Iterator[bytes]]:
    """Type and parts of the answer to a Chat Completions request, as they come from the model. Raises as `invoke`."""
    _, instance = _chosen(backend, request)
    with _model_errors():
        *_, last = map(_unpacked, instance.containers.called(request.headers))
        return chat_completions(last, request.data)


def _chosen(backend: Any, request: Any) -> tuple[str, Any]:
    """The variant that answers, and its instance."""
    name = request.path.split("/")[2]
    endpoint = backend.endpoints.get(name)
    if endpoint is None or endpoint.endpoint_status == "Failed":
        raise _validation_error(f"Endpoint {name} of account {backend.account_id} not found.")
    weights = {each["VariantName"]: each["CurrentWeight"] for each in endpoint.production_variants}
    wanted = request.headers.get("X-Amzn-SageMaker-Target-Variant") or _by_weight(endpoint, weights)
    if wanted not in weights:
        raise _validation_error(f"Variant {wanted} of endpoint {name} not found.")
    fleet = endpoint.fleets[wanted]
    if not fleet.instances:
        raise InvokeError(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "The service is unavailable.")
    return wanted, fleet.instances[0]


_credits: WeakKeyDictionary[Any, dict[str, float]] = WeakKeyDictionary()
"""Of the variants of each endpoint (moto's)."""


def _by_weight(endpoint: Any, weights: Mapping[str, float]) -> str:
    """The variant of an endpoint (moto's) whose turn it is. What AWS answers if all weights are 0 is not published."""
    try:
        return next_in_turn(weights, _credits.setdefault(endpoint, {}))
    except ValueError as error:
        raise _validation_error(str(error)) from None


def _answer(instance: Any, request: Any, accept: str) -> tuple[str, Iterator[bytes]]:
    """The answer's type, and its parts: of the last container, which gets what those before it answered.

    What SageMaker passes on is the answer and its type; each of those before answers in the type that it was asked in.
    https://docs.aws.amazon.com/sagemaker/latest/dg/inference-pipelines.html
    """
    *before, last = map(_unpacked, instance.containers.called(request.headers))
    kind, body = request.headers.get("Content-Type", ""), request.data
    for directory in before:
        kind, parts = _of_container(directory, kind, body, "")
        body = b"".join(parts)
    return _of_container(last, kind, body, accept)


def _of_container(directory: Path, content_type: str, body: bytes, accept: str) -> tuple[str, Iterator[bytes]]:
    if (directory / MARK).is_file():
        return generate(directory, content_type, body)
    kind, answer = predict(directory, content_type, body, accept)
    return kind, iter([answer])


@contextmanager
def _model_errors() -> Iterator[None]:
    try:
        yield
    except RefusedCallError as error:
        raise _validation_error(str(error)) from None
    except ModelRequestError as error:
        raise _model_error(error.status, str(error)) from None
    except (FileNotFoundError, tarfile.TarError) as error:
        why = f"The rehearsal runs XGBoost models and small GPT-2 models, and this is none: {error}"
        raise _model_error(HTTPStatus.INTERNAL_SERVER_ERROR, why) from None


def _validation_error(message: str) -> Exception:
    return InvokeError(HTTPStatus.BAD_REQUEST, "ValidationError", message)


def _model_error(status: HTTPStatus, message: str) -> Exception:
    side = "client" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server"
    text = f'Received {side} error ({status:d}) from primary with message "{message}"'
    original = {"OriginalStatusCode": int(status), "OriginalMessage": message}
    return InvokeError(HTTPStatus.FAILED_DEPENDENCY, "ModelError", text, **original)


class InvokeError(JsonRESTError):
    """An error of the runtime API, in the form that moto sends."""

    def __init__(self, status: HTTPStatus, code: str, message: str, **more: Any) -> None:
        super().__init__(code, message)
        self.code = int(status)
        self.description = json.dumps({"Message": message, **more})


def stored_object(backend: Any, url: str) -> Any:
    """The object in the embedded S3 that an S3 URI names, or None."""
    place = urlparse(url)
    bucket = s3_backends[backend.account_id][backend.partition].buckets.get(place.netloc)
    return bucket.keys.get(place.path.lstrip("/")) if bucket else None


def stored_below(backend: Any, url: str) -> list[str]:
    """The URIs of the objects that an S3 URI means: itself, or what is below it if it ends in `/`."""
    place = urlparse(url)
    if not url.endswith("/"):
        return [url]
    bucket = s3_backends[backend.account_id][backend.partition].buckets.get(place.netloc)
    keys = bucket.keys if bucket else {}
    return [f"s3://{place.netloc}/{key}" for key in sorted(keys) if key.startswith(place.path.lstrip("/"))]


def loaded(backend: Any, url: str) -> Loaded:
    """What an instance loads from an S3 URI."""
    if not url.endswith("/"):
        archive: bytes = stored_object(backend, url).value
        return archive
    return tuple((each.removeprefix(url), stored_object(backend, each).value) for each in stored_below(backend, url))


@cache
def _unpacked(model: Loaded) -> Path:
    """The directory with a model's files, as SageMaker puts them into /opt/ml/model."""
    directory = Path(tempfile.mkdtemp(prefix="model-"))
    if isinstance(model, bytes):
        with tarfile.open(fileobj=io.BytesIO(model), mode="r:gz") as packed:
            unpack(packed, directory)
        return directory
    for name, content in model:
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return directory
