"""A directory that a serving image is built from: whether it can be, and the digest of its content."""

from pathlib import Path

from components import model_directory

DOCKERFILE = "Dockerfile"
DIGITS = 16
"""Of the content's digest, in an image's tag."""


def problem_with(path: Path) -> str | None:
    """Why no image can be built from `path`, or None."""
    if problem := model_directory.no_directory(path):
        return problem
    return None if path.joinpath(DOCKERFILE).is_file() else f"there is no {DOCKERFILE} in it"


def digest(path: Path) -> str:
    """SHA-256 of its files and their names, as 64 hexadecimal characters: another one if any changes."""
    return model_directory.digest(model_directory.files(path))


def content_tag(path: Path) -> str:
    """What the tags of images begin with that are built from its content."""
    return digest(path)[:DIGITS]
