"""A model archive on disk: whether SageMaker can unpack it, and its digest.

SageMaker takes a gzip-compressed tar archive.
Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ContainerDefinition.html (ModelDataUrl).
"""

import hashlib
import tarfile
import zlib
from pathlib import Path


def problem_with(path: Path) -> str | None:
    """Why `path` can't be a model artifact, or None. Reads the first member only, so that large models take no time."""
    if not path.exists():
        return "there is no such file"
    if not path.is_file():
        return "that is not a file"
    try:
        with tarfile.open(path, "r:gz") as archive:
            if archive.next() is None:
                return "the archive is empty"
    except (tarfile.TarError, EOFError, zlib.error, OSError):
        return "that is not a gzip-compressed tar archive"
    return None


def digest(path: Path) -> str:
    """SHA-256 of the file, as 64 hexadecimal characters."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
