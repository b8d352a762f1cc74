"""The code of a function in the app tier: calls an endpoint, and says what came of it. It runs in AWS Lambda."""

import base64
import time
from typing import Any

WITHIN = 60
"""Seconds in which an asynchronous request is answered, where an instance runs."""


def handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """`{"endpoint": NAME, "body": BASE64, "contentType": …, "accept": …}` → `{"body": BASE64}`.

    With `"named": {"TargetVariant": NAME}` or the like that is asked for; with `"streaming"` the answer comes in parts;
    with `"url"` and `"authority"` in place of the endpoint, it is called by the front door's name; with `"inputs": URI`
    the request goes by S3. What refuses or doesn't answer is `{"error": CODE, "message": …}` instead.
    """
    if "url" in event:
        return _by_name(event)
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    runtime: Any = boto3.client(
        "sagemaker-runtime", config=Config(connect_timeout=5, read_timeout=70, retries={"total_max_attempts": 1})
    )
    asked: dict[str, Any] = {
        "EndpointName": event["endpoint"],
        "ContentType": event["contentType"],
        "Accept": event["accept"],
        "Body": base64.b64decode(event["body"]),
        **event.get("named", {}),
    }
    try:
        if "inputs" in event:
            s3: Any = boto3.client("s3", config=Config(connect_timeout=5, retries={"total_max_attempts": 1}))
            return later(runtime, s3, event)
        if "streaming" in event:
            parts = runtime.invoke_endpoint_with_response_stream(**asked)["Body"]
            body = b"".join(part["PayloadPart"]["Bytes"] for part in parts)
        else:
            body = runtime.invoke_endpoint(**asked)["Body"].read()
    except ClientError as error:
        return {"error": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    except BotoCoreError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"body": base64.b64encode(body).decode()}


def later(runtime: Any, s3: Any, event: dict[str, Any]) -> dict[str, str]:
    """Put a request into S3, have it answered, and wait there for the answer, or for why there is none.

    `runtime` and `s3` are clients, whose errors are raised.
    """
    from uuid import uuid4

    bucket, _, prefix = event["inputs"].removeprefix("s3://").partition("/")
    key = f"{prefix}verification/{uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=base64.b64decode(event["body"]), ContentType=event["contentType"])
    told = runtime.invoke_endpoint_async(
        EndpointName=event["endpoint"],
        InputLocation=f"s3://{bucket}/{key}",
        ContentType=event["contentType"],
        Accept=event["accept"],
    )
    until = time.monotonic() + WITHIN
    while time.monotonic() < until:
        if (body := _found(s3, told["OutputLocation"])) is not None:
            return {"body": base64.b64encode(body).decode()}
        if (why := _found(s3, told["FailureLocation"])) is not None:
            return {"error": "ModelError", "message": why.decode(errors="replace")}
        time.sleep(1)
    return {"error": "Timeout", "message": f"there was no answer within {WITHIN} s"}


def _found(s3: Any, location: str) -> bytes | None:
    """The object at an S3 URI, if it is there."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def _by_name(event: dict[str, Any]) -> dict[str, str]:
    """A POST that is signed for API Gateway, or says who calls in headers, or by a client's certificate."""
    import ssl
    import tempfile
    import urllib.error
    import urllib.request

    trusted = ssl.create_default_context()
    if event["authority"]:
        trusted.load_verify_locations(cadata=event["authority"])
    headers = {"Content-Type": event["contentType"], "Accept": event["accept"]}
    if event["shown"]:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # Python's ssl takes files alone
            file.write(event["shown"])
            file.flush()
            trusted.load_cert_chain(file.name)
    elif event["said"]:
        headers |= event["said"]
    else:
        headers = _signed(event, headers)
    sent = urllib.request.Request(  # noqa: S310 - the contract's https
        event["url"], base64.b64decode(event["body"]), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(sent, timeout=30, context=trusted) as answer:  # noqa: S310
            return {"body": base64.b64encode(answer.read()).decode()}
    except urllib.error.HTTPError as error:
        return {"error": f"HTTP {error.code}", "message": error.read().decode(errors="replace")}
    except OSError as error:
        return {"error": type(error).__name__, "message": str(error)}


def _signed(event: dict[str, Any], headers: dict[str, str]) -> dict[str, str]:
    import os

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session

    asked = AWSRequest("POST", event["url"], headers, base64.b64decode(event["body"]))
    credentials: Any = Session().get_credentials()
    SigV4Auth(credentials, "execute-api", os.environ["AWS_REGION"]).add_auth(asked)
    return dict(asked.headers.items())
