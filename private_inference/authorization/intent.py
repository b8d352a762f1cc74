"""What requests are for, compared with what documents allow: permissions that are missing, and surplus ones.

An intent names resources, and who may do what to them over which path. Whatever else is allowed is surplus. What
documents can't close, because it is an account's own administrators', is an assumption and shown as one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from operator import itemgetter

from private_inference.authorization.answer import Answer, Verdict, answer
from private_inference.authorization.decision import Question
from private_inference.authorization.escalation import Becoming, becoming, of_stack
from private_inference.authorization.everyone import label
from private_inference.authorization.model import HOLDERS, Account, Principal
from private_inference.authorization.questions import open_questions
from private_inference.authorization.strangers import strangers


class Expected(StrEnum):
    """What is expected of an answer."""

    REQUIRED = "required"
    PERMITTED = "permitted"
    ASSUMED = "assumed"
    """Nothing in the program can refuse it."""


@dataclass(frozen=True)
class Expectation:
    """Who may do what to which resource over which path: names, or patterns of them; `why` is for the reader."""

    expected: Expected
    principal: str
    action: str
    resource: str
    path: str = "*"
    why: str = ""

    def covers(self, question: Question) -> bool:
        """Whether a question is one of these. A principal is called by its name, and by each policy that it holds."""
        to_do = self.is_about(question.action, question.resource.name)
        return to_do and _fits(question.path.name, self.path) and self.is_of(question.principal)

    def is_of(self, principal: Principal) -> bool:
        """Whether it is about a principal."""
        return any(_fits(name, self.principal) for name in _called(principal))

    def is_about(self, action: str, resource: str) -> bool:
        """Whether it is about an action on a resource, whosoever."""
        return _fits(resource, self.resource) and _fits(action, self.action)


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def _is_pattern(name: str) -> bool:
    return any(wild in name for wild in "*?[")


def _called(principal: Principal) -> Sequence[str]:
    return (label(principal), *(f"{HOLDERS}{policy}" for policy in principal.holds))


class _ByName:
    """Expectations by one of their names: few are of many names, and many of one."""

    def __init__(self, expectations: Iterable[Expectation], name: Callable[[Expectation], str]) -> None:
        self._exact: dict[str, list[tuple[int, Expectation]]] = {}
        self._patterns: list[tuple[int, Expectation]] = []
        for place, one in enumerate(expectations):
            (self._patterns if _is_pattern(name(one)) else self._exact.setdefault(name(one), [])).append((place, one))

    def about(self, *names: str) -> Iterator[Expectation]:
        """In their order, all that may be about one of some names."""
        exact = (each for name in names for each in self._exact.get(name, ()))
        yield from (one for _, one in sorted((*exact, *self._patterns), key=itemgetter(0)))


@dataclass(frozen=True)
class Intent:
    """The names of the resources that it is about, and the expectations, of which the first that fits counts."""

    resources: tuple[str, ...]
    expectations: tuple[Expectation, ...]

    def expected(self, question: Question) -> Expectation | None:
        """What is expected of a question's answer."""
        asked = (question.action, question.resource.name)
        if asked not in self._by_action_and_resource:
            about = self._by_resource.about(question.resource.name)
            self._by_action_and_resource[asked] = [one for one in about if one.is_about(*asked)]
        return next((one for one in self._by_action_and_resource[asked] if one.covers(question)), None)

    @cached_property
    def _by_action_and_resource(self) -> dict[tuple[str, str], list[Expectation]]:
        """Those that may cover a question, as far as questions came: of many principals few expectations are."""
        return {}

    @cached_property
    def _by_resource(self) -> _ByName:
        return _ByName(self.expectations, lambda one: one.resource)

    def required(self, principal: Principal, action: str) -> Collection[str]:
        """The names of the resources that a principal has to be able to do something to."""
        ones = [one for one in self._required.about(*_called(principal)) if _fits(action, one.action)]
        found = {one.resource for one in ones if one.is_of(principal)}
        patterns = {each for each in found if _is_pattern(each)}
        return found | {name for name in self.resources if any(_fits(name, each) for each in patterns)}

    @cached_property
    def _required(self) -> _ByName:
        required = [one for one in self.expectations if one.expected is Expected.REQUIRED]
        return _ByName(required, lambda one: one.principal)


