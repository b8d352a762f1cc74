"""Unpacks tar archives alike on every Python that runs here."""

import tarfile
from pathlib import Path
from typing import Any

FILTER: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python before 3.11.4 has no extraction filters (https://docs.python.org/3/library/tarfile.html#extraction-filters)."""


def unpack(archive: tarfile.TarFile, directory: Path) -> None:
    """Extract everything into a directory, through Python's filter for untrusted archives where there is one."""
    archive.extractall(directory, **FILTER)  # noqa: S202 - with the filter, where there is one
