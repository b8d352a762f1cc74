"""Models in many forms: each endpoint of one stack answers as it should, and `verify` looks at what is its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from examples.model import train
from private_inference.rehearsal.operations import Operations
from private_inference.verification import Verdict
from tests.support.recording import ROOT, stack_config
from tests.support.stacks import endpoint, minimal
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")

XGBOOST = {"framework": "xgboost", "version": "3.0-5"}
MANY, ROW, BESIDE = "many", "row", "beside"


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    other = train.build(built.parent / "other", depth=5).artifact
    calibration = train.build_calibration(built.parent / "calibration").artifact
    first, second, last = ({"artifact": str(path), "image": XGBOOST} for path in (built, other, calibration))
    endpoints = [
        endpoint(built, name=MANY, model={"image": XGBOOST, "models": {"triage": str(built), "other": str(other)}}),
        endpoint(built, name=ROW, model={"pipeline": [first, last]}),
        endpoint(built, name=BESIDE, model={"containers": {"triage": first, "other": second}}),
    ]
    with deployed(stack_config(minimal(built, endpoints=endpoints))) as deployment:
        yield deployment


def ask(runtime: Any, name: str, built: Path, **named: str) -> Any:
    body = built.with_name("sample.csv").read_bytes()
    return runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=body, **named)


def refusal(runtime: Any, name: str, built: Path, **named: str) -> tuple[str, str]:
    """Code and words with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        ask(runtime, name, built, **named)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_each_endpoint_answers_with_its_own_predictions(stack: Deployment) -> None:
    checks = stack.verify()
    assert [
        f"{check.subject}: {check.asked}: {check.seen}" for check in checks if check.verdict is not Verdict.OK
    ] == []
    called = [check for check in checks if "the predictions of expected.json" in check.asked]
    assert [(check.subject.split()[-1], check.asked.split(" with")[0]) for check in called] == [
        (MANY, "answers sample.csv by other.tar.gz"),
        (MANY, "answers sample.csv by triage.tar.gz"),
        (ROW, "answers sample.csv"),
        (BESIDE, "answers sample.csv by triage"),
        (BESIDE, "answers sample.csv by other"),
    ]


@pytest.mark.parametrize(
    ("name", "named", "said"),
    [
        (MANY, {}, "missing a target model header"),
        (MANY, {"TargetModel": "none.tar.gz"}, "Failed to download model data(bucket: "),
        (
            ROW,
            {"TargetModel": "triage.tar.gz"},
            "is not a multi-model endpoint and does not support target model header",
        ),
        (ROW, {"TargetContainerHostname": "triage"}, "not configured for direct invocation"),
        (BESIDE, {}, "target container hostname is required"),
        (BESIDE, {"TargetContainerHostname": "none"}, "Container none does not exist"),
    ],
)
def test_a_call_names_what_is_there_to_be_named(
    name: str, named: dict[str, str], said: str, stack: Deployment, built: Path
) -> None:
    code, words = refusal(stack.client("sagemaker-runtime"), name, built, **named)
    assert code == "ValidationError"
    assert said in words


def document(stack: Deployment, name: str) -> Any:
    """The invoke policy of an endpoint."""
    iam, arn = stack.client("iam"), stack.desired.contract.endpoints[name].invoke_policy_arn
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]


