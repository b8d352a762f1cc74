"""A model's files in a directory on disk, which SageMaker loads one by one: whether it can, and their digest.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html (S3Prefix, None).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from components import model_archive

LONGEST_NAME = 255
"""Bytes of a file's or directory's name."""


def problem_with(path: Path) -> str | None:
    """Why the files in `path` can't be a model, or None. Reads names only, so that large models take no time."""
    if problem := no_directory(path):
        return problem
    found = files(path)
    if not found:
        return "the directory is empty"
    long = [part for name in found for part in name.split("/") if not part.strip() or len(part.encode()) > LONGEST_NAME]
    return f"SageMaker takes no file or directory named {long[0]!r}" if long else None


def no_directory(path: Path) -> str | None:
    """Why `path` is no directory, or None."""
    if not path.exists():
        return "there is no such directory"
    return None if path.is_dir() else "that is not a directory"


def files(path: Path) -> Mapping[str, Path]:
    """The files below `path`, in order, by their paths from there with forward slashes."""
    found = {each.relative_to(path).as_posix(): each for each in path.rglob("*") if each.is_file()}
    return dict(sorted(found.items()))


def manifest(files: Mapping[str, Path]) -> str:
    """SHA-256 and path of each file, in the form of `sha256sum`, so that anybody can check what was loaded."""
    return "".join(f"{model_archive.digest(each)}  {name}\n" for name, each in sorted(files.items()))


def digest(files: Mapping[str, Path]) -> str:
    """SHA-256 of the manifest, as 64 hexadecimal characters: another one if any file changes, comes or goes."""
    return hashlib.sha256(manifest(files).encode()).hexdigest()
