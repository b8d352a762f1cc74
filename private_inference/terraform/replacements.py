"""Which changes replace a resource: replacements.json, which `refresh_replacements` writes."""

import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from private_inference.terraform.names import ARGUMENTS, terraform_names
from private_inference.terraform.schema import load_schema

FILE = Path(__file__).with_name("replacements.json")

REFRESH = "python -m private_inference.terraform.refresh_replacements"


class UnknownReplacementError(Exception):
    """What a change does to a resource is not known; the message names the type and its properties."""


@cache
def load_replacements() -> Mapping[str, Mapping[str, list[str]]]:
    """By Pulumi token: the Terraform arguments that `replace` a resource of the type, those that `update` it in place,
    and those of which it is `unknown`."""
    read: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    resources: dict[str, dict[str, list[str]]] = read["resources"]
    return resources


def replacing(token: str, changed: Collection[str]) -> set[str]:
    """Those of the changed Pulumi properties of a type that force a new resource.

    Raises UnknownReplacementError if that is not known of one of them.
    """
    known = load_replacements().get(token, {"replace": [], "update": []})
    names = _terraform_names(token)
    unknown = [key for key in changed if names.get(key) not in {*known["replace"], *known["update"]}]
    if unknown:
        raise UnknownReplacementError(
            f"{token}: whether a change of {', '.join(sorted(unknown))} replaces the resource is not known. "
            f"Ask the AWS provider anew: {REFRESH}"
        )
    return {key for key in changed if names[key] in known["replace"]}


@cache
def _terraform_names(token: str) -> Mapping[str, str]:
    entry = load_schema().resources.get(token)
    return terraform_names(entry.block.settable(), ARGUMENTS.get(entry.type)) if entry else {}
