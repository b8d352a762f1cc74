"""Several models on one fleet in an embedded AWS: each answers by its name, from none too, and `verify` tells what is
wrong with one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.model import train
from private_inference.rehearsal.operations import Operations
from private_inference.verification import Verdict
from tests.rehearsal.test_callers import said
from tests.support.recording import stack_config
from tests.support.stacks import component, fleet, minimal, model, neighbour
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")

MAIN, SPARE = "triage-main", "triage-spare"
SCALED = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": f"inference-component/{MAIN}",
    "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
}


@pytest.fixture(scope="module")
def stack(built: Path) -> Iterator[Deployment]:
    """Two models that answer differently; one of them may have no copy, and a caller elsewhere calls the other."""
    other = train.build(built.parent / "spare", depth=5).artifact
    spare = component(other, "spare", model=model(other), memoryMb=6000, copies={"min": 0})
    main = component(built, "main", memoryMb=2048, cpus=1)
    settings = minimal(built, endpoints=[fleet(built, main, spare)], callers=[neighbour(components=[MAIN])])
    with deployed(stack_config(settings)) as deployment:
        yield deployment


def copies(stack: Deployment, name: str, count: int) -> None:
    stack.client("sagemaker").update_inference_component_runtime_config(
        InferenceComponentName=name, DesiredRuntimeConfig={"CopyCount": count}
    )


def running(stack: Deployment, name: str) -> int:
    found = stack.client("sagemaker").describe_inference_component(InferenceComponentName=name)
    count: int = found["RuntimeConfig"]["CurrentCopyCount"]
    return count


def instances(stack: Deployment) -> int:
    [variant] = stack.client("sagemaker").describe_endpoint(EndpointName="triage")["ProductionVariants"]
    count: int = variant["CurrentInstanceCount"]
    return count


def call(stack: Deployment, built: Path, **named: str) -> Any:
    body = built.with_name("sample.csv").read_bytes()
    runtime = stack.client("sagemaker-runtime")
    return runtime.invoke_endpoint(EndpointName="triage", ContentType="text/csv", Body=body, **named)


def test_each_component_answers_with_its_own_models_predictions(stack: Deployment) -> None:
    checks = stack.verify()
    assert [f"{check.subject}: {check.seen}" for check in checks if check.verdict is not Verdict.OK] == []
    called = [check for check in checks if check.asked.startswith("answers sample.csv with the predictions")]
    assert [check.subject for check in called] == [
        "Endpoint triage, component main",
        "Endpoint triage, component spare",
    ]


def test_the_contract_names_the_components(stack: Deployment) -> None:
    assert stack.desired.contract.endpoints["triage"].components == {"main": MAIN, "spare": SPARE}


def test_a_call_that_names_no_component_or_another_one_is_refused(stack: Deployment, built: Path) -> None:
    told = said(lambda: call(stack, built))
    assert told.startswith("ValidationError: Inference Component Name header is required")
    told = said(lambda: call(stack, built, InferenceComponentName="triage-other"))
    assert told == "ValidationError: Inference Component triage-other of endpoint triage not found."


def test_the_first_call_without_a_copy_fails_and_has_one_started(stack: Deployment, built: Path) -> None:
    copies(stack, SPARE, 0)
    told = said(lambda: call(stack, built, InferenceComponentName=SPARE))
    assert told.startswith("ValidationError: Inference Component has no capacity to process this request.")
    assert running(stack, SPARE) == 1
    assert call(stack, built, InferenceComponentName=SPARE)["Body"].read()


def test_the_fleet_grows_with_the_copies_and_shrinks_with_them(stack: Deployment) -> None:
    assert instances(stack) == 2
    copies(stack, SPARE, 4)  # 4 x 6000 MB and 2 x 2048 MB, on instances of 16384 MB
    try:
        assert (running(stack, SPARE), instances(stack)) == (4, 2)
        copies(stack, MAIN, 4)
        copies(stack, SPARE, 8)
        assert (running(stack, SPARE), instances(stack)) == (8, 4)
    finally:
        copies(stack, MAIN, 2)
        copies(stack, SPARE, 1)
    assert instances(stack) == 2


def test_an_endpoint_goes_after_its_components(stack: Deployment) -> None:
    told = said(stack.client("sagemaker").delete_endpoint, EndpointName="triage")
    assert f"hosts inference components: {MAIN}, {SPARE}" in told


def test_a_caller_may_call_both_components_through_the_vpc_and_no_other(stack: Deployment) -> None:
    iam, promised = stack.client("iam"), stack.desired.contract.endpoints["triage"]
    arn = promised.invoke_policy_arn
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    [statement] = found["Statement"]
    place = promised.arn.partition("endpoint/")[0]
    assert statement["Resource"] == [promised.arn, *(f"{place}inference-component/{each}" for each in (MAIN, SPARE))]


def test_what_serves_can_be_started_again(stack: Deployment) -> None:
    assert Operations(stack.aws.endpoint_url).needs("triage") == []


def _scales(stack: Deployment, most: int) -> None:
    scaling = stack.client("application-autoscaling")
    scaling.register_scalable_target(**SCALED, MinCapacity=2, MaxCapacity=most)


def retention(stack: Deployment, days: int) -> None:
    group = f"/aws/sagemaker/InferenceComponents/{MAIN}"
    stack.client("logs").put_retention_policy(logGroupName=group, retentionInDays=days)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        (
            lambda stack: _scales(stack, 9),
            lambda stack: _scales(stack, 4),
            "Endpoint triage, component main: scales to 600 a copy",
        ),
        (
            lambda stack: copies(stack, MAIN, 5),
            lambda stack: copies(stack, MAIN, 2),
            "Endpoint triage, component main: in service with 2 to 4 copies",
        ),
        (
            lambda stack: retention(stack, 7),
            lambda stack: retention(stack, 365),
            f"Logs: {MAIN}: under the logs key, kept 365 days",
        ),
    ],
    ids=["scaling", "copies", "logs"],
)
def test_what_is_wrong_with_a_component_is_told(
    stack: Deployment, wrong: Callable[[Deployment], None], right: Callable[[Deployment], None], told: str
) -> None:
    wrong(stack)
    try:
        (failure,) = stack.failures()
    finally:
        right(stack)
    assert failure.startswith(told)
