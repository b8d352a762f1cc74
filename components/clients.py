"""boto3 clients of the stack's account, for what no Pulumi lookup answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pulumi

Clients = Callable[[str], Any]
"""The boto3 client of a service, such as `sagemaker`; None where there is no account to read."""

_given: list[Clients] = []
"""Not a context variable: the engine calls hooks in threads of its own."""


@contextmanager
def using(clients: Clients) -> Iterator[None]:
    """Programs of this process read AWS through `clients`."""
    _given.append(clients)
    try:
        yield
    finally:
        _given.remove(clients)


def client(service: str, region: str) -> Any:
    """The client of a service in a region: `using`'s, or one with the shell's credentials and `aws:profile`."""
    if _given:
        return _given[-1](service)
    import boto3

    profile = pulumi.Config("aws").get("profile")
    session: Any = boto3.Session(profile_name=profile, region_name=region)
    return session.client(service)
