"""The contract of a deployed stack, read from SSM with the AWS credentials of the shell."""

import json
from collections.abc import Mapping
from typing import Any

from components import clients
from components.contract import Contract
from components.settings import Settings, SettingsError
from private_inference.runner.project import StackConfig
from private_inference.verification.desired import Desired


def session(settings: Settings) -> Any:
    """A boto3 session in the stack's region, by the AWS endpoints that it is deployed by."""
    return clients.session(settings.region, fips=settings.fips_endpoints, dual_stack=settings.dual_stack_endpoints)


def contract(aws: Any, config: StackConfig) -> dict[str, Any]:
    """The whole contract, put together from the parameters of its endpoints.

    Raises SettingsError if there is none, or AWS can't be asked.
    """
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


def desired_of(config: StackConfig, settings: Settings, outputs: Mapping[str, Any]) -> Desired:
    """What to look for, given the stack's outputs."""
    contract = Contract.model_validate(outputs)
    return Desired(config.project, config.stack, config.directory, settings, contract)
