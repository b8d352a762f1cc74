"""Deploys the unchanged program with a real Pulumi engine, whose AWS plugin is the embedded AWS.

The engine is driven through the Automation API with the program inline; its state is in a folder that goes with it.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi import automation

from components import clients
from private_inference.life.errors import NoEngineError
from private_inference.life.plugin import serve
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.runner.program import run_main, working_in
from private_inference.runner.project import StackConfig

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
        self.output: list[str] = []
        """What the engine printed in the last operation."""

    def up(self, config: StackConfig, *, refresh: bool = False) -> dict[str, Any]:
        """Deploy a stack's configuration: the stack's outputs."""
        result = self._run(lambda stack: stack.up(on_output=self.output.append, refresh=refresh), config)
        return {name: output.value for name, output in result.outputs.items()}

    def preview(self, config: StackConfig) -> dict[str, int]:
        """How many resources an `up` would create, update, replace, delete or leave, by the engine's names."""
        result = self._run(lambda stack: stack.preview(on_output=self.output.append), config)
        return {str(kind): count for kind, count in result.change_summary.items()}

    def destroy(self, config: StackConfig) -> None:
        """Destroy the stack. The program runs, because its hooks guard deletions."""
        self._run(lambda stack: stack.destroy(on_output=self.output.append, run_program=True), config)

    def resources(self, config: StackConfig) -> list[dict[str, Any]]:
        """The resources in the engine's state."""
        deployed = self._stack(config).export_stack().deployment or {}
        return list(deployed.get("resources", []))

    def _run(self, operation: Callable[[automation.Stack], Any], config: StackConfig) -> Any:
        self.output.clear()
        try:
            # A program of another revision reads AWS by its own means: it finds the embedded one in the environment.
            with working_in(config.directory), clients.using(self._aws.client), _variables(self._aws.environment()):
                return operation(self._stack(config))
        except automation.CommandError as error:
            raise DeploymentError("\n".join(self.errors()) or str(error)) from None

    def errors(self) -> list[str]:
        """The engine's error messages of the last operation, each once."""
        said = [line.partition("error: ")[2].strip() for line in self.output if "error: " in line]
        return list(dict.fromkeys(line for line in said if line and line not in ("update failed", "destroy failed")))

    def _stack(self, config: StackConfig) -> automation.Stack:
        def program() -> None:
            with _own_modules(config.directory):
                run_main(config)

        options = automation.LocalWorkspaceOptions(
            work_dir=str(self.folder / "workspace"),
            pulumi_command=self._command,
            env_vars=self._environment,
            project_settings=automation.ProjectSettings(name=config.project, runtime="python"),
        )
        stack = automation.create_or_select_stack(config.stack, config.project, program, opts=options)
        if stale := sorted(stack.get_all_config().keys() - config.values.keys()):
            stack.remove_all_config(stale)
        stack.set_all_config({key: automation.ConfigValue(value) for key, value in config.values.items()})
        return stack


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
