"""The deployed stack, reached through the AWS credentials of the shell."""

from typing import Any

from components.settings import SettingsError
from operations.project import StackConfig


def session(region: str) -> Any:
    """A boto3 session in the stack's region."""
    import boto3

    return boto3.Session(region_name=region)


def contract(aws: Any, config: StackConfig) -> dict[str, Any]:
    """The whole contract, put together from the parameters of its endpoints.

    Raises SettingsError if there is none, or AWS can't be asked.
    """
    import json

    from botocore.exceptions import BotoCoreError, ClientError

    path = f"/{config.project}/{config.stack}/contract/"
    try:
        pages = aws.client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
        parts = [json.loads(parameter["Value"]) for page in pages for parameter in page["Parameters"]]
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else str(error)
        raise SettingsError(f"The contract at {path} could not be read: {code}. Check the AWS credentials.") from None
    if not parts:
        raise SettingsError(
            f"There is no contract at {path}. Deploy the stack, or check region and account of the credentials."
        )
    endpoints = {name: endpoint for part in parts for name, endpoint in part["endpoints"].items()}
    return {**parts[0], "endpoints": endpoints}
