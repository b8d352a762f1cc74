"""Model artifacts on disk."""

import gzip
import hashlib
import tarfile
from pathlib import Path

import pytest

from components.model_archive import digest, problem_with


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.tar.gz"


def test_a_gzipped_tar_is_an_artifact(archive: Path) -> None:
    assert problem_with(archive) is None


def test_a_missing_file_is_told(path: Path) -> None:
    assert problem_with(path) == "there is no such file"


def test_a_folder_is_told(tmp_path: Path) -> None:
    assert problem_with(tmp_path) == "that is not a file"


def test_what_is_no_gzipped_tar_is_told(path: Path, archive: Path) -> None:
    contents = {
        "empty": b"",
        "text": b"a model",
        "gzip of something else": gzip.compress(b"a model" * 1000),
        "tar without gzip": gzip.decompress(archive.read_bytes()),
        "cut off": archive.read_bytes()[:20],
    }
    for what, content in contents.items():
        path.write_bytes(content)
        assert problem_with(path) == "that is not a gzip-compressed tar archive", what


def test_an_empty_archive_is_told(path: Path) -> None:
    tarfile.open(path, "w:gz").close()
    assert problem_with(path) == "the archive is empty"


def test_content_is_known_by_its_sha_256(archive: Path) -> None:
    assert digest(archive) == hashlib.sha256(archive.read_bytes()).hexdigest()
