"""The account as a stack finds it that isn't deployed yet: what others made is there, and none of its endpoints."""

from collections.abc import Callable
from typing import Any

Clients = Callable[[str], Any]
"""The boto3 client of a service; None where it isn't read."""

READ = ("ec2", "s3", "sagemaker")
"""Services of what may be there already: a VPC, and packages of the Model Registry with their artifacts."""


def nothing(service: str) -> None:
    """There is no account."""


def undeployed(clients: Clients) -> Clients:
    """The account of `clients`, of which no endpoint is seen; a client is made when it is asked for."""

    def client(service: str) -> Any:
        found = clients(service) if service in READ else None
        return _WithoutEndpoints(found) if found is not None and service == "sagemaker" else found

    return client


class _WithoutEndpoints:
    """SageMaker's client, to which no endpoint exists."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sagemaker, name)

    def describe_endpoint(self, **asked: Any) -> Any:
        error = {"Code": "ValidationException", "Message": f'Could not find endpoint "{asked["EndpointName"]}".'}
        raise self._sagemaker.exceptions.ClientError({"Error": error}, "DescribeEndpoint")
