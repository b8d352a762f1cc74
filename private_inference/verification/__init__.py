"""Independent verification: reads AWS through boto3 and says whether what is there is what the stack asked for.

It knows the stack's settings and contract, and neither its program nor its state. It only reads, but for one call of
each model; to make that call from inside of the network, it makes a function and a role, and removes them.
"""

from collections.abc import Callable, Iterator
from typing import Any

from private_inference.verification import (
    account_guards,
    callers,
    capacity,
    capture,
    components,
    contract,
    data,
    exchange,
    firewall,
    front_door,
    image_scans,
    inference,
    invocation,
    keys,
    kv_cache,
    load_balancer,
    logs,
    network,
    on_premises,
    outside_calls,
    perimeter,
    private_access,
    proof,
    rejected_flows,
    roles,
)
from private_inference.verification.checks import Assertion, Check, Verdict, evaluate
from private_inference.verification.controls import LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Desired
from private_inference.verification.inside import InsideCaller
from private_inference.verification.reader import Reader

__all__ = ["Check", "Desired", "Verdict", "verify"]


def verify(
    desired: Desired,
    client: Callable[[str], Any],
    on_check: Callable[[Check], None] = lambda check: None,
    *,
    from_inside: bool = False,
    client_certificate: str = "",
    authorization: str = "",
) -> list[Check]:
    """Check everything about a stack. `on_check` is called with each check as it is made.

    `client` returns the boto3 client of a service by its name, as `boto3.Session(region_name=…).client` does; it is
    called once for each service. `from_inside` has the models called by a function in the app subnets, which
    shows a load balancer this certificate, with its key (PEM), and says this to an API's authorizer.
    """
    checks = []
    inside = InsideCaller(desired, client) if from_inside and desired.settings.endpoints else None
    try:
        for assertion in assertions(Deployed(desired, Reader(client)), inside, client_certificate, authorization):
            check = evaluate(assertion)
            on_check(check)
            checks.append(check)
    except BaseException as error:
        if inside and not (gone := inside.remove()).ok:
            error.add_note(gone.seen)
        raise
    return checks


def assertions(
    stack: Deployed, inside: InsideCaller | None = None, client_certificate: str = "", authorization: str = ""
) -> Iterator[Assertion]:
    """Everything that has to be true, from the network to a call of each model."""
    for subject in (
        contract,
        network,
        on_premises,
        firewall,
        proof,
        account_guards,
        private_access,
        keys,
        data,
        logs,
        perimeter,
    ):
        yield from subject.assertions(stack)
    yield from capacity.stack_assertions(stack)
    yield from rejected_flows.assertions(stack)
    yield from outside_calls.assertions(stack)
    for endpoint in stack.desired.settings.endpoints:
        for part in (inference, components, roles, image_scans, exchange, capture, capacity, kv_cache):
            yield from part.assertions(stack, endpoint)
        yield from invocation.assertions(stack, endpoint, inside)
    yield from front_door.assertions(stack, inside, authorization)
    yield from load_balancer.assertions(stack, inside, client_certificate)
    yield from callers.assertions(stack)
    if inside:
        yield Assertion("Call from inside", "its function and its role are removed", inside.remove, LEAST_PRIVILEGE)
