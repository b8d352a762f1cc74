"""Independent verification: reads AWS through boto3 and says whether what is there is what the stack asked for.

It knows the stack's settings and contract, and neither its program nor its state. Every call only reads, but for one
call of each model.
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
    roles,
)
from private_inference.verification.checks import Check, Question, Verdict, answer
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Desired
from private_inference.verification.reader import Reader

__all__ = ["Check", "Desired", "Verdict", "verify"]


def verify(
    desired: Desired, client: Callable[[str], Any], on_check: Callable[[Check], None] = lambda check: None
) -> list[Check]:
    """Ask everything about a stack. `on_check` is told of each answer as it comes.

    `client` gives the boto3 client of a service by its name (`boto3.Session(region_name=…).client` does) and is asked
    for each service once.
    """
    checks = []
    for question in questions(Deployed(desired, Reader(client))):
        check = answer(question)
        on_check(check)
        checks.append(check)
    return checks


def questions(stack: Deployed) -> Iterator[Question]:
    """Everything to ask, from the network to a call of each model."""
    for subject in (contract, network, firewall, private_access, keys, data, logs):
        yield from subject.questions(stack)
    yield from capacity.stack_questions(stack)
    for endpoint in stack.desired.settings.endpoints:
        for part in (inference, roles, capacity, invocation):
            yield from part.questions(stack, endpoint)
