"""What verifications look at."""

from pathlib import Path

import pytest

from examples.model import train


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's model, with its sample and what it answers to it."""
    return train.build(tmp_path_factory.mktemp("built")).artifact
