"""boto3 clients of the stack's account, for what no Pulumi lookup answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pulumi

Clients = Callable[[str], Any]
"""The boto3 client of a service, such as `sagemaker`; None where there is no account to read."""

_given: ContextVar[Clients | None] = ContextVar("clients", default=None)


@contextmanager
def using(clients: Clients) -> Iterator[None]:
    """Programs that run in this context read AWS through `clients`."""
    token = _given.set(clients)
    try:
        yield
    finally:
        _given.reset(token)


def client(service: str, region: str) -> Any:
    """The client of a service in a region: `using`'s, or one with the shell's credentials and `aws:profile`."""
    given = _given.get()
    if given:
        return given(service)
    import boto3

    profile = pulumi.Config("aws").get("profile")
    session: Any = boto3.Session(profile_name=profile, region_name=region)
    return session.client(service)
