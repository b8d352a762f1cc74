"""Every mutant of the compliant stack is caught by the rule meant for it: deployed, previewed, behind an unknown."""

from collections.abc import Iterator

import pytest

from tests.policy.graph import Graph
from tests.policy.judge import RULES, judge
from tests.policy.mutants import MUTANTS, Mutant

pytestmark = pytest.mark.xdist_group("policy")  # one rehearsal for all of them


def each(mutants: list[Mutant]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("mutant", mutants, ids=[f"{m.rule}-{i}" for i, m in enumerate(mutants)])


@each(MUTANTS)
def test_is_caught_when_deployed(mutant: Mutant, deployed: Graph) -> None:
    graph = deployed.copy()
    culprit = mutant.change(graph)
    assert culprit.urn in {urn for urn, _ in judge(mutant.rule, graph).violations}, mutant.title


@each(MUTANTS)
def test_is_caught_when_previewed(mutant: Mutant, previewed: Graph) -> None:
    graph = previewed.copy()
    culprit = mutant.change(graph)
    judgement = judge(mutant.rule, graph)
    said = judgement.unverified if mutant.later else judgement.violations
    assert culprit.urn in {urn for urn, _ in said}, mutant.title


@each([mutant for mutant in MUTANTS if mutant.hidden])
def test_is_not_passed_behind_an_unknown(mutant: Mutant, previewed: Graph) -> None:
    graph = previewed.copy()
    mutant.change(graph)
    assert mutant.hidden is not None
    hidden = graph.hide(*mutant.hidden)
    said = judge(mutant.rule, graph)
    assert hidden.urn in said.named, f"{mutant.title}, unknown: {said.violations + said.unverified}"


def test_every_rule_has_a_mutant() -> None:
    assert set(RULES) == {mutant.rule for mutant in MUTANTS}


def test_no_two_mutants_are_the_same() -> None:
    titles = [(mutant.rule, mutant.title) for mutant in MUTANTS]
    assert sorted(set(titles)) == sorted(titles)


def kinds() -> Iterator[str]:
    for word in ("is removed", "is added", "is left out", "` is "):
        if any(word in mutant.title for mutant in MUTANTS):
            yield word


def test_there_are_enough_of_every_kind() -> None:
    assert len(MUTANTS) >= 120
    assert len(list(kinds())) == 4
