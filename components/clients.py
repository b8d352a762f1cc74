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
    """The client of a service in a region: `using`'s, or one as the provider of the program makes it."""
    if _given:
        return _given[-1](service)
    config = pulumi.Config("aws")
    fips, dual_stack = config.get_bool("useFipsEndpoint"), config.get_bool("useDualstackEndpoint")
    found = session(region, profile=config.get("profile"), fips=bool(fips), dual_stack=bool(dual_stack))
    return found.client(service)


def session(region: str, *, profile: str | None = None, fips: bool, dual_stack: bool) -> Any:
    """A boto3 session in a region, by the kind of AWS endpoints that the stack is deployed by."""
    import boto3
    from botocore.session import Session

    core: Any = Session(profile=profile)
    for variable, wanted in (("use_fips_endpoint", fips), ("use_dualstack_endpoint", dual_stack)):
        if wanted:  # else the shell's setting holds
            core.set_config_variable(variable, True)
    return boto3.Session(botocore_session=core, region_name=region)
