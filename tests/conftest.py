"""What tests of several folders share."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, on however slow a machine.
settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    # pulumi_aws warns of its own old names as it is imported.
    config.addinivalue_line("filterwarnings", "ignore:.* has been deprecated in favor of:DeprecationWarning:pulumi_aws")


@pytest.fixture(scope="session", autouse=True)
def _forked_aws() -> Iterator[None]:
    """Every embedded AWS is a fork, but where a test asks for a process as users have it."""
    from private_inference.rehearsal import embedded_aws
    from tests.support import forked_aws

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_aws, "ServerProcess", forked_aws.server)
        yield


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model.tar.gz that is what SageMaker unpacks, and small."""
    path = tmp_path_factory.mktemp("artifact") / "model.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        content = b"a model"
        member = tarfile.TarInfo("model.bin")
        member.size = len(content)
        made.addfile(member, io.BytesIO(content))
    return path
