"""What is attached to a stack's account, changed in each way that makes it refuse less, or something else."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from components.settings.perimeter import POLICY_TYPES
from private_inference.verification import Check, Verdict, perimeter
from private_inference.verification.checks import evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.reader import Reader
from tests.support.recording import ACCOUNT
from tests.verification.verified import Deployment

Document = dict[str, Any]


def statements(stack: Deployment, kind: str) -> set[str]:
    """Those of the stack's attached policy of a kind, by their names."""
    content = _organizations(stack).describe_policy(PolicyId=attached(stack, kind))["Policy"]["Content"]
    return {each["Sid"] for each in json.loads(content)["Statement"]}


def assert_each_change_is_missed(stack: Deployment, kind: str) -> None:
    """Each way to change the attached policy is made alone and has to be told; what is mended is found so again."""
    client, policy = _organizations(stack), attached(stack, kind)
    content = client.describe_policy(PolicyId=policy)["Policy"]["Content"]
    wrong = {}
    for change, fault, other in _loosened(json.loads(content)):
        client.update_policy(PolicyId=policy, Content=json.dumps(other))
        check = looked_at(stack, kind)
        if (check.verdict, check.seen) != (Verdict.MISS, fault):
            wrong[change] = check.seen
    client.update_policy(PolicyId=policy, Content=content)
    assert wrong == {}, wrong
    assert looked_at(stack, kind).verdict is Verdict.OK


def looked_at(stack: Deployment, kind: str) -> Check:
    """What is said of the attached policy of a kind."""
    there = Deployed(stack.desired, Reader(stack.client))
    (found,) = [each for each in perimeter.assertions(there) if each.text.startswith(f"{stack.desired.name}-{kind} ")]
    return evaluate(found)


def attached(stack: Deployment, kind: str) -> str:
    """Id of the stack's own policy of a kind."""
    listed = _organizations(stack).list_policies_for_target(TargetId=ACCOUNT, Filter=POLICY_TYPES[kind])["Policies"]
    (policy,) = [each["Id"] for each in listed if each["Name"] == f"{stack.desired.name}-{kind}"]
    return str(policy)


def _organizations(stack: Deployment) -> Any:
    return stack.client("organizations")


def _loosened(whole: Document) -> Iterator[tuple[str, str, Document]]:
    """Each change, what has to be said of it, and the document with it."""
    found = whole["Statement"]
    for position, statement in enumerate(found):
        name, before, after = statement["Sid"], found[:position], found[position + 1 :]
        yield f"{name} is out", f"{name} is missing", {**whole, "Statement": [*before, *after]}
        for member, change, other in _changed(statement):
            fault = f"{name} has another {member}"
            yield f"{name}: {member} {change}", fault, {**whole, "Statement": [*before, other, *after]}
    more = {**found[0], "Sid": "Another"}
    yield "one more", "Another is not asked for", {**whole, "Statement": [*found, more]}


def _changed(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, Document]]:
    """The member that is changed, how, and the statement with it."""
    yield "Effect", "allows", {**statement, "Effect": "Allow"}
    for member in ("Action", "Resource"):
        first, *others = statement[member]
        yield member, "lacks the first", {**statement, member: others or [f"{first}x"]}
    for operator, tests in statement["Condition"].items():
        for key, value in tests.items():
            values = value if isinstance(value, list) else [value]
            for change, instead in (
                ("is off", {}),
                ("has a value more", {operator: {key: [*values, "more"]}}),
                ("may be absent", {f"{operator}IfExists": {key: value}}),
            ):
                condition = deepcopy(statement["Condition"])
                del condition[operator][key]
                for name, test in instead.items():
                    condition.setdefault(name, {}).update(test)
                kept = {name: test for name, test in condition.items() if test}
                yield "Condition", f"{operator} of {key} {change}", {**statement, "Condition": kept}
