"""Terraform labels and addresses."""

import re
from collections.abc import Iterable

from private_inference.runner.resource import Resource


def label_of(name: str) -> str:
    """A Pulumi name as a Terraform label.

    https://developer.hashicorp.com/terraform/language/syntax/configuration#identifiers
    """
    label = re.sub(r"\W", "_", name)
    return label if label[:1].isalpha() else f"_{label}"


def describe(resource: Resource) -> str:
    """A resource's Pulumi type and name, for messages."""
    return f"{resource.type} {resource.name!r}"


def addresses_in(expressions: Iterable[str]) -> set[str]:
    """The resources that expressions such as `aws_vpc.network.id` refer to, without data sources and variables."""
    parts = (expression.removeprefix("tolist(").split(".") for expression in expressions)
    return {f"{part[0]}.{part[1]}" for part in parts if part[0] not in ("data", "var")}
