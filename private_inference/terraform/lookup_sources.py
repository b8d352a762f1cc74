"""Sources of the answers to the program's lookups: the embedded AWS, a real account, or an earlier export."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from private_inference.rehearsal.account import Clients, account_of
from private_inference.rehearsal.inputs import RefusedError, UnhandledError
from private_inference.rehearsal.lookups import answer
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import StackConfig
from private_inference.terraform.data_sources import STACK_REFERENCE, Lookup
from private_inference.terraform.errors import ExportError
from private_inference.verification import deployed_contract

if TYPE_CHECKING:
    from components.settings import Settings


@contextmanager
def from_embedded_aws(settings: "Settings") -> Iterator[Lookup]:
    """The rehearsal's embedded AWS: it needs no credentials, and a real account may give other answers."""
    with prepared_aws(settings) as aws:
        yield from_clients(aws)


def from_account(settings: "Settings") -> tuple[Lookup, Callable[[str], Any]]:
    """The account of the shell's credentials, and its clients. The lookups raise ExportError."""
    aws = _Account(settings)
    return from_clients(aws), lambda service: aws.client(service)


def refuse_unread(settings: "Settings") -> None:
    """Raises ExportError for what is read from the account alone, and of which the configuration holds facts."""
    if settings.network.existing:
        raise ExportError("network.existing: the VPC is read from its account, and ids of it are written. Add --live.")
    if any(model.model_package for endpoint in settings.endpoints for model in endpoint.models):
        raise ExportError(
            "modelPackage: what it names is read from its registry, and permissions for that are written. Add --live."
        )


def from_clients(aws: Clients) -> Lookup:
    """The account of `aws`; the contract of another stack comes from its SSM parameters.

    The lookups raise ExportError if AWS refuses or can't be reached.
    """
    account = cache(lambda: account_of(aws))

    def lookup(token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        with _as_export_errors(token):
            if token != STACK_REFERENCE:
                return answer(account(), token, args)
            _, project, stack = args["name"].split("/")
            return deployed_contract.contract(aws, StackConfig(project, stack, Path(), {}))

    return lookup


@contextmanager
def _as_export_errors(token: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:  # its message may name the account
        code = error.response["Error"]["Code"]
        raise ExportError(f"The lookup {token} was refused by AWS: {error.operation_name} says {code}.") from error
    except BotoCoreError as error:
        raise ExportError(f"The lookup {token} can't ask AWS: {error}") from error
    except (RefusedError, UnhandledError) as error:
        raise ExportError(f"The lookup {token} has no answer: {error}.") from error


def from_file(path: Path) -> Lookup:
    """The lookups.json of an earlier export. Raises ExportError if `path` is not one; so do lookups that it lacks."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list):
            raise TypeError("it holds no list")
        answers = {_key(entry["token"], entry["arguments"]): entry["answer"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path.name} is not a lookups.json of an export: {error}.") from None

    def lookup(token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        key = _key(token, args)
        if key not in answers:
            raise ExportError(f"{path.name} has no answer to {key}. Export with --live, or without --lookups.")
        found: Mapping[str, Any] = answers[key]
        return found

    return lookup


def _key(token: str, args: Mapping[str, Any]) -> str:
    return f"{token} {json.dumps(dict(args), sort_keys=True)}"


@dataclass(frozen=True)
class _Account:
    """The account of the shell's credentials, as `Clients`."""

    settings: "Settings"

    @property
    def region(self) -> str:
        return self.settings.region

    @cached_property
    def client(self) -> Callable[[str], Any]:
        """Its session is made for the first lookup, which raises ExportError if there are no credentials."""
        found: Callable[[str], Any] = deployed_contract.session(self.settings).client
        return found
