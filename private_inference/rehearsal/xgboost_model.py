"""Predictions of an XGBoost model, with the bodies that SageMaker's XGBoost container takes and gives.

Formats: "Common data formats for inference" in the SageMaker AI developer guide.
"""

import json
import sys
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from private_inference.rehearsal.model_request import ModelRequestError

MODEL_FILE = "xgboost-model"
CSV, JSON = "text/csv", "application/json"


def predict(directory: Path, content_type: str, body: bytes, accept: str) -> tuple[str, bytes]:
    """The answer's type and body, of the model in an unpacked archive.

    A request is text/csv (one row a line, an empty field is a missing value) or application/json
    (`{"instances": [{"features": [1.5, null]}]}`). The answer has the first type in `accept`, else the request's.
    Raises ModelRequestError for a request that the model can't answer, FileNotFoundError if there is no model, and
    XGBoostError if the file holds none.
    """
    kind, wanted = _media_type(content_type), _media_type(accept.partition(",")[0])
    if kind not in (CSV, JSON):
        raise ModelRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{content_type!r} is not {CSV} or {JSON}.")
    answer_type = kind if wanted in ("", "*/*") else wanted
    if answer_type not in (CSV, JSON):
        raise ModelRequestError(HTTPStatus.NOT_ACCEPTABLE, f"{accept!r} is not {CSV} or {JSON}.")
    model = _model(directory)
    rows = _rows(body, kind)
    if rows.shape[1] != model.num_features():
        message = f"A row has {rows.shape[1]} values, the model takes {model.num_features()}."
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, message)
    scores = model.predict(_xgboost().DMatrix(rows, nthread=1)).tolist()
    if answer_type == CSV:
        return CSV, "".join(f"{score}\n" for score in scores).encode()
    return JSON, json.dumps({"predictions": [{"score": score} for score in scores]}).encode()


def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def _rows(body: bytes, kind: str) -> Any:
    """The body as a two-dimensional array; a missing value is NaN."""
    import numpy as np

    try:
        text = body.decode("utf-8")
        if kind == CSV:
            fields = [line.split(",") for line in text.splitlines() if line.strip()]
            rows = [[float(field.strip() or "nan") for field in line] for line in fields]
        else:
            rows = [instance["features"] for instance in json.loads(text)["instances"]]
        array = np.array(rows, dtype=np.float32)
    except UnicodeDecodeError:
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, "The body is not UTF-8.") from None
    except (ValueError, KeyError, TypeError):
        array = np.array([])
    if array.ndim != 2 or np.isinf(array).any():
        raise ModelRequestError(HTTPStatus.BAD_REQUEST, f"The body does not hold rows of numbers as {kind}.")
    return array


@cache
def _model(directory: Path) -> Any:
    path = directory / MODEL_FILE
    if not path.is_file():
        raise FileNotFoundError(f"the archive has no file {MODEL_FILE!r} at its root")
    return _xgboost().Booster({"nthread": 1}, model_file=path)


@cache
def _xgboost() -> Any:
    """XGBoost, imported for the first request only and without scikit-learn, whose 65 MB are not needed here."""
    sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]
    import xgboost

    return xgboost
