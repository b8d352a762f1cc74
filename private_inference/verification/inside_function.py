"""The code of a function in the app tier: calls an endpoint, and says what came of it. It runs in AWS Lambda."""

import base64
from typing import Any


def handler(event: dict[str, str], _context: object) -> dict[str, str]:
    """`{"endpoint": NAME, "body": BASE64, "contentType": …, "accept": …}` → `{"body": BASE64}`.

    With `"targetVariant": NAME` that variant is asked.
    What refuses or doesn't answer is `{"error": CODE, "message": …}` instead.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    runtime: Any = boto3.client(
        "sagemaker-runtime", config=Config(connect_timeout=5, read_timeout=70, retries={"total_max_attempts": 1})
    )
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=event["endpoint"],
            ContentType=event["contentType"],
            Accept=event["accept"],
            Body=base64.b64decode(event["body"]),
            **({"TargetVariant": event["targetVariant"]} if "targetVariant" in event else {}),
        )
    except ClientError as error:
        return {"error": error.response["Error"]["Code"], "message": error.response["Error"]["Message"]}
    except BotoCoreError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"body": base64.b64encode(answer["Body"].read()).decode()}
