"""What AWS publishes of its evaluation logic, asked of the reasoner and of its referee."""

from dataclasses import replace

import pytest

from private_inference.authorization.answer import Verdict, answer
from tests.authorization.agreement import carried
from tests.authorization.concrete import allowed
from tests.authorization.generated import situation_of
from tests.authorization.published import EXAMPLES, Example

KEYS = {key for example in EXAMPLES for key in example.case.context} | {"aws:multifactorauthpresent"}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.page)
def test_reasoner_and_referee_say_what_aws_says(example: Example) -> None:
    case = example.case
    old = any(document["Version"] < "2012-10-17" for document in case.identity or ())
    if not old:  # the referee takes every document for one of the newer version
        assert allowed(replace(case, context=carried(case, case.context, None))) is example.allowed
    context = {key: _values(case.context[key]) if key in case.context else None for key in KEYS}
    situation = situation_of(case)
    question = replace(situation.question, principal=replace(situation.question.principal, context=context))
    expected = Verdict.ALLOWED if example.allowed else Verdict.DENIED
    assert answer(situation.account, question).verdict is expected


def _values(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]
