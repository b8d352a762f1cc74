"""The answers to who may do what as one HTML page: principals by resources, each cell with its answers and reasons."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from private_inference.authorization.everyone import label
from private_inference.authorization.intent import Judged
from private_inference.cli.who import reasons, state
from private_inference.templates import template


@dataclass(frozen=True)
class Entry:
    """Answers of one cell that are the same in all but the action and the path; both are listed."""

    state: str
    actions: Sequence[str]
    paths: Sequence[str]
    reasons: str


WORST_FIRST = (
    "surplus", "missing", "unverified", "declared", "unreached", "assumed", "allowed", "required", "permitted",
)  # fmt: skip


def page(found: Sequence[Judged], notes: Sequence[str], title: str) -> str:
    """The page, which loads nothing. Principals and resources with denied answers only are counted, not drawn."""
    drawn = [each for each in found if state(each) != "denied"]
    return template(__file__, "who.html.j2").render(
        title=title,
        principals=list(dict.fromkeys(_principal(each) for each in drawn)),
        resources=list(dict.fromkeys(_resource(each) for each in drawn)),
        cells=_cells(drawn),
        states=[each for each in WORST_FIRST if each in {state(one) for one in drawn}],
        denied=len(found) - len(drawn),
        notes=notes,
    )


def _principal(each: Judged) -> str:
    return label(each.answer.question.principal)


def _resource(each: Judged) -> str:
    return each.answer.question.resource.called


def _cells(drawn: Sequence[Judged]) -> Mapping[tuple[str, str], Sequence[Entry]]:
    answers: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for each in drawn:
        answers[_principal(each), _resource(each)].append(each)
    return {cell: _entries(each) for cell, each in answers.items()}


def _entries(answers: Sequence[Judged]) -> Sequence[Entry]:
    paths: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for each in answers:
        question = each.answer.question
        paths[state(each), reasons(each), question.action].append(question.path.name)
    actions: dict[tuple[str, str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (word, because, action), over in paths.items():
        actions[word, because, tuple(over)].append(action)
    entries = [Entry(word, done, over, because) for (word, because, over), done in actions.items()]
    return sorted(entries, key=lambda entry: WORST_FIRST.index(entry.state))
