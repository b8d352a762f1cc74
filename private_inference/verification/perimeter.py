"""The organization's policies for this account, where the program attaches them: are they there, and as meant?

What they refuse is tried before, request by request (tests/authorization/test_perimeter.py). So what is attached is
compared with what the components write for this stack, with the ids that AWS shows: whole, and nothing beside it.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from components.guarded import Guarded, guarded_by
from components.iam import Account
from components.perimeter import documents
from components.settings.perimeter import POLICY_TYPES
from private_inference.graph.iam_documents import as_list
from private_inference.verification.checks import Assertion, Result, result
from private_inference.verification.controls import LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """One for each attached policy."""
    for kind in stack.desired.settings.perimeter.attach:
        text = f"{_name(stack, kind)} is attached to this account, and refuses what it should"
        yield Assertion("Perimeter", text, partial(_attached, stack, kind), LEAST_PRIVILEGE)


def guarded(stack: Deployed) -> Guarded:
    """The stack as the documents see it. Raises as `Reader` does."""
    desired, contract = stack.desired, stack.desired.contract
    keys, buckets = contract.key_arns, f"arn:{desired.partition}:s3:::"
    account = Account(desired.partition, contract.region, desired.account)
    return guarded_by(desired.settings, account, desired.project, desired.stack)(
        runtime_endpoint=contract.runtime_endpoint.id,
        vpc=contract.vpc_id,
        bucket=buckets + stack.bucket,
        call_log=buckets + stack.trail["S3BucketName"] if desired.settings.logs_calls else None,
        keys=[keys.data, keys.logs, keys.notifications],
        api=contract.front_door.api_id if contract.front_door else None,
    )


def _name(stack: Deployed, kind: str) -> str:
    return f"{stack.desired.name}-{kind}"


def _attached(stack: Deployed, kind: str) -> Result:
    where = {"TargetId": stack.desired.account, "Filter": POLICY_TYPES[kind]}
    listed = stack.aws.all("organizations", "list_policies_for_target", "Policies", **where)
    found = [policy["Id"] for policy in listed if policy["Name"] == _name(stack, kind)]
    if not found:
        return Result("it is not", False)
    content = stack.aws.get("organizations", "describe_policy", PolicyId=found[0])["Policy"]["Content"]
    attached, meant = _statements(json.loads(content)), _statements(documents(guarded(stack))[kind])
    return result(f"{len(attached)} statements refuse", [*_differences(attached, meant)])


def _differences(attached: Mapping[str, Any], meant: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*meant, *attached)):
        there, due = attached.get(name), meant.get(name)
        if there is None:
            yield f"{name} is missing"
        elif due is None:
            yield f"{name} is not asked for"
        elif there != due:
            members = {member for member in (*there, *due) if there.get(member) != due.get(member)}
            yield f"{name} has another {' and '.join(sorted(members))}"


def _statements(document: Mapping[str, Any]) -> dict[str, Any]:
    """The statements of a document by their names, in a form that doesn't tell how they are written."""
    return {each.get("Sid", ""): _form(each) for each in as_list(document["Statement"])}


def _form(value: Any) -> Any:
    """Members with their values as sets: an element and a list of it alone are the same, and order means nothing."""
    if isinstance(value, Mapping):
        return {member: _form(each) for member, each in value.items()}
    return frozenset(as_list(value))
