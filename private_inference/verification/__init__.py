"""Independent verification: reads AWS through boto3 and says whether what is there is what the stack asked for.

It knows the stack's settings and contract, and neither its program nor its state. It only reads, but for one call of
each model.
"""

from collections.abc import Callable, Iterator
from typing import Any

from private_inference.verification import (
    capacity,
    contract,
    data,
    firewall,
    inference,
    invocation,
    keys,
    logs,
    network,
    private_access,
    proof,
    refused_flows,
    roles,
)
from private_inference.verification.checks import Assertion, Check, Verdict, evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Desired
from private_inference.verification.reader import Reader

__all__ = ["Check", "Desired", "Verdict", "verify"]


def verify(
    desired: Desired, client: Callable[[str], Any], on_check: Callable[[Check], None] = lambda check: None
) -> list[Check]:
    """Check everything about a stack. `on_check` is called with each check as it is made.

    `client` returns the boto3 client of a service by its name, as `boto3.Session(region_name=…).client` does; it is
    called once for each service.
    """
    checks = []
    for assertion in assertions(Deployed(desired, Reader(client))):
        check = evaluate(assertion)
        on_check(check)
        checks.append(check)
    return checks


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Everything that has to be true, from the network to a call of each model."""
    for subject in (contract, network, firewall, proof, private_access, keys, data, logs):
        yield from subject.assertions(stack)
    yield from capacity.stack_assertions(stack)
    yield from refused_flows.assertions(stack)
    for endpoint in stack.desired.settings.endpoints:
        for part in (inference, roles, capacity, invocation):
            yield from part.assertions(stack, endpoint)
