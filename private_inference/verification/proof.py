"""The proof over the deployed network: every intended path exists, and no other."""

from collections.abc import Iterator
from functools import partial

from private_inference.reachability.intent import Failure
from private_inference.verification.checks import Assertion, Result, joined, result
from private_inference.verification.controls import BOUNDARY
from private_inference.verification.deployed import Deployed


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """What the reachability proof says of the network that EC2 describes."""
    paths = partial(Assertion, "Paths", controls=BOUNDARY)
    yield paths("every intended path exists", lambda: _intended(stack))
    yield paths("no other path exists, for any address, protocol and port", lambda: _no_other(stack))
    yield paths("nothing leads where the proof can't follow", lambda: _decided(stack))


def _intended(stack: Deployed) -> Result:
    proof = stack.proof
    required = [f"{cell.source} → {cell.destination}" for cell in proof.cells if cell.required]
    return result(joined(required), [*proof.unmet, *_failures(stack, "missing")])


def _no_other(stack: Deployed) -> Result:
    return result(f"none, among {len(stack.proof.cells)} pairs of parties", _failures(stack, "surplus"))


def _failures(stack: Deployed, kind: str) -> list[str]:
    return [explained(failure) for failure in stack.proof.failures if failure.kind == kind]


def explained(failure: Failure) -> str:
    """The pair of parties, one of the services, and what refuses it."""
    text = f"{failure.kind}: {failure.source} → {failure.destination}, {failure.trace.service}"
    refusal = failure.trace.refusal
    return f"{text}: {refusal.place}: {refusal.reason}" if refusal and failure.kind == "missing" else text


def _decided(stack: Deployed) -> Result:
    return result("none", [f"{one.resource}: {one.property} {one.reason}" for one in stack.proof.undecided])
