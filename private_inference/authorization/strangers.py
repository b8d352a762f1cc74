"""Trusts of roles that do not say for whom an identity provider has to sign: a stranger takes the role, too.

Of an issuer that everybody gets tokens from, some claims tell whose a token is. A stranger has these as somebody else,
in the issuer's own form, for a pattern such as `repo:*` holds nobody off; all other claims are as he likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from private_inference.authorization.answer import Verdict, answer
from private_inference.authorization.decision import Question
from private_inference.authorization.escalation import Becoming, trust_of
from private_inference.authorization.escalation_ways import On, Way, Yields
from private_inference.authorization.federation import COGNITO, called, issuer, providers, signed_for, taking
from private_inference.authorization.model import PUBLIC, Account, Principal

ELSE = "somebody-else"
CLAIMS: Mapping[str, Mapping[str, str]] = {
    # https://docs.github.com/en/actions/reference/security/oidc
    "token.actions.githubusercontent.com": {
        "sub": f"repo:{ELSE}/any:ref:refs/heads/main",
        "repository": f"{ELSE}/any",
        "repository_id": "1",
        "repository_owner": ELSE,
        "repository_owner_id": "1",
        "job_workflow_ref": f"{ELSE}/any/.github/workflows/any.yml@refs/heads/main",
        "actor": ELSE,
        "actor_id": "1",
        "enterprise": ELSE,
        "enterprise_id": "1",
    },
    # https://docs.gitlab.com/ci/secrets/id_token_authentication/
    "gitlab.com": {
        "sub": f"project_path:{ELSE}/any:ref_type:branch:ref:main",
        "project_path": f"{ELSE}/any",
        "namespace_path": ELSE,
    },
    # https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/workload-identity-tokens
    "app.terraform.io": {"sub": f"organization:{ELSE}:project:any:workspace:any:run_phase:apply"},
    # A pool of somebody else's: https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html
    COGNITO: {"aud": f"us-east-1:{ELSE}"},
}
"""By issuer: claims that tell whose a token is, as a stranger has them."""
GUEST = {f"{COGNITO}:amr": ("unauthenticated",)}


def strangers(account: Account, roles: Iterable[Principal]) -> tuple[Sequence[Becoming], Sequence[str]]:
    """The strangers who take some roles, and what can't be read of it."""
    changes: list[Becoming] = []
    unread: list[str] = []
    for role in roles:
        if role.trust and role.trust.gap:
            unread.append(f"who may become {role.name} depends on {role.trust.gap}")
        for stranger in _of(role):
            action = taking(stranger.arn)
            answered = answer(account, Question(stranger, action, trust_of(account, role), PUBLIC))
            if answered.passes:
                way = Way(action.replace("sts:", "STS-"), Yields.ROLE, [(action, On.TARGET)])
                changes.append(Becoming(stranger, role.name, way, [answered]))
            elif answered.verdict is Verdict.UNVERIFIED:
                who = f"whether {stranger.name} may become {role.name}"
                unread += [f"{who} depends on {each}" for each in answered.needs]
    return changes, unread


def _of(role: Principal) -> Iterator[Principal]:
    """A stranger of each provider that a role trusts, and a guest, whom Cognito knows nothing of."""
    trust = role.trust
    if trust is None:
        return
    tested = {key.lower() for statement in trust.statements for _, key, _ in statement.tests}
    for provider in providers([trust]):
        name = issuer(provider)
        known = CLAIMS.get(name)
        theirs = {key: key.removeprefix(f"{name}:") for key in tested if key.startswith(f"{name}:")}
        claims = {key: (known[claim],) for key, claim in theirs.items() if known and claim in known}
        yield signed_for(provider, {**claims} if known else dict.fromkeys(theirs, (ELSE,)))
        if called(provider) == COGNITO:
            yield signed_for(provider, {**GUEST})
