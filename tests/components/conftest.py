"""Stacks that are run once and looked at by many tests."""

from pathlib import Path

import pytest

from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import minimal, shipped


@pytest.fixture(scope="session")
def least(archive: Path) -> Recorded:
    """The stack whose file says the least."""
    return record(stack_config(minimal(archive)))


@pytest.fixture(scope="session")
def dev(archive: Path) -> Recorded:
    return record(shipped("dev", archive))


@pytest.fixture(scope="session")
def staging(archive: Path) -> Recorded:
    return record(shipped("staging", archive))


@pytest.fixture(scope="session")
def prod(archive: Path) -> Recorded:
    return record(shipped("prod", archive))


@pytest.fixture(params=["least", "dev", "staging", "prod"])
def stack(request: pytest.FixtureRequest) -> Recorded:
    """Each of the stacks in turn."""
    recorded: Recorded = request.getfixturevalue(request.param)
    return recorded
