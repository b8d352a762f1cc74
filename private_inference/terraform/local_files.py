"""The program's local files (Pulumi assets and archives) as files beside the configuration."""

from dataclasses import dataclass
from pathlib import Path

import pulumi

from private_inference.rehearsal.assets import content_of, zipped

FOLDER = "files"


@dataclass(frozen=True)
class LocalFiles:
    """Copies the program's files to the configuration."""

    program: Path
    """The program's folder, from which its relative paths start."""
    out: Path
    """The configuration's folder."""

    def add(self, asset: pulumi.Asset | pulumi.Archive, label: str) -> str:
        """Copy a file, or zip an archive, to `files/LABEL/`; returns its path relative to `out`.

        Raises UnhandledError for a remote asset and OSError for a file that can't be read.
        """
        content = zipped(asset, self.program) if isinstance(asset, pulumi.Archive) else content_of(asset, self.program)
        target = self.out / FOLDER / label / self._name(asset)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return target.relative_to(self.out).as_posix()

    def _name(self, asset: pulumi.Asset | pulumi.Archive) -> str:
        if isinstance(asset, pulumi.FileAsset | pulumi.FileArchive) and (self.program / asset.path).is_file():
            return Path(asset.path).name
        return "archive.zip" if isinstance(asset, pulumi.Archive) else "content"
