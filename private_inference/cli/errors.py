"""Which errors a user can correct, and the exit code of each."""

import pulumi

from private_inference.cli.paths import PathsError
from private_inference.cli.who import WhoError
from private_inference.deployer.policy import UncoveredError
from private_inference.life.errors import LifeError, NoEngineError
from private_inference.rehearsal.embedded_aws import EmbeddedAwsError
from private_inference.rehearsal.engine import RehearsalError
from private_inference.runner.guard import PolicyViolationError
from private_inference.runner.policy_config import PolicyPackError
from private_inference.runner.preview import PreviewError
from private_inference.runner.project import ProjectError
from private_inference.runner.remote import RemoteComponentError
from private_inference.terraform.errors import ExportError

A_FINDING = 1
BAD_INPUT = 2

_CODES: dict[type[Exception], int] = {
    ProjectError: BAD_INPUT,
    pulumi.RunError: BAD_INPUT,  # settings, and whatever else the program itself refuses
    PolicyPackError: BAD_INPUT,
    PreviewError: BAD_INPUT,
    ExportError: BAD_INPUT,
    LifeError: BAD_INPUT,
    NoEngineError: BAD_INPUT,
    PathsError: BAD_INPUT,
    WhoError: BAD_INPUT,
    UncoveredError: BAD_INPUT,
    PolicyViolationError: A_FINDING,
    RehearsalError: A_FINDING,
    RemoteComponentError: A_FINDING,
    EmbeddedAwsError: A_FINDING,
}


def exit_code(error: Exception) -> int | None:
    """The exit code for an error that needs no traceback; None for a bug of this program."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), None)
