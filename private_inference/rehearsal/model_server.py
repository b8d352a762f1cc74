"""Answers InvokeEndpoint with the predictions of the endpoint's model, which runs in the embedded AWS's own process."""

import io
import json
import tarfile
import tempfile
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

from moto.core.exceptions import JsonRESTError
from moto.s3.models import s3_backends

from private_inference.rehearsal.routing import next_in_turn
from private_inference.rehearsal.xgboost_model import ModelRequestError, predict
from private_inference.tar import unpack

Answer = tuple[int, dict[str, str], bytes]


def invoke(backend: Any, request: Any) -> Answer:
    """Answer an InvokeEndpoint request: status, headers and body. `backend` is moto's SageMaker backend.

    The oldest instance of a variant answers, with what it loaded when it started: of the target variant, or of the one
    whose turn it is by weight. Raises InvokeError: AWS's ValidationError for an
    endpoint or variant that is not there, its ServiceUnavailable for one without an instance, and its ModelError (424)
    if the model refuses the request or can't run here.
    """
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
    kind, answer = predict_on(fleet.instances[0], request)
    return HTTPStatus.OK, {"Content-Type": kind, "x-Amzn-Invoked-Production-Variant": wanted}, answer


_credits: WeakKeyDictionary[Any, dict[str, float]] = WeakKeyDictionary()
"""Of the variants of each endpoint (moto's)."""


def _by_weight(endpoint: Any, weights: Mapping[str, float]) -> str:
    """The variant of an endpoint (moto's) whose turn it is. What AWS answers if all weights are 0 is not published."""
    try:
        return next_in_turn(weights, _credits.setdefault(endpoint, {}))
    except ValueError as error:
        raise _validation_error(str(error)) from None


def predict_on(instance: Any, request: Any) -> tuple[str, bytes]:
    """Content type and body of what an instance answers to `headers` and `data`. Raises InvokeError."""
    headers = request.headers
    try:
        directory = _unpacked(next(iter(instance.archives), b""))
        return predict(directory, headers.get("Content-Type", ""), request.data, headers.get("Accept", ""))
    except ModelRequestError as error:
        raise _model_error(error.status, str(error)) from None
    except (FileNotFoundError, tarfile.TarError) as error:
        why = f"The rehearsal runs XGBoost models only, and this is none: {error}"
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


@cache
def _unpacked(archive: bytes) -> Path:
    """The directory with an archive's files, as SageMaker unpacks them into /opt/ml/model."""
    directory = Path(tempfile.mkdtemp(prefix="model-"))
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
        unpack(packed, directory)
    return directory
