"""The users and roles of an account as principals, with every policy that is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from private_inference.authorization.everyone import ROOT_USER
from private_inference.authorization.from_account.described import Described, Item
from private_inference.authorization.model import Kind, Policy, Principal, read_policy
from private_inference.authorization.patterns import glob
from private_inference.authorization.principal_keys import TAGS
from private_inference.graph.iam_documents import DocumentError, statements


class Identities:
    """The principals of an account. names: those of the stack's roles, by ARN."""

    def __init__(self, described: Described, names: Mapping[str, str]) -> None:
        self._described = described
        self._names = names
        self._groups = {each["GroupName"]: each for each in described.groups}
        self._managed = {each["Arn"]: _managed(each) for each in described.policies}
        self._handed_out = {arn: name for name, arn in described.handed_out.items()}

    def all(self) -> tuple[Principal, ...]:
        """The root user, users and roles."""
        account, partition = self._described.account, self._described.partition
        root = Principal(ROOT_USER, Kind.USER, f"arn:{partition}:iam::{account}:root", account, None)
        return (root, *map(self._user, self._described.users), *map(self._role, self._described.roles))

    def tagged(self, principals: Iterable[Principal], keys: Iterable[str]) -> Iterator[Principal]:
        """The principals with the values that they have for the keys of tags, where no session brings others."""
        tags = {
            raw["Arn"]: {f"{TAGS}{tag['Key']}".lower(): (tag["Value"],) for tag in raw.get("Tags", ())}
            for raw in (*self._described.users, *(r for r in self._described.roles if not _sessions_bring_tags(r)))
        }
        asked = sorted(keys)
        for each in principals:
            known = tags.get(each.arn) if asked else None
            own = {} if known is None else {key: known.get(key) for key in asked}
            yield replace(each, context={**each.context, **own}) if own else each

    def _user(self, user: Item) -> Principal:
        groups = [self._groups[name] for name in user.get("GroupList", ()) if name in self._groups]
        policies = [*self._own("user", user["UserName"], user.get("UserPolicyList", ()), user)]
        for group in groups:
            policies += self._own("group", group["GroupName"], group.get("GroupPolicyList", ()), group)
        policies += [
            Policy(f"group {name}", gap=f"the group {name} is not described")
            for name in user.get("GroupList", ())
            if name not in self._groups
        ]
        keys = {"aws:username": (user["UserName"],), "aws:userid": (user["UserId"],)}
        return self._principal(Kind.USER, user, policies, (user, *groups), keys)

    def _role(self, role: Item) -> Principal:
        policies = [*self._own("role", role["RoleName"], role.get("RolePolicyList", ()), role)]
        return self._principal(Kind.ROLE, role, policies, (role,), {"aws:username": None})

    def _principal(
        self,
        kind: Kind,
        raw: Item,
        policies: Sequence[Policy],
        attached_to: Sequence[Item],
        keys: Mapping[str, tuple[str, ...] | None],
    ) -> Principal:
        arn, boundary = raw["Arn"], raw.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        held = [each["PolicyArn"] for one in attached_to for each in one.get("AttachedManagedPolicies", ())]
        return Principal(
            self._names.get(arn, arn.split(":", 5)[5]),
            kind,
            arn,
            self._described.account,
            tuple(policies),
            self._policy(boundary) if boundary else None,
            keys,
            holds=tuple(sorted({self._handed_out[arn] for arn in held if arn in self._handed_out})),
            trust=read_policy(f"trust of {arn}", trust) if (trust := raw.get("AssumeRolePolicyDocument")) else None,
            groups=tuple(each["Arn"] for each in attached_to if "GroupName" in each),
            policies=tuple(each for each in dict.fromkeys(held) if f":{self._described.account}:" in each),
        )

    def _own(self, kind: str, name: str, inline: Sequence[Item], holder: Item) -> Iterator[Policy]:
        """The inline and the attached policies of a user, a group or a role."""
        for each in inline:
            yield read_policy(f"inline policy {each['PolicyName']} of {kind} {name}", each["PolicyDocument"])
        for each in holder.get("AttachedManagedPolicies", ()):
            yield self._policy(each["PolicyArn"])

    def _policy(self, arn: str) -> Policy:
        gap = f"the managed policy {arn} is not described"
        return self._managed.get(arn) or Policy(arn, gap=gap)


def _managed(policy: Item) -> Policy:
    """A managed policy, by the document of its default version."""
    name = f"policy {policy['Arn'].split(':', 5)[5].removeprefix('policy/')}"
    for version in policy.get("PolicyVersionList", ()):
        if version.get("VersionId") == policy.get("DefaultVersionId") and version.get("Document"):
            return read_policy(name, version["Document"])
    return Policy(name, gap=f"the document of {policy['Arn']} is not described")


def _sessions_bring_tags(role: Item) -> bool:
    """Whether a role's trust lets anybody tag its sessions.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
    """
    try:
        trust = statements(role["AssumeRolePolicyDocument"])
    except DocumentError:
        return True
    patterns: list[Any] = [action for each in trust if each.allows for action in each.actions]
    negative = any(each.not_actions for each in trust if each.allows)
    return negative or any(glob(str(each), ignore_case=True).matches("sts:TagSession") for each in patterns)
