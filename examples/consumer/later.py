"""Ask a model whose answers come later: put the request into S3, have it queued, and wait in S3 for the answer.

It runs where `client.py` does; S3 is reached through the platform's gateway endpoint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
from calls import CONFIG, CallError, explained, scores_of
from contract import Contract, ContractError

MAX_REQUEST_BYTES = 1 << 30
"""What an asynchronous request may have at most (SageMaker AI developer guide, "Asynchronous inference")."""

LONGEST_PAUSE = 15
"""Seconds between two looks for an answer."""

ADVICE = {
    "AccessDenied": "attach the contract's invokePolicyArn to this identity, and come through the VPC's S3 endpoint.",
    "AccessDeniedException": "attach the contract's invokePolicyArn to this identity, and call through the VPC's "
    "runtime endpoint: the policy allows no other way.",
    "NoSuchBucket": "the platform has removed it; read its contract again.",
    "ValidationError": "it is not in service under that name, or not asynchronous; ask the platform team.",
    "ThrottlingException": "it is at its limit; try later.",
}


def score_later(
    contract: Contract, endpoint: str, rows: bytes, *, wait: float = 900, endpoint_url: str | None = None
) -> list[float]:
    """The model's score for each row of a CSV body, in order, within `wait` seconds. Raises CallError.

    An endpoint without an instance takes minutes to start one.
    """
    try:
        target = contract.endpoint(endpoint)
    except ContractError as error:
        raise CallError(str(error)) from None
    if target.mode != "asynchronous" or not target.async_locations:
        raise CallError(f"The endpoint {endpoint} is {target.mode}: call it by client.score.")
    unreachable = "run in the app subnets with the client security group, which reaches S3's gateway."
    with explained(f"The endpoint {endpoint}", ADVICE, unreachable):
        s3: Any = boto3.client("s3", region_name=contract.region, config=CONFIG)
        runtime: Any = boto3.client(
            "sagemaker-runtime", region_name=contract.region, endpoint_url=endpoint_url, config=CONFIG
        )
        request = f"{target.async_locations['inputs']}{uuid4()}.csv"
        s3.put_object(**place(request), Body=rows, ContentType="text/csv")
        told = runtime.invoke_endpoint_async(
            EndpointName=target.name,
            InputLocation=request,
            ContentType="text/csv",
            Accept="application/json",
            **(target.async_parameters or {}),
        )
        answer = wait_for(s3, told["OutputLocation"], told["FailureLocation"], wait)
    return scores_of(endpoint, answer)


def wait_for(s3: Any, output: str, failure: str, wait: float) -> bytes:
    """The answer at an S3 URI, once it is there. Raises CallError with the failure's text, or when the time is up."""
    for _ in pauses(wait):
        if (answer := found(s3, output)) is not None:
            return answer
        if (why := found(s3, failure)) is not None:
            raise CallError(f"The request failed: {why.decode(errors='replace').strip()}")
    raise CallError(f"There was no answer within {wait:g} s; one that comes later is at {output}.")


def found(s3: Any, uri: str) -> bytes | None:
    """The object at an S3 URI; None if it isn't there yet."""
    try:
        body: bytes = s3.get_object(**place(uri))["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def place(uri: str) -> dict[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}


def pauses(seconds: float) -> Iterator[None]:
    """At once, then after ever longer pauses, until so many seconds have passed."""
    until, pause = time.monotonic() + seconds, 0.5
    yield
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)
        yield
