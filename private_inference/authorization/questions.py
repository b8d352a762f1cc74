"""All questions about some resources: everybody, every action that opens them, every path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from private_inference.authorization.actions import ACTIONS, serves
from private_inference.authorization.decision import Question
from private_inference.authorization.everyone import everyone
from private_inference.authorization.federation import taking
from private_inference.authorization.granting import Granting
from private_inference.authorization.model import PUBLIC, Account, Kind, Path, Principal, Resource


def questions(
    account: Account,
    resources: Callable[[Resource], bool] = lambda _: True,
    principals: Callable[[Principal], bool] = lambda _: True,
    actions: Callable[[str], bool] = lambda _: True,
) -> Iterator[Question]:
    """The questions about the resources, principals and actions that are wanted."""
    asking = [each for each in everyone(account) if principals(each)]
    for resource in account.resources:
        for action in ACTIONS[resource.kind] if resources(resource) else ():
            for principal in (each for each in asking if asks(each, action)) if actions(action) else ():
                for path in paths(account, principal, action):
                    yield Question(principal, action, resource, path)


def open_questions(
    account: Account, resources: Sequence[Resource], also: Callable[[Principal, str], Collection[str]]
) -> tuple[Sequence[Question], int]:
    """The questions about some resources that something may grant, and how many there are with all others: denied.

    also: the names of the resources that a principal is asked about for an action in any case.
    """
    asking = list(everyone(account))
    granting, kinds = Granting(resources), Counter(each.kind for each in resources)
    asked: dict[tuple[int, str], list[Principal]] = {}
    count = 0
    for action in dict.fromkeys(action for kind in kinds for action in ACTIONS[kind]):
        places = {place: each.name for place, each in enumerate(resources) if action in ACTIONS[each.kind]}
        named: dict[str, list[int]] = {}
        for place, name in places.items():
            named.setdefault(name, []).append(place)
        for principal in (each for each in asking if asks(each, action)):
            count += len(places) * len(paths(account, principal, action))
            wanted = [place for name in also(principal, action) for place in named.get(name, ())]
            for place in {*granting.to(principal, action), *wanted} & places.keys():
                asked.setdefault((place, action), []).append(principal)
    return [
        Question(principal, action, resource, path)
        for place, resource in enumerate(resources)
        for action in ACTIONS[resource.kind]
        for principal in asked.get((place, action), ())
        for path in paths(account, principal, action)
    ], count


def asks(principal: Principal, action: str) -> bool:
    """Whether a principal can ask for an action at all: who comes by a provider takes roles so, and nothing else."""
    if principal.kind is Kind.FEDERATED:
        return action == taking(principal.arn)
    return not action.startswith("sts:AssumeRoleWith")


def paths(account: Account, principal: Principal, action: str) -> Sequence[Path]:
    """How a principal's requests for an action can come: those of AWS's services come through no endpoint."""
    if principal.kind is Kind.SERVICE:
        return [PUBLIC]
    return [path for path in account.paths if not path.service or serves(path.service, action)]
