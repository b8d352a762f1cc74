"""Whether anybody of a kind may, over a path: proved that not, a request that may, or what an answer would need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from private_inference.authorization.decision import Decision, Question, decide
from private_inference.authorization.domains import domains
from private_inference.authorization.formula import Value, settled, solve, unread, with_value
from private_inference.authorization.model import Account, Barrier
from private_inference.authorization.patterns import Pattern, representatives
from private_inference.authorization.statements import PRINCIPAL_ARN, RESOURCE, Applying


class Verdict(StrEnum):
    """What is known of all requests of a question."""

    DENIED = "denied"
    """Proved: none is allowed."""
    ALLOWED = "allowed"
    """A witness is: one request, with what lets it pass."""
    UNREACHED = "unreached"
    """Documents allow it, by a witness, and no packet of the principal's gets to the path."""
    UNVERIFIED = "unverified"
    """One may be, depending on what can't be read."""


@dataclass(frozen=True)
class Witness:
    """A request that is allowed: its ARN, the keys that it carries, and the statements that allow it."""

    resource: str
    context: Mapping[str, tuple[str, ...]]
    absent: tuple[str, ...]
    """Keys that it must not carry."""
    statements: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """The answer to a question; `needs` says what an unverified one depends on, `barrier` what the network does."""

    question: Question
    verdict: Verdict
    witness: Witness | None = None
    needs: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    """Statements that deny what is denied."""
    barrier: Barrier | None = None

    @property
    def passes(self) -> bool:
        """Whether documents let a request pass, wherever its packets get to."""
        return self.verdict in (Verdict.ALLOWED, Verdict.UNREACHED)


def answer(account: Account, question: Question) -> Answer:
    """The answer for all requests of a question."""
    decision = decide(account, question)
    found = domains(decision.allowed, decision.within)
    values = {
        key: [each for each in domain.values if _is_asked_about(question, key, each)] for key, domain in found.items()
    }
    surely = settled(decision.allowed, doubt=False)
    if (assignment := solve(surely, values)) is not None:
        barrier = question.principal.barrier(question.path, question.action)
        verdict = Verdict.UNREACHED if barrier and barrier.everywhere else Verdict.ALLOWED
        return Answer(question, verdict, _witness(decision, assignment, values), barrier=barrier)
    gaps = tuple(each.gap for each in found.values() if each.gap)
    if gaps or solve(settled(decision.allowed, doubt=True), values) is not None:
        return Answer(question, Verdict.UNVERIFIED, needs=(*dict.fromkeys(unread(decision.allowed)), *gaps))
    denials = (each.label for each in decision.statements if each.effect == "Deny" and each.when is not False)
    return Answer(question, Verdict.DENIED, blockers=tuple(dict.fromkeys(denials)))


def _is_asked_about(question: Question, key: str, value: Value) -> bool:
    """Whether a value is not the ARN of a principal that is asked about by itself.

    A test that names that ARN has a class of values of its own for it.
    """
    return key != PRINCIPAL_ARN or value is None or not question.principal.besides & set(value)


def _witness(decision: Decision, assignment: Mapping[str, Value], values: Mapping[str, Sequence[Value]]) -> Witness:
    """The request of an assignment; keys that it leaves open are chosen so that statements can be listed."""
    chosen = {**decision.fixed, **assignment}
    for key, options in values.items():
        chosen.setdefault(key, options[0] if options else None)
    for key in (RESOURCE, PRINCIPAL_ARN):
        if key not in chosen and key in decision.within:
            within = decision.within[key]
            assert isinstance(within, Pattern)  # noqa: S101
            chosen[key] = (representatives((), within)[0],)
    resource = chosen.pop(RESOURCE)
    allowing = dict.fromkeys(
        each.label
        for each in decision.statements
        if each.effect == "Allow" and _applies(each, {**chosen, RESOURCE: resource})
    )
    return Witness(
        f"{decision.before}{resource[0]}" if resource else "",
        {key: value for key, value in sorted(chosen.items()) if value is not None},
        tuple(sorted(key for key, value in chosen.items() if value is None)),
        tuple(allowing),
    )


def _applies(statement: Applying, chosen: Mapping[str, Value]) -> bool:
    when = settled(statement.when, doubt=False)
    for key, value in chosen.items():
        when = with_value(when, key, value)
    return when is True