@dataclass(frozen=True)
class Judged:
    """An answer, and what was expected, if anything; `in_question`: whether the intent is about its resource."""

    answer: Answer
    expectation: Expectation | None
    in_question: bool = True

    @property
    def missing(self) -> bool:
        fails = self.answer.verdict is Verdict.DENIED or self.answer.barrier is not None
        # Who has to get somewhere need not get there through each access point.
        return fails and self._is(Expected.REQUIRED) and self.answer.question.resource.through is None

    @property
    def surplus(self) -> bool:
        return self._unexpected and not self.answer.question.principal.declared

    @property
    def declared(self) -> bool:
        """Whether it would be surplus, had the settings not declared the principal."""
        return self._unexpected and bool(self.answer.question.principal.declared)

    @property
    def _unexpected(self) -> bool:
        # Credentials that get out of a workload are used elsewhere: that no packet of its gets there excuses nothing.
        return self.answer.passes and self.expectation is None and self.in_question

    @property
    def unverified(self) -> bool:
        open_to_both = self._is(Expected.PERMITTED) or self._is(Expected.ASSUMED)
        return self.answer.verdict is Verdict.UNVERIFIED and not open_to_both

    @property
    def assumed(self) -> bool:
        return self.answer.verdict is not Verdict.DENIED and self._is(Expected.ASSUMED)

    def _is(self, expected: Expected) -> bool:
        return self.expectation is not None and self.expectation.expected is expected

    def __str__(self) -> str:
        question = self.answer.question
        return (
            f"{label(question.principal)} → {question.action} on {question.resource.called}, over {question.path.name}"
        )


@dataclass(frozen=True)
class Report:
    """The answers about the intent's resources, what the settings require and nobody could be asked, and gaps."""

    judged: tuple[Judged, ...]
    """Every answer but those that are no because nothing grants what is asked for, and nothing requires it."""
    unmet: tuple[str, ...]
    gaps: tuple[str, ...]
    becoming: tuple[Becoming, ...] = ()
    """Whom the stack's principals may become: nobody is meant to."""
    questions: int = 0
    """How many are answered, with those that nothing grants."""

    @cached_property
    def failures(self) -> Sequence[Judged]:
        """What is missing or surplus."""
        return [each for each in self.judged if each.missing or each.surplus]

    @cached_property
    def unverified(self) -> Sequence[Judged]:
        """What depends on what can't be read."""
        return [each for each in self.judged if each.unverified]

    @cached_property
    def assumptions(self) -> Sequence[str]:
        """What nothing in the program refuses, each reason once."""
        return list(dict.fromkeys(one.expectation.why for one in self.judged if one.assumed and one.expectation))

    @property
    def proved(self) -> bool:
        """Whether nothing is missing, and nothing surplus."""
        return not (self.failures or self.unmet or self.becoming)


def check(account: Account, intent: Intent) -> Report:
    """Compare an intent with the account that it is about."""
    names = frozenset(intent.resources)
    asked, count = open_questions(account, [each for each in account.resources if each.name in names], intent.required)
    found = tuple(judged(intent, answer(account, question)) for question in asked)
    met = {each.expectation for each in found}
    unmet = [
        f"the settings require that {one.principal} may do {one.action} on {one.resource}, and there is no such thing"
        for one in intent.expectations
        if one.expected is Expected.REQUIRED and one not in met and not _held_by_nobody(account, one)
    ]
    changes, unread = becoming(account, of_stack(account))
    signed, unsigned = strangers(account, of_stack(account))
    return Report(found, tuple(unmet), (*account.gaps, *unread, *unsigned), (*changes, *signed), count)


def _held_by_nobody(account: Account, expectation: Expectation) -> bool:
    """Whether an expectation is about the holders of a policy, in an account known whole: it may have none."""
    return account.complete and expectation.principal.startswith(HOLDERS)


def judged(intent: Intent, answered: Answer) -> Judged:
    """An answer, and what an intent expects of it."""
    in_question = answered.question.resource.name in intent.resources
    return Judged(answered, intent.expected(answered.question) if in_question else None, in_question)
