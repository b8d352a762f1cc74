"""The code of a function in the app tier: calls an endpoint, and says what came of it. It runs in AWS Lambda."""

import base64
from typing import Any


def handler(event: dict[str, str], _context: object) -> dict[str, str]:
    """`{"endpoint": NAME, "body": BASE64, "contentType": …, "accept": …}` → `{"body": BASE64}`.

    With `"targetVariant": NAME` that variant is asked; with `"streaming"` its answer comes in parts; with `"url"` and
    `"authority"` in place of the endpoint, it is called by the front door's name. What refuses or doesn't answer is
    `{"error": CODE, "message": …}` instead.
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
        **({"TargetVariant": event["targetVariant"]} if "targetVariant" in event else {}),
    }
    try:
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


def _by_name(event: dict[str, str]) -> dict[str, str]:
    """A POST that is signed for API Gateway."""
    import os
    import ssl
    import urllib.error
    import urllib.request

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session

    headers = {"Content-Type": event["contentType"], "Accept": event["accept"]}
    signed = AWSRequest("POST", event["url"], headers, base64.b64decode(event["body"]))
    credentials: Any = Session().get_credentials()
    SigV4Auth(credentials, "execute-api", os.environ["AWS_REGION"]).add_auth(signed)
    sent = urllib.request.Request(  # noqa: S310 - the contract's https
        event["url"], signed.data, dict(signed.headers.items()), method="POST"
    )
    trusted = ssl.create_default_context()
    if event["authority"]:
        trusted.load_verify_locations(cadata=event["authority"])
    try:
        with urllib.request.urlopen(sent, timeout=30, context=trusted) as answer:  # noqa: S310
            return {"body": base64.b64encode(answer.read()).decode()}
    except urllib.error.HTTPError as error:
        return {"error": f"HTTP {error.code}", "message": error.read().decode(errors="replace")}
    except OSError as error:
        return {"error": type(error).__name__, "message": str(error)}
