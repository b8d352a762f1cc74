"""The commands about the account that a stack is to be deployed in."""

import json
from pathlib import Path
from typing import Annotated

import typer

from private_inference.cli.options import HERE, AsJson, Project, Stack, stack_of


def quotas(
    stack: Stack = "dev",
    project: Project = HERE,
    live: Annotated[bool, typer.Option("--live", help="Ask the account of the shell's credentials.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare what the stack needs with AWS's quotas: the defaults, or the account's own. Nothing is created."""
    from private_inference.cli import quotas as run
    from private_inference.cli import views

    config = stack_of(project, stack)
    found = run.of_account(config) if live else run.of_defaults(config)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        views.out.print(run.render(found), soft_wrap=True)
    raise typer.Exit(0 if found.passed else 1)


def deployer_policy(
    stack: Stack = "dev",
    project: Project = HERE,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the documents, one a managed policy.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the policies that let somebody deploy, change and destroy this stack, and nothing else."""
    from private_inference.cli import deployer as run
    from private_inference.cli import views

    config = stack_of(project, stack)
    found = run.deployer_policies(config)
    files = run.write(found, out) if out else []
    views.warn(run.notes(config))
    if as_json:
        typer.echo(json.dumps(list(found), indent=2))
    else:
        views.out.print(run.render(found, files), soft_wrap=True)


def local(
    command: Annotated[list[str] | None, typer.Argument(help="What to run, after `--`; a shell if nothing.")] = None,
    stack: Stack = "dev",
    project: Project = HERE,
) -> None:
    """Run a command with an embedded AWS in its environment, such as `pulumi up` or `terraform apply`."""
    from private_inference.cli.local import run

    raise typer.Exit(run(stack_of(project, stack), command or ()))
