"""The program's local files (Pulumi assets and archives) as files beside the configuration."""

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pulumi

FOLDER = "files"
_OLDEST = (1980, 1, 1, 0, 0, 0)  # zip knows no earlier time; a constant one keeps the archive the same


class UnsupportedAssetError(ValueError):
    """An asset that is not on this machine."""


@dataclass(frozen=True)
class LocalFiles:
    """Copies into `out` what the program in `program` names."""

    program: Path
    out: Path

    def add(self, asset: pulumi.Asset | pulumi.Archive, label: str) -> str:
        """Copy a file, or zip an archive, to `files/LABEL/`; answers its path relative to `out`.

        Raises UnsupportedAssetError for a remote asset and OSError for a file that can't be read.
        """
        if isinstance(asset, pulumi.FileAsset) or (
            isinstance(asset, pulumi.FileArchive) and self._path(asset).is_file()
        ):
            source = self._path(asset)
            target = self._target(label, source.name)
            shutil.copyfile(source, target)
        elif isinstance(asset, pulumi.Archive):
            target = self._target(label, "archive.zip")
            self._zip(asset, target)
        else:
            target = self._target(label, "content")
            target.write_bytes(self._content(asset))
        return target.relative_to(self.out).as_posix()

    def _path(self, asset: pulumi.FileAsset | pulumi.FileArchive) -> Path:
        return self.program / asset.path

    def _target(self, label: str, name: str) -> Path:
        folder = self.out / FOLDER / label
        folder.mkdir(parents=True, exist_ok=True)
        return folder / name

    def _zip(self, archive: pulumi.Archive, target: Path) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in sorted(self._entries(archive, "")):
                entry = zipfile.ZipInfo(name, _OLDEST)
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                bundle.writestr(entry, content)

    def _entries(self, archive: pulumi.Asset | pulumi.Archive, prefix: str) -> Iterator[tuple[str, bytes]]:
        if isinstance(archive, pulumi.AssetArchive):
            for name, member in archive.assets.items():
                yield from self._entries(member, f"{prefix}/{name}" if prefix else name)
        elif isinstance(archive, pulumi.FileArchive) and self._path(archive).is_dir():
            folder = self._path(archive)
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                yield "/".join(filter(None, (prefix, path.relative_to(folder).as_posix()))), path.read_bytes()
        elif isinstance(archive, pulumi.Asset):
            yield prefix, self._content(archive)
        else:
            raise UnsupportedAssetError(f"a {type(archive).__name__} inside an archive can't be exported")

    def _content(self, asset: pulumi.Asset) -> bytes:
        if isinstance(asset, pulumi.FileAsset):
            return self._path(asset).read_bytes()
        if isinstance(asset, pulumi.StringAsset):
            return asset.text.encode()
        raise UnsupportedAssetError(f"a {type(asset).__name__} is not on this machine; use a local file")
