"""An image that the stack built, in an embedded AWS: `verify` knows whether it is the one that the directory makes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.recording import stack_config
from tests.support.stacks import endpoint, minimal, model
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("verification")


@dataclass(frozen=True)
class Built:
    stack: Deployment
    directory: Path


@pytest.fixture(scope="module")
def made(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    directory = tmp_path_factory.mktemp("serving")
    directory.joinpath("Dockerfile").write_text("FROM scratch\n")
    asked = endpoint(built, model=model(built, image={"build": str(directory)}))
    with deployed(stack_config(minimal(built, endpoints=[asked]))) as stack:
        yield Built(stack, directory)


def test_what_the_directory_holds_is_what_serves(made: Built) -> None:
    assert made.stack.failures() == []


def test_another_content_of_the_directory_is_not_what_serves(made: Built) -> None:
    made.directory.joinpath("serve.py").write_text("print('another')\n")
    (failure,) = made.stack.failures()
    assert failure.startswith("Endpoint triage: ")
    assert f"what {made.directory} builds" in failure
