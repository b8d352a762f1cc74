"""Runs the models behind the embedded AWS's endpoints, by the code of this project's serving container.

Only in the embedded AWS's own process: it reads moto's backends.
"""

import importlib.util
import io
import json
import tarfile
import tempfile
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

SERVE = Path(__file__).parent.parent / "examples" / "serving" / "serve.py"
Answer = tuple[int, dict[str, str], bytes]


def invoke(backend: Any, request: Any) -> Answer:
    """Answer an InvokeEndpoint request: status, headers and body.

    `backend` is moto's SageMaker backend. 400 ValidationError for an unknown endpoint or variant, 424 ModelError where
    the model refuses the request or can't be run here.
    """
    name = request.path.split("/")[2]
    endpoint = backend.endpoints.get(name)
    if endpoint is None:
        account = backend.account_id
        return _error(HTTPStatus.BAD_REQUEST, "ValidationError", f"Endpoint {name} of account {account} not found.")
    variants = backend.endpoint_configs[endpoint.endpoint_config_name].production_variants
    wanted = request.headers.get("X-Amzn-SageMaker-Target-Variant") or variants[0]["VariantName"]
    variant = next((item for item in variants if item["VariantName"] == wanted), None)
    if variant is None:
        return _error(HTTPStatus.BAD_REQUEST, "ValidationError", f"Variant {wanted} of endpoint {name} not found.")
    model = backend._models[variant["ModelName"]]
    return _predict(backend, model, request, wanted)


def _predict(backend: Any, model: Any, request: Any, variant: str) -> Answer:
    container = model.primary_container or model.containers[0]
    try:
        directory = model_directory(backend, container.get("ModelDataUrl") or "")
        kind, answer = serve().predict(
            directory,
            request.headers.get("Content-Type", ""),
            request.data,
            request.headers.get("Accept", ""),
        )
    except serve().RequestError as error:
        return _model_error(int(error.status), str(error))
    except (FileNotFoundError, tarfile.TarError) as error:
        return _model_error(HTTPStatus.INTERNAL_SERVER_ERROR, f"The rehearsal can't run this model: {error}")
    return HTTPStatus.OK, {"Content-Type": kind, "x-Amzn-Invoked-Production-Variant": variant}, answer


@cache
def serve() -> Any:
    """The serving container's code, loaded when the first model is asked: it brings XGBoost with it."""
    spec = importlib.util.spec_from_file_location("serve", SERVE)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{SERVE.name} is missing from the examples")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stored_object(backend: Any, url: str) -> Any:
    """The object in the embedded S3 that an S3 URI names, or None."""
    from moto.s3.models import s3_backends

    place = urlparse(url)
    bucket = s3_backends[backend.account_id][backend.partition].buckets.get(place.netloc)
    return bucket.keys.get(place.path.lstrip("/")) if bucket else None


def model_directory(backend: Any, url: str) -> Path:
    """Where the archive behind an S3 URI lies unpacked, as SageMaker unpacks it into /opt/ml/model.

    Raises FileNotFoundError if there is no such object, TarError if it is no archive.
    """
    stored = stored_object(backend, url)
    if stored is None:
        raise FileNotFoundError(f"there is no object at {url!r}")
    return _unpacked(stored.etag, stored.value)


@cache
def _unpacked(etag: str, archive: bytes) -> Path:
    directory = Path(tempfile.mkdtemp(prefix="model-"))
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
        packed.extractall(directory, filter="data")
    return directory


def _model_error(status: int, message: str) -> Answer:
    original = {"OriginalStatusCode": status, "OriginalMessage": message}
    said = f'Received client error ({status}) from primary with message "{message}".'
    return _error(HTTPStatus.FAILED_DEPENDENCY, "ModelError", said, **original)


def _error(status: int, code: str, message: str, **more: Any) -> Answer:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"Message": message, **more}).encode()
