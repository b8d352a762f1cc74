"""Resources of a program as the graph has them, and documents as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from private_inference.authorization.model import Policy
from private_inference.graph.resources import Resource
from private_inference.graph.values import Unknown

ACCOUNT = "123456789012"


def resource(type_: str, name: str, reads: Mapping[str, Sequence[str]] | None = None, /, **properties: Any) -> Resource:
    """A resource; a value of `...` is one that is known after deployment only."""
    urn = urn_of(type_, name)
    found = {key: Unknown(urn, key) if value is ... else value for key, value in properties.items()}
    return Resource(urn, type_, name, found, {key: list(urns) for key, urns in (reads or {}).items()})


def urn_of(type_: str, name: str) -> str:
    return f"urn:pulumi:test::project::{type_}::{name}"


def text(*statements: Mapping[str, Any], version: str = "2012-10-17") -> str:
    """A document as programs give it."""
    return json.dumps({"Version": version, "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def as_document(policy: Policy) -> dict[str, Any]:
    """A policy that was read, as JSON again, for the referee."""
    listed = []
    for each in policy.statements:
        elements = {
            "Action": each.actions,
            "NotAction": each.not_actions,
            "Resource": each.resources,
            "NotResource": each.not_resources,
        }
        statement: dict[str, Any] = {"Effect": each.effect, **{key: list(v) for key, v in elements.items() if v}}
        statement["Condition"] = {operator: dict(tests) for operator, tests in each.condition.items()}
        named: dict[str, list[Any]] = {}
        for kind, name in zip(each.kinds, each.principals, strict=True):
            named.setdefault(kind or "AWS", []).append(name)
        statement["NotPrincipal" if each.not_principals else "Principal"] = (
            {"AWS": list(each.not_principals)} if each.not_principals else named
        )
        listed.append(statement)
    return {"Statement": listed}
