"""The AWS account behind a set of boto3 clients, embedded or real."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Clients(Protocol):
    """A source of boto3 clients: the embedded AWS, or a session in a real account."""

    @property
    def region(self) -> str: ...

    def client(self, service: str) -> Any: ...


@dataclass(frozen=True)
class Account:
    """One AWS account in one region."""

    client: Callable[[str], Any]
    """Takes a service's name, such as `ec2`, and returns its boto3 client."""
    id: str
    region: str
    region_name: str
    """Such as `Europe (Ireland)`."""
    partition: str
    dns_suffix: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource of this account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"


def account_of(aws: Clients) -> Account:
    """The account that the clients' credentials belong to, with what botocore knows of its region."""
    import boto3
    from botocore.loaders import create_loader

    partition = boto3.session.Session().get_partition_for_region(aws.region)
    known = {entry["id"]: entry for entry in create_loader().load_data("partitions")["partitions"]}[partition]
    return Account(
        client=aws.client,
        id=aws.client("sts").get_caller_identity()["Account"],
        region=aws.region,
        region_name=known["regions"].get(aws.region, {}).get("description", aws.region),
        partition=partition,
        dns_suffix=known["outputs"]["dnsSuffix"],
    )