def test_a_caller_of_one_model_calls_no_other(stack: Deployment, built: Path) -> None:
    """A role's own policy may narrow what the invoke policy allows."""
    iam, service, bounded = stack.client("iam"), "ec2.amazonaws.com", document(stack, MANY)
    bounded["Statement"][0]["Condition"]["StringEquals"]["sagemaker:TargetModel"] = ["triage.tar.gz"]
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    trusted = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="one-model", AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    iam.put_role_policy(RoleName="one-model", PolicyName="call", PolicyDocument=json.dumps(bounded))
    url = stack.client("sagemaker-runtime").meta.endpoint_url
    keys = Operations(url).credentials(role, service, {stack.desired.runtime: stack.runtime})
    connect: Any = boto3.client
    runtime = connect(
        "sagemaker-runtime",
        region_name=stack.desired.contract.region,
        endpoint_url=url,
        **{key.lower(): value for key, value in keys.items()},
    )
    assert ask(runtime, MANY, built, TargetModel="triage.tar.gz")["Body"].read()
    assert refusal(runtime, MANY, built, TargetModel="other.tar.gz")[0] == "AccessDeniedException"
    iam.delete_role_policy(RoleName="one-model", PolicyName="call")
    iam.delete_role(RoleName="one-model")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--endpoint", MANY, "--model", "triage.tar.gz"], ""),
        (["--endpoint", BESIDE, "--container", "triage"], ""),
        (["--endpoint", MANY], "has to be told which one to ask; there are: other.tar.gz, triage.tar.gz."),
        (["--endpoint", BESIDE, "--container", "none"], "has no 'none'; there are: triage, other."),
    ],
)
def test_an_application_teams_client_chooses(
    arguments: list[str], said: str, stack: Deployment, built: Path, tmp_path: Path
) -> None:
    contract = tmp_path / "contract.json"
    contract.write_text(stack.desired.contract.model_dump_json(by_alias=True))
    url = stack.client("sagemaker-runtime").meta.endpoint_url
    command = [sys.executable, "client.py", "--contract", str(contract), "--endpoint-url", url, *arguments]
    run = subprocess.run(
        [*command, str(built.with_name("sample.csv"))],
        cwd=ROOT / "examples" / "consumer",
        env=os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, said in run.stderr) == (1 if said else 0, True)
    expected = json.loads(built.with_name("expected.json").read_text())["predictions"]
    assert [float(line) for line in run.stdout.splitlines()] == ([] if said else [each["score"] for each in expected])


@contextmanager
def any_model_may_be_called(stack: Deployment) -> Iterator[None]:
    iam, arn, open_ = (
        stack.client("iam"),
        stack.desired.contract.endpoints[MANY].invoke_policy_arn,
        document(stack, MANY),
    )
    before = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    del open_["Statement"][0]["Condition"]["StringEquals"]["sagemaker:TargetModel"]
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(open_), SetAsDefault=True)
    yield
    iam.set_default_policy_version(PolicyArn=arn, VersionId=before)
    iam.delete_policy_version(PolicyArn=arn, VersionId=made["PolicyVersion"]["VersionId"])


OF_A_MODEL = (
    "ModelName",
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)
"""What CreateModel takes of what DescribeModel answers."""


@contextmanager
def replaced(stack: Deployment, name: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """The endpoint's model, made anew with a change."""
    sagemaker, before = stack.client("sagemaker"), stack.model(name)
    kept = {key: before[key] for key in OF_A_MODEL if key in before}
    changed = json.loads(json.dumps(kept))
    change(changed)
    for model in (changed, kept):
        sagemaker.delete_model(ModelName=before["ModelName"])
        sagemaker.create_model(**model)
        if model is changed:
            yield


def _direct(model: dict[str, Any]) -> None:
    for number, container in enumerate(model["Containers"]):
        container["ContainerHostname"] = f"container-{number}"
    model["InferenceExecutionConfig"] = {"Mode": "Direct"}


BROKEN: list[tuple[str, Callable[[Deployment], Any]]] = [
    (f"Endpoint {MANY}: its callers' policy allows calls through this VPC only", any_model_may_be_called),
    (
        f"Endpoint {MANY}: serves other (",
        lambda stack: replaced(
            stack,
            MANY,
            lambda model: model["PrimaryContainer"].update(MultiModelConfig={"ModelCacheSetting": "Disabled"}),
        ),
    ),
    (
        f"Endpoint {ROW}: serves ",
        lambda stack: replaced(stack, ROW, lambda model: model["Containers"].reverse()),
    ),
    (f"Endpoint {ROW}: serves ", lambda stack: replaced(stack, ROW, _direct)),
    (
        f"Endpoint {BESIDE}: serves ",
        lambda stack: replaced(
            stack, BESIDE, lambda model: model["Containers"][0].update(ContainerHostname="elsewhere")
        ),
    ),
]


@pytest.mark.parametrize(("told", "broken"), BROKEN, ids=["policy", "cache", "order", "mode", "name"])
def test_what_is_wrong_with_a_form_is_told(stack: Deployment, told: str, broken: Callable[[Deployment], Any]) -> None:
    with broken(stack):
        (failure,) = stack.failures()
    assert failure.startswith(told)
