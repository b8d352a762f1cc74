"""Runs the `terraform` (or `tofu`) that is installed, in one directory."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIRROR = "PROVIDER_MIRROR"
"""The environment variable that names a filesystem mirror to take the providers from instead of their registry.
Layout: https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror."""

QUIET = {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "TF_CLI_ARGS": "-no-color", "CHECKPOINT_DISABLE": "1"}


class TerraformError(Exception):
    """A Terraform command failed, or there is none to run; the message has its output."""


def find_terraform() -> str | None:
    """The path of `terraform`, else of `tofu`, else None."""
    return shutil.which("terraform") or shutil.which("tofu")


@dataclass(frozen=True)
class Terraform:
    """Terraform in `directory`, with `environment` on top of this process's."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    """How many seconds a command may take."""

    def run(self, *arguments: str) -> str:
        """The output of `terraform ARGUMENTS`. Raises TerraformError with its messages if it fails."""
        executable = find_terraform()
        if executable is None:
            raise TerraformError("Neither `terraform` nor `tofu` is on PATH. Install one of them.")
        command = f"`terraform {' '.join(arguments)}`"
        try:
            done = subprocess.run(
                [executable, *arguments],
                cwd=self.directory,
                env={**os.environ, **QUIET, **self._mirror(), **self.environment},
                capture_output=True,
                text=True,
                check=False,
                timeout=self.timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise TerraformError(f"{command} did not end within {self.timeout:g} seconds.") from error
        except OSError as error:
            raise TerraformError(f"{executable} does not run: {error.strerror}.") from error
        if done.returncode:
            output = "\n".join(filter(None, (done.stdout.strip(), done.stderr.strip())))
            raise TerraformError(f"{command} failed with exit code {done.returncode}:\n{output}")
        return done.stdout

    def _mirror(self) -> dict[str, str]:
        mirror = os.environ.get(MIRROR)
        if not mirror:
            return {}
        installation = f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(mirror)}\n  }}\n}}\n"
        path = self.directory.resolve() / ".terraformrc"
        path.write_text(installation, encoding="utf-8")
        return {"TF_CLI_CONFIG_FILE": str(path)}
