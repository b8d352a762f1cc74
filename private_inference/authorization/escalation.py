"""Whom a principal may become: each way is a few calls, each decided for all requests as any other question.

What is known of a resource that has a role already is no more than that some role of the account trusts its service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from private_inference.authorization.answer import Answer, Verdict, answer
from private_inference.authorization.decision import Question
from private_inference.authorization.escalation_ways import WAYS, On, Way, Yields
from private_inference.authorization.everyone import label
from private_inference.authorization.granting import Granting
from private_inference.authorization.model import HOLDERS, PUBLIC, Account, Guard, Kind, Principal, Resource
from private_inference.authorization.questions import paths

EVERYTHING = "arn:{partition}:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Becoming:
    """That a principal may become somebody, and the answer for each call that it takes."""

    principal: Principal
    target: str
    way: Way
    answers: Sequence[Answer]

    @property
    def declared(self) -> bool:
        """Whether the settings declare the principal, so that this is known."""
        return bool(self.principal.declared)

    def __str__(self) -> str:
        actions = ", ".join(action for action, _ in self.way.calls)
        return f"{label(self.principal)} may become {self.target}, by {self.way.name} ({actions})"


def becoming(
    account: Account, principals: Iterable[Principal], targets: Callable[[Principal], bool] = lambda _: True
) -> tuple[Sequence[Becoming], Sequence[str]]:
    """Each way that leads a principal to somebody, with the first whom it leads to; and what can't be read of it.

    Whom it may lead to is one of `targets`, or it gives the principal itself what it has not.
    """
    changes: list[Becoming] = []
    unread: list[str] = []
    among = _Targets(account, [each for each in account.principals if each.identity is not None and targets(each)])
    for principal in principals:
        asking = _Asking(account, principal, among)
        changes += [found for way in WAYS if (found := asking.first(way)) is not None]
        unread += [f"whom {label(principal)} may become depends on {need}" for need in asking.needs]
    return changes, unread


def of_stack(account: Account) -> Iterator[Principal]:
    """The stack's roles, and whoever holds a policy that it hands out."""
    roles = {resource.arn for resource in account.resources if resource.kind == "role"}
    for each in account.principals:
        if each.arn in roles or each.holds or each.name.startswith(HOLDERS):
            yield each


def trust_of(account: Account, role: Principal) -> Resource:
    """A role as what its trust guards."""
    return Resource(role.name, role.arn, account.id, role.trust, Guard.NEEDED, "trust")


class _Targets:
    """Whom a way may lead to, as far as something grants the calls that are about them."""

    def __init__(self, account: Account, among: Sequence[Principal]) -> None:
        self._account, self._among = account, among
        self._trusts = Granting([_as_target(account, each, "sts:AssumeRole") for each in among])
        self._others = Granting([_as_target(account, each) for each in among])
        self._taken: dict[tuple[str, str], bool] = {}

    def of(self, principal: Principal, way: Way) -> Iterator[Principal]:
        """Those in question for a principal and a way."""
        kind = Kind.ROLE if way.yields is Yields.ROLE else Kind.USER
        places = set(range(len(self._among)))
        for action in (action for action, on in way.calls if on == On.TARGET):
            places &= set((self._trusts if action == "sts:AssumeRole" else self._others).to(principal, action))
        for each in (self._among[place] for place in sorted(places)):
            wanted = each.kind is kind and each.arn != principal.arn
            if wanted and (not way.service or self._takes(way.service, each)):
                yield each

    def _takes(self, service: str, role: Principal) -> bool:
        asked = (service, role.arn)
        if asked not in self._taken:
            here = Principal(service, Kind.SERVICE, context={"aws:sourceaccount": (self._account.id,)})
            question = Question(here, "sts:AssumeRole", trust_of(self._account, role), PUBLIC)
            self._taken[asked] = answer(self._account, question).verdict is Verdict.ALLOWED
        return self._taken[asked]


def _as_target(account: Account, target: Principal, action: str = "") -> Resource:
    if action == "sts:AssumeRole":
        return trust_of(account, target)
    return Resource(target.name, target.arn, account.id)


class _Asking:
    def __init__(self, account: Account, principal: Principal, among: _Targets) -> None:
        self._account, self._principal, self._among = account, principal, among
        self.needs: dict[str, None] = {}
        """What answers that are neither yes nor no depend on."""
        self._names = {"partition": account.partition, "account": account.id}

    def first(self, way: Way) -> Becoming | None:
        """The first whom a way leads to."""
        fixed = [each for each in way.calls if each[1] != On.TARGET]
        # Most ways fail at a call that is the same for all targets.
        if not all(self._allowed(action, on, None, way) for action, on in fixed):
            return None
        others = way.yields in (Yields.ROLE, Yields.USER)
        for target in self._among.of(self._principal, way) if others else [None]:
            answers = [self._allowed(action, on, target, way) for action, on in way.calls]
            if all(answers):
                name = target.name if target else str(way.yields)
                return Becoming(self._principal, name, way, tuple(filter(None, answers)))
        return None

    def _allowed(self, action: str, on: str, target: Principal | None, way: Way) -> Answer | None:
        """An answer that a call is allowed, over whatever path."""
        known = {"iam:PassRole": {"iam:passedtoservice": (way.service,)}}.get(action, self._attached(action))
        asking = replace(self._principal, context={**self._principal.context, **known})
        for resource in self._about(on, target, action):
            for path in paths(self._account, asking, action):
                found = answer(self._account, Question(asking, action, resource, path))
                if found.passes:
                    return found
                self.needs |= dict.fromkeys(found.needs)
        return None

    def _attached(self, action: str) -> Mapping[str, tuple[str, ...]]:
        """What is attached has to allow everything."""
        attaches = action.startswith("iam:Attach")
        return {"iam:policyarn": (EVERYTHING.format(**self._names),)} if attaches else {}

    def _about(self, on: str, target: Principal | None, action: str) -> Iterator[Resource]:
        me, account = self._principal, self._account.id
        own = {
            On.OWN_USER: (me.arn,) if me.kind is Kind.USER else (),
            On.OWN_ROLE: (me.arn,) if me.kind is Kind.ROLE else (),
            On.OWN_GROUP: me.groups,
            On.OWN_POLICY: me.policies,
        }
        if on == On.TARGET:
            if target is not None:
                yield _as_target(self._account, target, action)
        elif on in list(own):
            yield from (Resource(arn, arn, account) for arn in own[On(on)])
        else:
            yield Resource(on, on.format(**self._names), account)
