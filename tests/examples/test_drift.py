"""The example that looks for drift: its figures, and what it reads of really captured calls, from where."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from examples.drift import drift
from examples.model import train
from private_inference.rehearsal.operations import Operations
from private_inference.runner.project import load_stack
from tests.support.recording import ROOT
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("drift")

STACK = "examples/stacks/data-capture/Pulumi.data-capture.yaml"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def test_the_index_is_the_sum_that_its_definition_says() -> None:
    baseline = [float(value) for value in range(1000)]
    moved = [value + 200 for value in baseline]
    old, new = np.full(10, 0.1), np.array([0.0005, 0.0005, *[0.1] * 7, 0.3])
    expected = float(np.sum((new - old) * np.log(new / old)))
    assert drift.compare(baseline, moved, drift.LIMIT).index == pytest.approx(expected, abs=1e-4)
    assert drift.compare(baseline, baseline, drift.LIMIT).index == 0


def test_what_chance_makes_of_it_is_no_drift() -> None:
    assert pytest.approx(chi2.ppf(0.999, drift.PARTS - 1), abs=0.01) == drift.BEYOND_CHANCE
    random = np.random.default_rng(7)

    def normal(count: int, around: float = 0.0) -> list[float]:
        values: list[float] = random.normal(around, size=count).tolist()
        return values

    told = [drift.compare(normal(300), normal(100), limit=0.0) for _ in range(300)]
    assert sum(each.drifted for each in told) <= 3
    assert drift.compare(normal(300), normal(100, around=1.5), drift.LIMIT).drifted


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ("1,2\n" * 99, "the baseline has 99 rows, and it takes 100 at least"),
        ("1,2,3\n" * 100, "rows have 2 or 3 columns"),
        ("1,b\n", "has a value that is no number"),
    ],
)
def test_what_can_not_be_compared_is_told(baseline: str, said: str) -> None:
    with pytest.raises(drift.UntoldError, match=said):
        drift.columns(drift.rows(baseline, "it"), [[1.0, 2.0]] * 100, drift.LIMIT)


# In a rehearsal


@pytest.fixture(scope="module")
def stack() -> Iterator[Deployment]:
    config = load_stack(ROOT, STACK)
    key = f"{config.project}:endpoints"
    (served,) = json.loads(config.values[key])
    served["dataCapture"]["percent"] = 100
    with deployed(replace(config, values={**config.values, key: json.dumps([served])})) as found:
        yield found


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("baseline") / "baseline.csv"
    path.write_text(text(train.load_data()[0]), encoding="utf-8")
    return path


def text(rows: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows.tolist())
    return out.getvalue()


def send(stack: Deployment, rows: Any) -> None:
    body = text(rows).encode()
    stack.client("sagemaker-runtime").invoke_endpoint(EndpointName="triage", ContentType="text/csv", Body=body)


def look(stack: Deployment, baseline: Path, *, policy: bool, reached: dict[str, str] | None) -> tuple[int, str]:
    """The exit code, and what is said, where a role with the policy, or without, runs it, reaching these endpoints."""
    promised, iam = stack.desired.contract.endpoints["triage"].captured, stack.client("iam")
    assert promised
    name = f"drift-{'with' if policy else 'without'}"
    if name not in {each["RoleName"] for each in iam.list_roles()["Roles"]}:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [TRUST]}))
        if policy:
            iam.attach_role_policy(RoleName=name, PolicyArn=promised.read_policy_arn)
    arn = f"arn:aws:iam::{stack.desired.account}:role/{name}"
    keys = Operations(stack.aws.endpoint_url).credentials(arn, "lambda.amazonaws.com", reached)
    given = ["--location", promised.location, "--endpoint", "triage", "--baseline", str(baseline), "--json"]
    ran = subprocess.run(
        [sys.executable, drift.__file__, *given],
        env={**os.environ, **keys, "AWS_ENDPOINT_URL": stack.aws.endpoint_url, "AWS_REGION": stack.aws.region},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_captured_calls_are_compared_from_the_vpc_and_from_nowhere_else(stack: Deployment, baseline: Path) -> None:
    (gateway,) = [
        each
        for each in stack.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
        if each["ServiceName"].endswith(".s3")
    ]
    inside = {"s3": gateway["VpcEndpointId"]}
    rows = train.load_data()[0]
    send(stack, rows[::4])
    code, said = look(stack, baseline, policy=True, reached=inside)
    assert (code, json.loads(said)["rows"]) == (0, len(rows[::4])), said
    for policy, reached in ((False, inside), (True, None)):
        code, said = look(stack, baseline, policy=policy, reached=reached)
        assert (code, "AccessDenied" in said) == (2, True), said
    send(stack, np.repeat(rows[:2], 400, axis=0))
    code, said = look(stack, baseline, policy=True, reached=inside)
    assert (code, any(each["drifted"] for each in json.loads(said)["columns"])) == (1, True), said
