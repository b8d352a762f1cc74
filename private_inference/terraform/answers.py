"""Where the answers to the program's lookups come from: the embedded AWS, the real one, or an earlier export."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from private_inference.cli import deployed
from private_inference.rehearsal.account import Clients, account_of
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.inputs import RefusedError, UnhandledError
from private_inference.rehearsal.lookups import answer
from private_inference.runner.project import StackConfig
from private_inference.terraform.errors import ExportError
from private_inference.terraform.lookups import STACK_REFERENCE, Lookup


@contextmanager
def embedded(region: str) -> Iterator[Lookup]:
    """AWS as the rehearsal has it: no credentials needed, and what shapes the stack may differ in a real account."""
    with EmbeddedAws(region) as aws:
        yield asked_of(aws)


def live(region: str) -> Lookup:
    """The account of the shell's credentials."""
    return asked_of(_Account(region))


def asked_of(aws: Clients) -> Lookup:
    """Whatever AWS `aws` has clients for. The contract of another stack comes from its SSM parameters.

    The answers raise ExportError where AWS gives none.
    """
    account = cache(lambda: account_of(aws))

    def lookup(token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        with _told(token):
            if token != STACK_REFERENCE:
                return answer(account(), token, args)
            _, project, stack = args["name"].split("/")
            return deployed.contract(aws, StackConfig(project, stack, Path(), {}))

    return lookup


@contextmanager
def _told(token: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:  # its message may name the account
        code = error.response["Error"]["Code"]
        raise ExportError(f"The lookup {token} was refused by AWS: {error.operation_name} says {code}.") from error
    except BotoCoreError as error:
        raise ExportError(f"The lookup {token} can't ask AWS: {error}") from error
    except (RefusedError, UnhandledError) as error:
        raise ExportError(f"The lookup {token} has no answer: {error}.") from error


def recorded(path: Path) -> Lookup:
    """Answers from the lookups.json that an earlier export has written. Raises ExportError if it is none."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(entries, list):
            raise TypeError("it holds no list")
        answers = {_question(entry["token"], entry["arguments"]): entry["answer"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path.name} is not a lookups.json of an export: {error}.") from None

    def lookup(token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        question = _question(token, args)
        if question not in answers:
            raise ExportError(f"{path.name} has no answer to {question}. Export with --live, or without --lookups.")
        found: Mapping[str, Any] = answers[question]
        return found

    return lookup


def _question(token: str, args: Mapping[str, Any]) -> str:
    return f"{token} {json.dumps(dict(args), sort_keys=True)}"


@dataclass(frozen=True)
class _Account:
    """The real AWS, as `account_of` wants it."""

    region: str

    def client(self, service: str) -> Any:
        return _session(self.region).client(service)


@cache
def _session(region: str) -> Any:
    return deployed.session(region)
