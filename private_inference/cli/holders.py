"""Which workloads of a program have a role, as far as it tells all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from private_inference.graph import types
from private_inference.graph.resources import Graph, Resource
from private_inference.graph.values import Unknown

GIVEN: Mapping[str, str] = {
    types.FUNCTION: "role",
    types.SAGEMAKER_MODEL: "executionRoleArn",
    types.INSTANCE: "iamInstanceProfile",
    types.INSTANCE_PROFILE: "role",
    types.CONTAINER_SERVICE: "taskDefinition",
    types.TASK_DEFINITION: "taskRoleArn",
}
"""By type: the property that gives it a role, or what gives it one."""
BETWEEN = (types.INSTANCE_PROFILE, types.TASK_DEFINITION)
"""Types that are no workloads, and whose role those have that name them."""
SAYING = (
    types.IAM_ROLE,
    types.IAM_ROLE_POLICY,
    types.IAM_ROLE_POLICY_ATTACHMENT,
    types.IAM_POLICY_ATTACHMENT,
    types.IAM_POLICY,
    types.KMS_GRANT,
)
"""Types that say something about a role, and run nothing with it."""


class Holders:
    """The holders of roles among a program's resources, whose ids and ARNs are known or symbols."""

    def __init__(self, graph: Graph[Resource]) -> None:
        given = graph.all(types.IAM_ROLE, *BETWEEN)
        wanted, urns = {value: each.urn for each in given for value in _names(each)}, {each.urn for each in given}
        roles = {str(each.get("name")): each.urn for each in given if isinstance(each.get("name"), str)}
        self._users: dict[str, list[tuple[Resource, str]]] = {}
        """By URN of a role, or of what stands between: who names it, by which property."""
        for resource in graph:
            for key, value in resource.properties.items() if resource.type not in SAYING else ():
                # A profile has its role by name, which elsewhere is many a thing's.
                named = [wanted[text] for text in _texts(value) if text in wanted]
                named += [roles[value]] if resource.type == types.INSTANCE_PROFILE and value in roles else []
                if _has_unknown(value):
                    named += [urn for urn in resource.sources.get(key, ()) if urn in urns]
                for urn in dict.fromkeys(each for each in named if each != resource.urn):
                    self._users.setdefault(urn, []).append((resource, key))

    def of(self, role: Resource) -> Sequence[Resource] | None:
        """The workloads that have a role; None where something has it that isn't known to be one of these."""
        found: list[Resource] = []
        for resource, key in self._users.get(role.urn, ()):
            if GIVEN.get(resource.type) != key:
                return None
            if resource.type not in BETWEEN:
                found.append(resource)
            elif (through := self.of(resource)) is None:
                return None
            else:
                found += through
        return found


def _names(resource: Resource) -> Iterator[str]:
    """What others call a resource: a role by its ARN alone."""
    for key in ("arn",) if resource.type == types.IAM_ROLE else ("arn", "name", "id", "family"):
        if isinstance(value := resource.get(key), str) and value:
            yield value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_unknown, value))
    return isinstance(value, Unknown)
