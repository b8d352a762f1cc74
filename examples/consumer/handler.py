"""The function: scores rows of measurements with the private model."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config


@lru_cache
def runtime() -> Any:
    """One client for the life of the container. Private DNS leads its ordinary host name to the VPC's endpoint."""
    return boto3.client(
        "sagemaker-runtime",
        config=Config(connect_timeout=2, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3}),
    )


def handler(event: dict[str, Any], _context: object) -> dict[str, list[float]]:
    """`{"rows": [[17.99, …], …]}` → `{"scores": [0.97, …]}`: the probability that each row's tumour is malignant.

    Raises ValueError, which Lambda reports to the caller, for an event that isn't like that.
    """
    rows = event.get("rows")
    if not isinstance(rows, list) or not rows or not all(is_row(row) for row in rows):
        raise ValueError('The event must be {"rows": [[number, …], …]} with at least one row.')
    response = runtime().invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"],
        ContentType="text/csv",
        Accept="application/json",
        Body="\n".join(",".join(map(str, row)) for row in rows),
    )
    answer = json.load(response["Body"])
    return {"scores": [prediction["score"] for prediction in answer["predictions"]]}


def is_row(row: object) -> bool:
    return isinstance(row, list) and bool(row) and all(type(value) in (int, float) for value in row)
