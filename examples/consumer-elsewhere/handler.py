"""The function: scores rows of measurements with the private model, from another VPC or another account."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.config import Config

CONFIG = Config(connect_timeout=2, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})
MARGIN = timedelta(minutes=5)
kept: tuple[Any, datetime] | None = None
"""The client of this container, and when its credentials end."""


def runtime() -> Any:
    """A client with the function's own credentials, or those of the role in the platform's account, for an hour.

    Private DNS leads both host names to the VPC's own endpoints.
    """
    global kept
    if kept and datetime.now(UTC) + MARGIN < kept[1]:
        return kept[0]
    if not (role := os.environ.get("ROLE_ARN")):
        kept = boto3.client("sagemaker-runtime", config=CONFIG), datetime.max.replace(tzinfo=UTC) - MARGIN
        return kept[0]
    name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    taken = boto3.client("sts", config=CONFIG).assume_role(
        RoleArn=role, RoleSessionName=name, ExternalId=os.environ["EXTERNAL_ID"]
    )["Credentials"]
    client = boto3.client(
        "sagemaker-runtime",
        aws_access_key_id=taken["AccessKeyId"],
        aws_secret_access_key=taken["SecretAccessKey"],
        aws_session_token=taken["SessionToken"],
        config=CONFIG,
    )
    kept = client, taken["Expiration"]
    return client


def handler(event: dict[str, Any], _context: object) -> dict[str, list[float]]:
    """`{"rows": [[17.99, …], …]}` → `{"scores": [0.97, …]}`: the probability that each row's tumour is malignant."""
    response = runtime().invoke_endpoint(
        EndpointName=os.environ["ENDPOINT_NAME"],
        ContentType="text/csv",
        Accept="application/json",
        Body="\n".join(",".join(map(str, row)) for row in event["rows"]),
    )
    answer = json.load(response["Body"])
    return {"scores": [prediction["score"] for prediction in answer["predictions"]]}
