"""Deploys the unchanged program with a real Pulumi engine, whose AWS plugin is the embedded AWS.

The engine is driven through the Automation API with the program inline; its state is in a folder that goes with it.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pulumi import automation

from components import clients
from private_inference.life.errors import NoEngineError
from private_inference.life.plugin import serve
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.runner.program import run_main, working_in
from private_inference.runner.project import StackConfig
from private_inference.runner.sdk import new_stack

BUILT = Path("build/engine/bin/pulumi")
"""Where `make engine` puts the Pulumi CLI, in the project's folder."""


class DeploymentError(Exception):
    """An operation of the engine failed; the message is what it said of it."""


def pulumi_command(project: Path) -> automation.PulumiCommand:
    """The Pulumi CLI on PATH, or the one that `make engine` built. Raises NoEngineError."""
    found = shutil.which("pulumi")
    cli = Path(found) if found else project / BUILT
    if not cli.exists():
        raise NoEngineError(
            "A life needs the Pulumi engine, and there is no `pulumi` on PATH. Install it "
            "(https://www.pulumi.com/docs/iac/download-install/), or build it with `make engine`, which needs Go."
        )
    return automation.PulumiCommand(root=str(cli.parents[1]))


class Deployment:
    """One stack under a real Pulumi engine. Every operation raises DeploymentError if the engine reports a failure."""

    def __init__(
        self, aws: EmbeddedAws, workspace: Path, command: automation.PulumiCommand, environment: dict[str, str]
    ) -> None:
        self._aws = aws
        self.folder = workspace
        """Where the deployment keeps its files; it goes with the deployment."""
        self._command = command
        self._environment = environment
        self._stack: automation.Stack | None = None
        self.output: list[str] = []
        """What the engine printed in the last operation."""

    def up(self, config: StackConfig, *, refresh: bool = False) -> None:
        """Deploy a stack's configuration."""
        self._run(lambda stack: stack.up(on_output=self.output.append, refresh=refresh), config)

    def preview(self, config: StackConfig) -> dict[str, int]:
        """How many resources an `up` would create, update, replace, delete or leave, by the engine's names."""
        result = self._run(lambda stack: stack.preview(on_output=self.output.append), config)
        return {str(kind): count for kind, count in result.change_summary.items()}

    def destroy(self, config: StackConfig) -> None:
        """Destroy the stack. The program runs, because its hooks guard deletions."""
        self._run(lambda stack: stack.destroy(on_output=self.output.append, run_program=True), config)

    def resources(self, config: StackConfig) -> list[dict[str, Any]]:
        """The resources in the engine's state."""
        deployed = self._configured(config).export_stack().deployment or {}
        return list(deployed.get("resources", []))

    def _run(self, operation: Callable[[automation.Stack], Any], config: StackConfig) -> Any:
        self.output.clear()
        try:
            # A program of another revision reads AWS by its own means: it finds the embedded one in the environment.
            with working_in(config.directory), clients.using(self._aws.client), _variables(self._aws.environment()):
                return operation(self._configured(config))
        except automation.CommandError as error:
            raise DeploymentError("\n".join(self.errors()) or str(error)) from None

    def errors(self) -> list[str]:
        """The engine's error messages of the last operation, each once."""
        joined = "\n".join(self.output).replace("error: 1 error occurred:\n    \t* ", "error: ")
        said = [line.partition("error: ")[2].strip() for line in joined.splitlines() if "error: " in line]
        return list(dict.fromkeys(line for line in said if line and line not in ("update failed", "destroy failed")))

    def _configured(self, config: StackConfig) -> automation.Stack:
        """The stack with the program and the settings of a configuration, which replace those it had."""

        def program() -> None:
            with _own_modules(config.directory):
                run_main(config)

        settings = automation.ProjectSettings(
            name=config.project, runtime="python", main=str(config.directory.resolve())
        )
        if self._stack is None:
            new = automation.LocalWorkspace(
                work_dir=str(self.folder / "workspace"),
                pulumi_command=self._command,
                env_vars=self._environment,
                project_settings=settings,
            )
            self._stack = new_stack(_Stack, config.stack, new)
        workspace = self._stack.workspace
        workspace.program = program
        workspace.save_project_settings(settings)
        stored = workspace.stack_settings(config.stack)
        stored.config = dict(config.values)
        workspace.save_stack_settings(config.stack, stored)
        return self._stack


class _Stack(automation.Stack):
    """Without what nobody here reads after an operation, for which the CLI would be started three times more."""

    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> automation.UpdateSummary:
        return automation.UpdateSummary("", datetime.now(tz=UTC), "", {}, {}, "")


@contextmanager
def deployment(aws: EmbeddedAws, project: Path) -> Iterator[Deployment]:
    """A stack that isn't deployed yet, in an embedded AWS. Raises NoEngineError."""
    command = pulumi_command(project)
    with tempfile.TemporaryDirectory(prefix="life-") as folder, serve(aws) as plugins:
        workspace = Path(folder)
        (workspace / "state").mkdir()
        (workspace / "workspace").mkdir()
        # The engine resolves a relative path of an asset from the folder above an inline program's.
        for entry in project.iterdir():
            if not entry.name.startswith((".", "Pulumi.")) and entry.name not in ("state", "workspace"):
                (workspace / entry.name).symlink_to(entry)
        environment = {
            "PULUMI_BACKEND_URL": (workspace / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "life",
            "PULUMI_DEBUG_PROVIDERS": plugins,
            # Or each operation tries for three seconds to download the plugins that these stand for.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(workspace / "home"),
            "PULUMI_SKIP_CHECKPOINTS": "true",  # the state is written at the end of an operation, also of a failed one
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        yield Deployment(aws, workspace, command, environment)


@contextmanager
def _own_modules(directory: Path) -> Iterator[None]:
    """A program's own modules are imported from its folder, whatever this process has by their names."""
    own = {entry.stem for entry in directory.iterdir() if entry.suffix == ".py" or (entry / "__init__.py").exists()}
    own -= {"__main__", "private_inference"}
    foreign = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in own
        and not str(getattr(module, "__file__", None) or directory).startswith(str(directory))
    }
    for name in foreign:
        del sys.modules[name]
    try:
        yield
    finally:
        if foreign:
            for name in [name for name in sys.modules if name.partition(".")[0] in own]:
                del sys.modules[name]
            sys.modules.update(foreign)


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables of this process."""
    before = {key: os.environ.get(key) for key in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
