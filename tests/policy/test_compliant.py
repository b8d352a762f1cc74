"""The program is what the rules ask for, and what it leaves open before deployment is said."""

import pytest

from tests.policy.graph import Graph
from tests.policy.judge import RULES, judge

pytestmark = pytest.mark.xdist_group("policy")  # one rehearsal for all of them


@pytest.mark.parametrize("rule", RULES)
def test_a_deployed_stack_leaves_nothing_to_say(rule: str, deployed: Graph) -> None:
    judgement = judge(rule, deployed)
    assert judgement.silent, judgement.violations + judgement.unverified


@pytest.mark.parametrize("rule", RULES)
def test_a_previewed_stack_violates_nothing(rule: str, previewed: Graph) -> None:
    assert judge(rule, previewed).violations == []
