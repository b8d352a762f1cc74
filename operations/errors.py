"""Which errors are a user's to mend, and what exit code they end a command with."""

import pulumi

from operations.paths import PathsError
from operations.policy_pack import PolicyPackError, PolicyViolationError
from operations.preview import PreviewError
from operations.project import ProjectError
from rehearsal.embedded_aws import EmbeddedAwsError
from rehearsal.engine import RehearsalError
from terraform_export.errors import ExportError

A_FINDING = 1
BAD_INPUT = 2

_CODES: dict[type[Exception], int] = {
    ProjectError: BAD_INPUT,
    pulumi.RunError: BAD_INPUT,  # settings, and whatever else the program itself refuses
    PolicyPackError: BAD_INPUT,
    PreviewError: BAD_INPUT,
    ExportError: BAD_INPUT,
    PathsError: BAD_INPUT,
    PolicyViolationError: A_FINDING,
    RehearsalError: A_FINDING,
    EmbeddedAwsError: A_FINDING,
}


def exit_code(error: Exception) -> int | None:
    """The exit code for an error that needs no traceback; None for what is a fault of ours."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), None)
