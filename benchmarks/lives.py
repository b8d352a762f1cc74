"""Generated lives: random changes, failures, scaling and destroy of dev, each lived on a real Pulumi engine.

`python -m benchmarks.lives 100` lives a hundred; a seed after the number, as a run prints it first, draws the same ones
again. hypothesis shrinks a life that hurts to the shortest that does: keep that one under examples/lives.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from private_inference.life.life_file import Life, Step
from private_inference.life.live import live

ROOT = Path(__file__).resolve().parents[1]
ZONES = ["us-east-1a", "us-east-1b", "us-east-1c"]
ENVIRONMENT = "endpoints.0.model.environment"
FAILURES = ["image can't be pulled", "alarm fires", "health check", "network interfaces", "no reason"]

changes = st.one_of(
    st.fixed_dictionaries(
        {"endpoints.0.instanceType": st.sampled_from(["ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge"])}
    ),
    st.fixed_dictionaries({ENVIRONMENT: st.fixed_dictionaries({"THREADS": st.sampled_from("1234")})}),
    st.fixed_dictionaries({"endpoints.0.alarms": st.fixed_dictionaries({"latencyMs": st.integers(100, 900)})}),
    st.fixed_dictionaries({"endpoints.0.scaling": st.fixed_dictionaries({"cpuPercent": st.integers(30, 80)})}),
    st.fixed_dictionaries({"network.deniedCidrs": st.sampled_from([["203.0.113.0/24"], ["198.51.100.0/24"], None])}),
    st.fixed_dictionaries({"privateAccess.interfaceEndpoints": st.sampled_from([["kms"], ["logs", "sts"], None])}),
    st.fixed_dictionaries({"network.zones": st.sampled_from([ZONES, ZONES[:2], ZONES[1:]])}),
    st.fixed_dictionaries({"tags.Team": st.sampled_from(["a", "b", None])}),
)


between: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{"heal": True}, {"scale": 6}])


@st.composite
def failed_updates(draw: st.DrawFn) -> list[dict[str, Any]]:
    """An update that is rolled back, what can happen then, and the one that mends it. `numbered` makes it a change."""
    change = {ENVIRONMENT: None}
    return [
        {"fail": draw(st.sampled_from(FAILURES))},
        {"update": change, "fails": "did not take the update"},
        *draw(st.lists(between, max_size=2)),
        {"update": change, "refresh": True},
    ]


def numbered(parts: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The steps of all parts. Each update that is to fail has an environment that no other one has."""
    return [
        {**step, "update": {ENVIRONMENT: {"THREADS": str(100 + position)}}}
        if step.get("update") == {ENVIRONMENT: None}
        else step
        for position, part in enumerate(parts)
        for step in part
    ]


steps = st.lists(
    st.one_of(
        changes.map(lambda change: [{"update": change}]),
        st.just([{"new model": True}]),
        st.integers(2, 10).map(lambda count: [{"scale": count}]),
        st.just([{"heal": True}]),
        st.just([{"idle": "24h"}]),
        st.just([{"prefix list grows": "3.5.64.0/21"}, {"update": {}}]),
        failed_updates(),
    ),
    min_size=2,
    max_size=5,
).map(numbered)


class HurtError(Exception):
    """A life that hurt: its steps, what went wrong, and what broke."""


def main(count: int, drawn_with: int) -> None:
    """Live `count` generated lives; fails with the shortest one that hurts."""
    lived, began = 0, time.perf_counter()
    print(f"seed {drawn_with}", flush=True)  # noqa: T201

    @seed(drawn_with)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(steps, st.booleans())
    def try_one(drawn: list[dict[str, Any]], destroyed: bool) -> None:
        nonlocal lived
        lived += 1
        happened = [*drawn, *([{"destroy": True}] if destroyed else [])]
        life = Life(about=f"{lived}", stack="dev", steps=[Step.model_validate(step) for step in happened])
        start = time.perf_counter()
        result = live(life, ROOT)
        seconds = time.perf_counter() - start
        steps_lived = "; ".join(step.title for step in life.steps)
        print(f"{lived:4} {seconds:6.1f} s {'' if result.passed else ' HURT'} {steps_lived}", flush=True)  # noqa: T201
        if not result.passed:
            raise HurtError(happened, [step.problem for step in result.steps if step.problem], result.broken)

    try_one()
    print(f"{lived} lives in {(time.perf_counter() - began) / 60:.0f} minutes, none hurt.")  # noqa: T201


if __name__ == "__main__":
    given_count, given_seed = [*map(int, sys.argv[1:]), *[100, random.randrange(10**6)][len(sys.argv) - 1 :]]  # noqa: S311
    main(given_count, given_seed)
