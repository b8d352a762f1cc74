"""`private-inference`: the command line behind the Makefile.

Exit codes: 0 if all is well, 1 with a finding, 2 if the input can't be used. Progress goes to standard error, results
to standard output; `--json` makes them JSON. Heavy imports wait for the command that needs them.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from private_inference.cli import account_commands, question_commands
from private_inference.cli.options import HERE, AsJson, Project, Stack
from private_inference.cli.options import stack_of as _stack

if TYPE_CHECKING:
    from private_inference.runner.project import StackConfig

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Private inference on Amazon SageMaker AI: check, rehearse, verify, export.",
)

export = typer.Typer(no_args_is_help=True, help="Write the stack for another tool.")
app.add_typer(export, name="export")
app.command()(account_commands.quotas)
app.command()(account_commands.deployer_policy)
app.command()(account_commands.local)


PolicyConfig = Annotated[
    Path | None,
    typer.Option(help="Configuration of the policy pack; Policy.STACK.json beside the stack's file, if there is one."),
]


def main() -> None:
    """The entry point: shows errors that a user can correct without a traceback."""
    try:
        app()
    except Exception as error:
        from private_inference.cli import views
        from private_inference.cli.errors import exit_code

        code = exit_code(error)
        if code is None:
            raise
        views.show_error(error)
        sys.exit(code)


@app.command()
def rehearse(
    stack: Stack = "dev",
    project: Project = HERE,
    policy_config: PolicyConfig = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the embedded AWS up until interrupted.")] = False,
    life: Annotated[
        Path | None,
        typer.Option(help="Live a whole life on a real Pulumi engine, such as examples/lives/new-model.yaml."),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--from", help="Deploy what is at this git revision first, then the working tree.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the unchanged program on an embedded AWS and look at the result with boto3."""
    if life or revision:
        _live(project, stack, life, revision, as_json)
    from private_inference.cli import views
    from private_inference.cli.progress import steps
    from private_inference.cli.rehearse import rehearse as run
    from private_inference.rehearsal.prerequisites import prepared_aws
    from private_inference.runner.project import settings_of

    config = _stack(project, stack)
    settings = settings_of(config)
    policies = _policies(config, stack, policy_config)
    with prepared_aws(settings) as aws:
        with steps() as progress:
            result = run(config, settings, aws, policies, progress)
        if as_json:
            print(json.dumps(result.as_json(), indent=2))
        else:
            views.show_rehearsal(config, result)
        if keep:
            views.wait_with(aws.environment())
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def check(
    stack: Stack = "dev",
    project: Project = HERE,
    policy_config: PolicyConfig = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Read the existing VPC and the model packages, with the shell's credentials."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run program, policies and both proofs on what is known before deployment. Nothing is created."""
    from private_inference.cli import views
    from private_inference.cli.check import check as run

    config = _stack(project, stack)
    result = run(config, _policies(config, stack, policy_config), live=live)
    if as_json:
        print(json.dumps(result.as_json(), indent=2))
    else:
        views.show_check(config, result)
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def verify(
    stack: Stack = "dev",
    project: Project = HERE,
    from_inside: Annotated[
        bool,
        typer.Option(
            "--from-inside",
            help="Call the models from the app subnets, by a function and a role that are made for it and removed "
            "again. Lambda may take 20 minutes to remove its network interfaces.",
        ),
    ] = False,
    client_certificate: Annotated[
        Path | None,
        typer.Option(
            "--client-certificate",
            help="File with a client's certificate and key, in PEM: --from-inside shows it to a load balancer. The key "
            "is in the function's event, and nowhere else.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    authorization: Annotated[
        Path | None,
        typer.Option(
            "--authorization",
            help="File with what the authorizer of an API lets in: --from-inside sends it in the authorizer's header. "
            "It is in the function's event, and nowhere else.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Folder for evidence.json and evidence.html: the checks by published control, and both proofs.",
            file_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at the deployed stack with boto3: is what is there what was asked for? Ends with a real invocation."""
    from private_inference.cli import views
    from private_inference.cli.progress import steps
    from private_inference.runner.project import settings_of
    from private_inference.verification import report
    from private_inference.verification import verify as run
    from private_inference.verification.deployed_contract import contract, desired_of, session

    config = _stack(project, stack)
    settings = settings_of(config)
    aws = session(settings)
    contract_outputs = contract(aws, config)
    desired = desired_of(config, settings, contract_outputs)
    with steps() as progress:
        with progress.step(f"Looking at {config.project}/{config.stack} with boto3") as step:
            checks = run(
                desired,
                aws.client,
                lambda check: step.count(check.subject),
                from_inside=from_inside,
                client_certificate=client_certificate.read_text(encoding="utf-8") if client_certificate else "",
                authorization=authorization.read_text(encoding="utf-8").strip() if authorization else "",
            )
        if to:
            from private_inference.cli.evidence import evidence

            with progress.step(f"Writing the report into {to}"):
                evidence(desired, aws.client, checks).write(to)
    if as_json:
        print(report.to_json(checks))
    else:
        views.out.print(report.table(checks), report.summary(checks))
    raise typer.Exit(1 if any(check.failed for check in checks) else 0)


@app.command()
def outputs(stack: Stack = "dev", project: Project = HERE, as_json: AsJson = False) -> None:
    """Print the contract of the deployed stack, as its SSM parameters hold it."""
    from private_inference.cli import views
    from private_inference.runner.project import settings_of
    from private_inference.verification.deployed_contract import contract, session

    config = _stack(project, stack)
    contract_outputs = contract(session(settings_of(config)), config)
    if as_json:
        print(json.dumps(contract_outputs, indent=2))
    else:
        views.out.print(views.output_table(contract_outputs))


app.command()(question_commands.paths)
app.command()(question_commands.who)
app.command()(question_commands.perimeter)


@export.command()
def terraform(
    out: Annotated[
        Path, typer.Option(help="Folder for the configuration; made if it does not exist.", file_okay=False)
    ],
    stack: Stack = "dev",
    project: Project = HERE,
    live: Annotated[bool, typer.Option("--live", help="Ask the account of the shell's credentials.")] = False,
    lookups: Annotated[Path | None, typer.Option(help="Answers of an earlier export, its lookups.json.")] = None,
) -> None:
    """Write the stack as a Terraform configuration, from the unchanged program."""
    from private_inference.cli import views
    from private_inference.runner.project import settings_of
    from private_inference.terraform import lookup_sources
    from private_inference.terraform.export import export_terraform

    if live and lookups:
        raise typer.BadParameter("give one of --live and --lookups, not both")
    config = _stack(project, stack)
    settings = settings_of(config)
    if not live:
        lookup_sources.refuse_unread(settings)
    if lookups:
        written = export_terraform(config, out, lookup_sources.from_file(lookups))
    elif live:
        lookup, clients = lookup_sources.from_account(settings)
        written = export_terraform(config, out, lookup, clients)
    else:
        with lookup_sources.from_embedded_aws(settings) as lookup:
            written = export_terraform(config, out, lookup)
    views.warn(written.warnings)
    views.out.print(
        f"{written.resources} resources, {written.lookups} lookups and {len(written.outputs)} outputs in {out}"
    )


def _live(project: Path, stack: str, file: Path | None, revision: str | None, as_json: bool) -> NoReturn:
    from private_inference.cli import views
    from private_inference.cli.lives import rehearse_life, shown
    from private_inference.cli.progress import steps

    with steps() as progress:
        result = rehearse_life(project, stack, file, revision, progress)
    if as_json:
        print(json.dumps(result.as_json(), indent=2))
    else:
        views.out.print(*shown(result), sep="\n")
    raise typer.Exit(0 if result.passed else 1)


def _policies(config: "StackConfig", stack: str, given: Path | None) -> Mapping[str, Any]:
    """The policy pack's configuration: by default the one beside the stack's file."""
    from private_inference.runner.policy_config import read_config

    folder = (config.directory / stack).parent if stack.endswith(".yaml") else config.directory
    default = folder / f"Policy.{config.stack}.json"
    if given is None and not default.exists():
        return {}
    return read_config(given or default)
