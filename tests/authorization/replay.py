"""A witness of the reasoner's as a case for the referee."""

from __future__ import annotations

from typing import Any

from private_inference.authorization.intent import Judged
from private_inference.authorization.model import AccessPoint, Account, Guard, Kind
from tests.authorization.concrete import Case, Point
from tests.authorization.declared import as_document


def replayed(account: Account, each: Judged) -> Case:
    """A witness as the referee's case."""
    question, witness = each.answer.question, each.answer.witness
    assert witness is not None
    principal, resource, path = question.principal, question.resource, question.path
    context: dict[str, Any] = {
        key: value[0] if len(value) == 1 else list(value) for key, value in witness.context.items()
    }
    who = context.get("aws:principalarn", "") if principal.kind in (Kind.ROLE, Kind.USER) else principal.name
    who = principal.arn if principal.kind is Kind.FEDERATED else who
    return Case(
        str(principal.kind),
        "" if principal.kind is Kind.ANONYMOUS else who,
        principal.account,
        question.action,
        witness.resource,
        context,
        None if principal.identity is None else [as_document(policy) for policy in principal.identity],
        as_document(principal.boundary) if principal.boundary else None,
        as_document(resource.policy) if resource.policy else None,
        resource.guard is Guard.NEEDED,
        as_document(path.policy) if path.policy else None,
        path.gateway,
        [[as_document(policy) for policy in level] for level in account.organization.scps],
        [[as_document(policy) for policy in level] for level in account.organization.rcps],
        owner=account.id,
        point=_point(resource.through, context) if resource.through else None,
    )


def _point(point: AccessPoint, context: dict[str, Any]) -> Point:
    policy = as_document(point.policy) if point.policy else None
    return Point(context.get("s3:dataaccesspointarn", point.arn), point.account, policy, point.vpc)
