"""Runs the `terraform` (or `tofu`) that is installed, in one directory."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIRROR = "PROVIDER_MIRROR"
"""The environment variable that names a filesystem mirror to take the providers from instead of their registry.
Layout: https://developer.hashicorp.com/terraform/cli/config/config-file#filesystem_mirror."""


class TerraformError(Exception):
    """A Terraform command failed, or there is none to run; the message holds what it said."""


def find_terraform() -> str | None:
    """The path of `terraform`, else of `tofu`, else None."""
    return shutil.which("terraform") or shutil.which("tofu")


@dataclass(frozen=True)
class Terraform:
    """Terraform in `directory`, with `environment` on top of this process's."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> str:
        """What `terraform ARGUMENTS` printed; raises TerraformError with its words when it fails."""
        done = self.attempt(*arguments)
        if done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise TerraformError(f"`terraform {' '.join(arguments)}` failed with exit code {done.returncode}:\n{said}")
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The finished command, whatever its exit code."""
        executable = find_terraform()
        if executable is None:
            raise TerraformError("Neither `terraform` nor `tofu` is on PATH. Install one of them.")
        command = [executable, *arguments, "-no-color"] if arguments[0] != "version" else [executable, *arguments]
        return subprocess.run(
            command, cwd=self.directory, env=self._environment(), capture_output=True, text=True, check=False
        )

    def init(self) -> None:
        """Install the providers, from the mirror where one is set."""
        self.run("init", "-input=false", "-backend=false")

    def show(self, plan: Path) -> dict[str, Any]:
        """A saved plan as data: https://developer.hashicorp.com/terraform/internals/json-format."""
        content: dict[str, Any] = json.loads(self.run("show", "-json", str(plan)))
        return content

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **self.environment}
        if mirror := os.environ.get(MIRROR):
            environment["TF_CLI_CONFIG_FILE"] = str(self._cli_config(Path(mirror)))
        return environment

    def _cli_config(self, mirror: Path) -> Path:
        path = self.directory / ".terraformrc"
        path.write_text(
            f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(str(mirror))}\n  }}\n}}\n"
        )
        return path
