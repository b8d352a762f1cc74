"""The code of a Lambda authorizer, for a rehearsal: it lets in whoever shows its token.

It stands in for the function that a stack names, whose code nobody has here.
"""

import os
from typing import Any

TOKEN = "rehearsal"  # noqa: S105 - it opens nothing but a rehearsal


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html"""
    effect = "Allow" if event["headers"].get(os.environ["HEADER"]) == TOKEN else "Deny"
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
    return {"principalId": TOKEN, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
