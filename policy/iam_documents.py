"""IAM policy documents as rules judge them: how much each statement grants, and to whom."""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from typing import Any

from policy.resources import Resource, Stack
from private_inference.graph import iam_documents
from private_inference.graph.iam_documents import DocumentError, as_list
from private_inference.graph.values import known

BOUNDING_RESOURCES = ("aws:resourcetag/", "aws:resourceaccount", "aws:resourceorgid", "ec2:subnet", "ec2:vpc")
"""Condition keys (or their beginnings) that bound what `*` as a resource means."""

BOUNDING_PRINCIPALS = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "kms:calleraccount",
    "sns:endpoint",
)
"""Condition keys that bound who `*` as a principal is. An organization is many accounts."""

CONFUSED_DEPUTY = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html"""

_REQUIRING = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")
"""Operators that a request without the key, or with another value, fails."""


class Statement(iam_documents.Statement):
    """A statement, and how much it grants to whom."""

    @property
    def services(self) -> list[Any]:
        """The principals that are AWS services."""
        named = zip(self.kinds, self.principals, strict=True)
        return [principal for kind, principal in named if kind == "Service"]

    @property
    def tests(self) -> Iterator[tuple[str, str, Any]]:
        """The tests of the condition, with operator and key in lower case: IAM takes them in any."""
        for operator, key, value in super().tests:
            yield operator.lower(), key.lower(), value

    @property
    def names_principals(self) -> bool:
        """Whether it says whom it is about: one of a resource's policy does, one of an identity's does not."""
        return bool(self.principals or self.not_principals)

    def grants(self, action: str) -> bool:
        """Whether the statement names an action, with wildcards or by leaving it out of NotAction."""
        if self.not_actions:
            return not matches_any(self.not_actions, action)
        return matches_any(self.actions, action)

    def requires(self, keys: Iterable[str]) -> bool:
        """Whether a condition holds only for some values of one of the keys (or keys that begin so)."""
        wanted = tuple(keys)
        return any(
            operator.removeprefix("foranyvalue:") in _REQUIRING and key.startswith(wanted) and not _anything(value)
            for operator, key, value in self.tests
        )

    @property
    def requires_subject(self) -> bool:
        """Whether a condition holds only for some subjects of an identity provider: more than a prefix that all have.

        Sources: https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html and
        https://docs.github.com/en/actions/reference/security/oidc (what the `sub` of each looks like).
        """
        return any(
            key.endswith(":sub") and self.requires([key]) and not any(_any_subject(each) for each in as_list(value))
            for _, key, value in self.tests
        )

    @property
    def any_resource(self) -> bool:
        """Whether it says `*`, or an ARN that names no resource, without a condition that bounds it."""
        unbounded = bool(self.not_resources) or any(_no_resource(arn) for arn in self.resources)
        return unbounded and not self.requires(BOUNDING_RESOURCES)

    @property
    def anyone(self) -> bool:
        """Whether its principal is everyone, without a condition that bounds it."""
        everyone = bool(self.not_principals) or any(_everyone(each) for each in self.principals)
        return everyone and not self.requires(BOUNDING_PRINCIPALS)


def statements(document: Any) -> list[Statement]:
    """The statements of a document. Raises UnverifiableError if it isn't known yet, DocumentError if it is none."""
    return [Statement(**vars(each)) for each in iam_documents.statements(document)]


def matches(pattern: Any, action: str) -> bool:
    """Whether an action's name fits a pattern with `*` and `?`, as IAM compares them."""
    text = str(known(pattern)).lower().replace("[", "[[]")
    return fnmatch.fnmatchcase(action.lower(), text)


def matches_any(patterns: Iterable[Any], action: str) -> bool:
    return any(matches(pattern, action) for pattern in patterns)


def _anything(value: Any) -> bool:
    """Whether a condition's value holds for everyone: wildcards alone, or an ARN of any account."""
    return any(set(str(known(each))) <= {"*", "?"} or _of_any_account(str(known(each))) for each in as_list(value))


def _of_any_account(text: str) -> bool:
    account = (text.split(":", 5) + [""] * 5)[4]
    return text.startswith("arn:") and bool(account) and not account.strip("*?").isdigit()


SUBJECTS = ("repo:", "system:serviceaccount:", "project_path:", "organization:")
"""How the subjects of GitHub, Kubernetes, GitLab and HCP Terraform begin."""


def _any_subject(value: Any) -> bool:
    literal = re.split(r"[*?]", str(known(value)), maxsplit=1)[0]
    return literal in ("", *SUBJECTS)


def _no_resource(arn: Any) -> bool:
    """`*`, or an ARN whose resource is a wildcard from its first character."""
    text = str(known(arn))
    return set(text) <= {"*", "?"} or (text.startswith("arn:") and set(text.split(":", 5)[-1]) <= {"*", "?", "/", ":"})


def _everyone(principal: Any) -> bool:
    """`*`, and any ARN with a wildcard for the account."""
    text = str(known(principal))
    return (bool(text) and set(text) <= {"*", "?"}) or (_of_any_account(text) and "*" in text)


CALLER = re.compile(r"arn:[^:*?]+:iam::\d{12}:(role|user)/[^*?]+")
"""A role or a user by its ARN: not an account, which is everybody in it."""


def names_callers(statement: Statement) -> bool:
    """Whether a trust is for roles and users by their ARNs, with an external id, through VPC endpoints that it names.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
    """
    named = bool(statement.principals) and not statement.not_principals
    return (
        named
        and all(CALLER.fullmatch(str(known(each))) for each in statement.principals)
        and statement.requires(["sts:externalid"])
        and statement.requires(["aws:sourcevpce"])
    )


def document_problem(document: Any) -> str | None:
    """What is wrong with a document's form. Raises UnverifiableError if it isn't known yet."""
    try:
        statements(document)
    except DocumentError as error:
        return str(error)
    return None


def readable(document: Any) -> list[Statement]:
    """The statements, or none of a malformed document, which `policies_are_documents` reports."""
    try:
        return statements(document)
    except DocumentError:
        return []


def statements_on(stack: Stack, resource: Resource, attached: str, key: str) -> Iterator[Statement]:
    """The statements of a resource's own policy and of the policies of the type `attached` that name it by `key`."""
    for holder in [*stack.referring([attached], [key], resource), resource]:
        yield from readable(holder.get("policy"))
