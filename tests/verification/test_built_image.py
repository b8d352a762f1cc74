"""An image that the stack built, in an embedded AWS: whether it is what the directory makes, and what scans found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from components.settings import SettingsError
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.operations import Operations
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, settings_of
from private_inference.verification import Verdict, image_scans
from private_inference.verification.checks import Check, evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.reader import Reader
from tests.support.recording import stack_config
from tests.support.stacks import endpoint, minimal, model
from tests.verification.verified import Deployment, deployed

ACCEPTED = "CVE-2024-3094"

pytestmark = pytest.mark.xdist_group("verification")


@dataclass(frozen=True)
class Built:
    stack: Deployment
    directory: Path


@pytest.fixture(scope="module")
def made(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    directory = tmp_path_factory.mktemp("serving")
    directory.joinpath("Dockerfile").write_text("FROM scratch\n")
    with deployed(stack(built, directory)) as made:
        yield Built(made, directory)


def stack(archive: Path, directory: Path) -> StackConfig:
    """A stack that builds the directory's image, and lets a scan hold it."""
    asked = endpoint(archive, model=model(archive, image={"build": str(directory)}))
    scan = {"hold": "HIGH", "accepted": [{"finding": ACCEPTED, "because": "the container never runs it"}]}
    return stack_config(minimal(archive, endpoints=[asked], artifacts={"imageScan": scan}))


def test_what_the_directory_holds_is_what_serves(made: Built) -> None:
    assert made.stack.failures() == []


@pytest.fixture
def scans(made: Built) -> Iterator[Callable[..., None]]:
    """Has the scans of the stack's images find something, as long as the test runs."""
    find = partial(Operations(made.stack.aws.endpoint_url).scans_find, made.stack.desired.name)
    yield find
    find({})


def looked_at(made: Built) -> Check:
    """What is told of the scans of what serves."""
    (endpoint,) = made.stack.desired.settings.endpoints
    deployed = Deployed(made.stack.desired, Reader(made.stack.client))
    (check,) = [evaluate(each) for each in image_scans.assertions(deployed, endpoint)]
    return check


def test_a_finding_that_holds_a_deployment_is_told_of_what_serves(made: Built, scans: Callable[..., None]) -> None:
    scans({"CVE-2024-1": "HIGH", "CVE-2024-2": "MEDIUM", ACCEPTED: "CRITICAL"})
    check = looked_at(made)
    assert check.verdict is Verdict.MISS
    assert check.seen.endswith(": CVE-2024-1 (HIGH)")


@pytest.mark.parametrize("status", ["FAILED", "IN_PROGRESS", "UNSUPPORTED_IMAGE"])
def test_a_scan_that_is_not_complete_is_no_scan_without_findings(
    status: str, made: Built, scans: Callable[..., None]
) -> None:
    scans({}, status)
    check = looked_at(made)
    assert (check.verdict, check.seen[-len(status) - 2 :]) == (Verdict.UNCHECKED, f"({status})")


def test_an_image_that_holds_is_pushed_and_no_model_is_made_of_it(built: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("Dockerfile").write_text("FROM scratch\n")
    config = stack(built, tmp_path)
    with prepared_aws(settings_of(config)) as aws:
        Operations(aws.endpoint_url).scans_find(f"{config.project}-{config.stack}", {"CVE-2024-1": "HIGH"})
        with pytest.raises(SettingsError, match=r"CVE-2024-1 \(HIGH\).* Its endpoint was neither created nor updated"):
            run_program(config, MotoEngine(aws))
        assert aws.client("ecr").list_images(repositoryName=f"{config.project}-{config.stack}")["imageIds"]
        assert aws.client("sagemaker").list_models()["Models"] == []
        assert aws.client("sagemaker").list_endpoints()["Endpoints"] == []


def test_another_content_of_the_directory_is_not_what_serves(made: Built) -> None:
    made.directory.joinpath("serve.py").write_text("print('another')\n")
    (failure,) = made.stack.failures()
    assert failure.startswith("Endpoint triage: ")
    assert f"what {made.directory} builds" in failure
