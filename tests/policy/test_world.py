"""No way to break the promise passes the pack, whatever nobody thought of; and nothing ordinary is blocked."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy

from private_inference.runner.resource import Resource
from tests.policy.graph import Graph, Ref
from tests.policy.judge import RULES, judge
from tests.policy.world import CLASSES, NEIGHBOURS, Case, Change

pytestmark = pytest.mark.xdist_group("policy")

CASES = Path(__file__).parent / "cases"
"""Further cases, written by others who had not seen the rules: title and changes. `!ref` is a Ref."""


class Loader(yaml.SafeLoader):
    """Reads cases."""


Loader.add_constructor("!ref", lambda loader, node: Ref(*loader.construct_sequence(node)))  # type: ignore[arg-type]


def read(name: str) -> list[Case]:
    found: dict[str, list[Change]] = yaml.load((CASES / f"{name}.yaml").read_text(encoding="utf-8"), Loader)  # noqa: S506
    return [(title, [tuple(change) for change in changes]) for title, changes in found.items()]


EVERY = [(name, case) for name, cases in CLASSES.items() for case in cases] + [
    (path.stem, case) for path in sorted(CASES.glob("*.yaml")) if path.stem != "neighbours" for case in read(path.stem)
]
ORDINARY = [*NEIGHBOURS, *read("neighbours")]


def apply(graph: Graph, changes: Iterable[Change]) -> list[Resource]:
    return [graph.add(c[0], "added", c[1]) if len(c) == 2 else graph.set(*c) for c in changes]


PROOF = "paths-are-as-intended"
"""No case may be caught by the proof of paths alone, which takes as long as all other rules."""


def is_of_resources(rule: str) -> bool:
    return isinstance(RULES[rule], ResourceValidationPolicy)


MANDATORY = [rule for rule, policy in RULES.items() if policy.enforcement_level is EnforcementLevel.MANDATORY]
QUICKEST_FIRST = sorted(MANDATORY, key=is_of_resources, reverse=True)


def mandatory_violations(graph: Graph, case: Case, *, proof: bool) -> Iterator[tuple[str, str]]:
    """Rule and message of what mandatory rules say of a changed stack, with the proof of paths or without."""
    changed = apply(graph, case[1])
    for rule in QUICKEST_FIRST:
        if proof or rule != PROOF:
            judged = changed if is_of_resources(rule) else graph
            yield from ((rule, message) for _, message in judge(rule, judged).violations)


@pytest.mark.parametrize(("name", "case"), EVERY, ids=[f"{name}: {case[0]}" for name, case in EVERY])
def test_is_caught(name: str, case: Case, previewed: Graph) -> None:
    assert any(mandatory_violations(previewed.copy(), case, proof=False))


@pytest.mark.parametrize("case", ORDINARY, ids=[case[0] for case in ORDINARY])
def test_passes(case: Case, previewed: Graph) -> None:
    assert list(mandatory_violations(previewed.copy(), case, proof=True)) == []
