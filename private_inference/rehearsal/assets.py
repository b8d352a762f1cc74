"""What Pulumi's assets and archives hold, as bytes. Relative paths start from the program's folder."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pulumi

from private_inference.rehearsal.inputs import UnhandledError

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the earliest time that ZIP knows; a constant one gives the same bytes each time


def content_of(asset: pulumi.Asset, folder: Path) -> bytes:
    """Raises UnhandledError for a remote asset and OSError for a file that can't be read."""
    if isinstance(asset, pulumi.FileAsset):
        return (folder / asset.path).read_bytes()
    if isinstance(asset, pulumi.StringAsset):
        return str(asset.text).encode()
    raise UnhandledError(f"a {type(asset).__name__} is not on this machine; use a local file")


def zipped(archive: pulumi.Archive, folder: Path = Path()) -> bytes:
    """An archive as a ZIP file: a file as it is, a folder or a mapping packed. Raises as `content_of`."""
    if isinstance(archive, pulumi.FileArchive) and (folder / archive.path).is_file():
        return (folder / archive.path).read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in sorted(_entries(archive, folder, "")):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(entry, content)
    return packed.getvalue()


def _entries(archive: pulumi.Asset | pulumi.Archive, folder: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    if isinstance(archive, pulumi.AssetArchive):
        for name, member in archive.assets.items():
            yield from _entries(member, folder, f"{prefix}/{name}" if prefix else name)
    elif isinstance(archive, pulumi.FileArchive) and (folder / archive.path).is_dir():
        root = folder / archive.path
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            yield "/".join(filter(None, (prefix, path.relative_to(root).as_posix()))), path.read_bytes()
    elif isinstance(archive, pulumi.Asset):
        yield prefix, content_of(archive, folder)
    else:
        raise UnhandledError(f"a {type(archive).__name__} inside an archive is not supported")
