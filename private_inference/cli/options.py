"""Options that several commands have, and the stack that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from private_inference.runner.project import StackConfig

Stack = Annotated[
    str, typer.Option("--stack", "-s", help="Stack of the project, as in Pulumi.STACK.yaml; or such a file's path.")
]
Project = Annotated[Path, typer.Option(help="Folder of the Pulumi project.", file_okay=False, exists=True)]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
HERE = Path()


def stack_of(project: Path, stack: str) -> "StackConfig":
    """The stack that a command names. Raises ProjectError."""
    from private_inference.runner.project import load_stack

    return load_stack(project, stack)
