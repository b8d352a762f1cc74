"""Principals whom an identity provider signs for, and who take roles by what it says of them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html (the keys of each provider)
and id_roles_providers.html there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from private_inference.authorization.model import Kind, Policy, Principal
from private_inference.authorization.patterns import glob

COGNITO = "cognito-identity.amazonaws.com"
OTHERS = ("oidc-provider/another.example", "saml-provider/another")
"""Providers that no document names."""


def federated(documents: Iterable[Policy]) -> Iterator[Principal]:
    """Whom each provider signs for that documents name, or another, whatever it says.

    It says nothing in another one's words.
    """
    every = list(documents)
    named = [*providers(every), *(f"arn:aws:iam:::{each}" for each in OTHERS)]
    keys = {key.lower() for policy in every for statement in policy.statements for _, key, _ in statement.tests}
    for provider in named:
        others = tuple(f"{issuer(each)}:" for each in named if issuer(each) != issuer(provider))
        yield signed_for(provider, dict.fromkeys(key for key in keys if key.startswith(others)))


def signed_for(provider: str, context: dict[str, tuple[str, ...] | None]) -> Principal:
    """Whom a provider signs for with some keys.

    Every token says of whom it is, and for whom: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    """
    name = "any other identity provider" if provider.endswith(OTHERS) else called(provider)
    bounds = {f"{issuer(provider)}:{claim}": glob("?*") for claim in ("sub", "aud")}
    return Principal(f"anybody whom {name} signs for", Kind.FEDERATED, provider, context=context, bounds=bounds)


def providers(documents: Iterable[Policy]) -> list[str]:
    """The providers that documents allow something to, by name."""
    return sorted(
        {
            name
            for policy in documents
            for statement in policy.statements
            for kind, name in zip(statement.kinds, statement.principals, strict=True)
            if kind == "Federated" and isinstance(name, str) and name != "*"
        }
    )


def called(provider: str) -> str:
    """A provider by its name, without account."""
    return provider.split(":", 5)[-1].removeprefix("oidc-provider/")


def issuer(provider: str) -> str:
    """What the keys of a provider begin with, in lower case."""
    return "saml" if is_saml(provider) else called(provider).lower()


def is_saml(provider: str) -> bool:
    return ":saml-provider/" in provider


def taking(provider: str) -> str:
    """The action by which one takes a role whom a provider signs for."""
    return "sts:AssumeRoleWithSAML" if is_saml(provider) else "sts:AssumeRoleWithWebIdentity"
