"""The example model, trained once for a test run."""

import tarfile
from pathlib import Path

import pytest

from examples.model import train


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `train.py` writes: model.tar.gz, sample.csv and expected.json."""
    out = tmp_path_factory.mktemp("build")
    train.build(out)
    return out


@pytest.fixture(scope="session")
def model_dir(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact as SageMaker unpacks it for a container."""
    directory = tmp_path_factory.mktemp("model")
    with tarfile.open(build / "model.tar.gz") as archive:
        archive.extractall(directory)  # noqa: S202 - the example has just made it
    return directory
