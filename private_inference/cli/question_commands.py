"""The commands that ask what a stack lets pass: packets, requests, and what an organization refuses above it."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from private_inference.cli.options import HERE, AsJson, Project, Stack, stack_of

if TYPE_CHECKING:
    from private_inference.authorization.intent import Intent
    from private_inference.authorization.model import Account
    from private_inference.runner.project import StackConfig


class Form(StrEnum):
    """What `paths` shows."""

    TEXT = "text"
    JSON = "json"
    SVG = "svg"
    HTML = "html"


def paths(
    stack: Stack = "dev",
    project: Project = HERE,
    source: Annotated[str | None, typer.Option("--from", help="A party of the matrix, an address or a block.")] = None,
    destination: Annotated[str | None, typer.Option("--to", help="The same, at the other end.")] = None,
    port: Annotated[int, typer.Option(help="Port of the traced packet.", min=0, max=65535)] = 443,
    protocol: Annotated[str, typer.Option(help="tcp, udp or icmp.")] = "tcp",
    form: Annotated[
        Form, typer.Option("--format", help="A table or trace, the same as JSON, or a picture of the network.")
    ] = Form.TEXT,
    out: Annotated[Path | None, typer.Option(help="File to write to instead of standard output.")] = None,
) -> None:
    """Show who reaches whom, trace one packet hop by hop, or draw the network with its paths. Nothing is created."""
    from private_inference.cli import views
    from private_inference.cli.check import preview
    from private_inference.cli.paths import paths as run

    config = stack_of(project, stack)
    network, intent = preview(config)
    title = f"{config.project}/{config.stack}"
    shown, well = run(
        network,
        intent,
        title,
        source=source,
        destination=destination,
        port=port,
        protocol=protocol,
        form=form.value,
    )
    views.show(shown, out)
    raise typer.Exit(0 if well else 1)


def who(
    stack: Stack = "dev",
    project: Project = HERE,
    action: Annotated[str, typer.Option(help="An action, or a pattern such as sagemaker:Invoke*.")] = "*",
    resource: Annotated[str, typer.Option(help="A name such as 'key data', an ARN, or a pattern of either.")] = "*",
    principal: Annotated[str, typer.Option(help="A name such as 'role triage', or a pattern.")] = "*",
    scp: Annotated[list[Path] | None, typer.Option(help="A service control policy that the account is under.")] = None,
    rcp: Annotated[list[Path] | None, typer.Option(help="A resource control policy that it is under.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the account that the stack is deployed in.")] = False,
    html: Annotated[
        Path | None, typer.Option(help="Also write all answers as one HTML page into this file.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who may do what to the stack's resources, over which path, and why. Nothing is created."""
    from private_inference.authorization.administrators import nobody
    from private_inference.cli import views
    from private_inference.cli.progress import steps
    from private_inference.cli.who import as_json as written
    from private_inference.cli.who import ask, render, under, ways

    config = stack_of(project, stack)
    with steps() as progress, progress.step(f"Asking who may, in {config.project}/{config.stack}") as step:
        account, intent = _deployed_permissions(config) if live else _permissions(config)
        account = under(account, scp or (), rcp or ())
        found = ask(account, intent, action, resource, principal)
        changes, unread = ways(account, action, resource, principal)
        step.show(f"{len(found)} answers")
    views.warn([*(f"unverified: {gap}" for gap in (*account.gaps, *unread)), *nobody(account)])
    if html:
        from private_inference.cli.who_page import page

        views.show(
            page(
                found,
                [*map(str, changes), *account.gaps, *unread, *nobody(account)],
                f"{config.project}/{config.stack}",
            ),
            html,
        )
    views.show(written(found, changes) if as_json else render(found, changes), None)
    wrong = any(each.missing or each.surplus for each in found) or not all(each.declared for each in changes)
    raise typer.Exit(1 if wrong else 0)


def perimeter(
    stack: Stack = "dev",
    project: Project = HERE,
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Ask the account of the shell's credentials for the stack's ids.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for scp.json, rcp.json and boundary.json.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the policies that refuse what the account can't: for its organization, or as a permissions boundary."""
    from private_inference.cli import views
    from private_inference.cli.perimeter import before_deployment, of_deployed, render

    config = stack_of(project, stack)
    if deployed:
        from private_inference.runner.project import settings_of
        from private_inference.verification.deployed_contract import session

        found = of_deployed(config, session(settings_of(config)))
    else:
        found = before_deployment(config)
    files = found.write(out) if out else []
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
    else:
        views.out.print(render(found, files), soft_wrap=True)


def _permissions(config: "StackConfig") -> "tuple[Account, Intent]":
    from private_inference.cli.check import permissions

    return permissions(config)


def _deployed_permissions(config: "StackConfig") -> "tuple[Account, Intent]":
    from private_inference.cli.deployed import deployed_permissions
    from private_inference.runner.project import settings_of
    from private_inference.verification.deployed import Deployed
    from private_inference.verification.deployed_contract import contract, desired_of, session
    from private_inference.verification.reader import Reader

    settings = settings_of(config)
    aws = session(settings)
    desired = desired_of(config, settings, contract(aws, config))
    return deployed_permissions(Deployed(desired, Reader(aws.client)))
