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
    among = [each for each in account.principals if each.identity is not None and targets(each)]
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


class _Asking:
    def __init__(self, account: Account, principal: Principal, among: Sequence[Principal]) -> None:
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
        for target in self._targets(way):
            answers = [self._allowed(action, on, target, way) for action, on in way.calls]
            if all(answers):
                name = target.name if target else str(way.yields)
                return Becoming(self._principal, name, way, tuple(filter(None, answers)))
        return None

    def _targets(self, way: Way) -> Iterator[Principal | None]:
        kinds = {Yields.ROLE: Kind.ROLE, Yields.USER: Kind.USER}
        if way.yields not in kinds:
            yield None
            return
        for each in self._among:
            wanted = each.kind is kinds[way.yields] and each.arn != self._principal.arn
            if wanted and (not way.service or self._takes(way.service, each)):
                yield each

    def _takes(self, service: str, role: Principal) -> bool:
        here = Principal(service, Kind.SERVICE, context={"aws:sourceaccount": (self._account.id,)})
        question = Question(here, "sts:AssumeRole", trust_of(self._account, role), PUBLIC)
        return answer(self._account, question).verdict is Verdict.ALLOWED

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
                taken = action == "sts:AssumeRole"
                yield trust_of(self._account, target) if taken else Resource(target.name, target.arn, account)
        elif on in list(own):
            yield from (Resource(arn, arn, account) for arn in own[On(on)])
        else:
            yield Resource(on, on.format(**self._names), account)
