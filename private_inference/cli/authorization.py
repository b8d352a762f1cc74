"""The authorization proof of a program's run: the documents it declares against what its settings intend."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from private_inference.authorization.from_graph.load import load
from private_inference.authorization.intent import Report, check
from private_inference.authorization.model import Account
from private_inference.authorization.stack_intent import intent_from
from private_inference.cli.proof import declared
from private_inference.cli.workloads import joined
from private_inference.runner.aws_facts import EXAMPLE_ACCOUNT, partition_of
from private_inference.runner.preview import IDENTITY
from private_inference.runner.resource import Run

if TYPE_CHECKING:
    from components.settings import Settings
    from private_inference.reachability.model import Network


def account_of(settings: "Settings", run: Run) -> Account:
    """The account that a run's documents are in, the same whatever the order in which resources came."""
    answers = [lookup.answer["accountId"] for lookup in run.lookups if lookup.token == IDENTITY]
    account = str(answers[0]) if answers else EXAMPLE_ACCOUNT
    return load([declared(resource) for resource in run.all_resources], account, partition_of(settings.region))


def within_network(settings: "Settings", run: Run, network: "Network") -> Account:
    """The account of a run, whose workloads are in a network."""
    return joined(account_of(settings, run), [declared(resource) for resource in run.all_resources], network)


def prove_authorization(settings: "Settings", run: Run, network: "Network") -> Report:
    """Whether documents allow, and the network carries, what the settings intend, and nothing else is allowed."""
    return check(within_network(settings, run, network), intent_from(settings))


def authorization_problems(report: Report) -> list[str]:
    """What is missing or surplus, with what lets it pass."""
    found = []
    for each in report.failures:
        witness, barrier = each.answer.witness, each.answer.barrier
        if each.missing and barrier is not None:
            found.append(f"missing: {each}; documents allow it, but {barrier.why}")
        elif witness is not None:
            carried = ", ".join(f"{key}={'/'.join(value)}" for key, value in witness.context.items())
            found.append(
                f"surplus: {each}: allowed by {', '.join(witness.statements) or 'its own policies'} ({carried})"
            )
        else:
            denied = f"; denied by {', '.join(each.answer.blockers)}" if each.answer.blockers else ""
            found.append(f"missing: {each}{denied}")
    return [*found, *(f"surplus: {each}" for each in report.becoming), *report.unmet]


def authorization_notes(report: Report) -> Sequence[str]:
    """What holds under an assumption only, and what can't be read."""
    unread: dict[str, int] = {}
    for each in report.unverified:
        for need in each.answer.needs:
            unread[need] = unread.get(need, 0) + 1
    needs = [f"unverified: {need} ({count} answers depend on it)" for need, count in unread.items()]
    return [*(f"assumed: {why}" for why in report.assumptions), *needs, *(f"unverified: {gap}" for gap in report.gaps)]


def authorization_as_json(report: Report) -> dict[str, Any]:
    """The report for machines."""
    return {
        "proved": report.proved,
        "questions": report.questions,
        "problems": authorization_problems(report),
        "assumptions": list(report.assumptions),
        "unverified": [note for note in authorization_notes(report) if note.startswith("unverified")],
    }
