"""Who may do what over which path, for a reader: the table of what is allowed, or one answer with its reasons."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from private_inference.authorization.administrators import becoming_administrators
from private_inference.authorization.alike import grouped
from private_inference.authorization.answer import Verdict, answer
from private_inference.authorization.escalation import Becoming, becoming, of_stack
from private_inference.authorization.everyone import everyone, label
from private_inference.authorization.intent import Intent, Judged, judged
from private_inference.authorization.model import Account, Organization, Policy, Principal, Resource, level, read_policy
from private_inference.authorization.questions import questions
from private_inference.authorization.strangers import strangers

if TYPE_CHECKING:
    from rich.console import RenderableType

STYLES = {
    "required": "green",
    "permitted": "dim",
    "assumed": "yellow",
    "allowed": "",
    "denied": "dim",
    "unreached": "yellow",
    "unverified": "bold yellow",
    "missing": "bold red",
    "surplus": "bold red",
    "declared": "yellow",
}
FEW = 12
"""Answers that are all shown with their reasons."""
MANY = 50
"""Principals that are told to who asks for none of them."""


class WhoError(ValueError):
    """Bad values of the options of `who`; the message names the possible ones."""


def under(account: Account, scps: Sequence[Path], rcps: Sequence[Path]) -> Account:
    """The account below policies of an organization, further ones than the program attaches. Raises WhoError."""
    declared = account.organization
    further = [level([_file(each) for each in files]) for files in (scps, rcps)]
    organization = Organization((*declared.scps, *further[0]), (*declared.rcps, *further[1]))
    return replace(account, organization=organization)


def _file(path: Path) -> Policy:
    try:
        policy = read_policy(path.name, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WhoError(f"{path} can't be read: {error.strerror}. Give a file with a policy document.") from None
    if policy.gap:
        raise WhoError(f"{path} is no policy document: {policy.gap}")
    return policy


def ask(account: Account, intent: Intent, action: str, resource: str, principal: str) -> Sequence[Judged]:
    """The answers about what fits, judged where the intent is about it. Raises WhoError where nothing fits.

    Of an account of which all principals are known, those that are alike are asked about together.
    """
    account = grouped(account) if account.complete else account
    asked = questions(
        account,
        lambda each: _is(each, resource),
        lambda each: any(fnmatchcase(name, principal) for name in _called(each)),
        lambda each: fnmatchcase(each.lower(), action.lower()),
    )
    found = [judged(intent, answer(account, question)) for question in asked]
    if not found:
        _refuse(account, action, resource, principal)
    return found


def ways(account: Account, action: str, resource: str, principal: str) -> tuple[Sequence[Becoming], Sequence[str]]:
    """Whom those may become who are asked about by name, and what of it can't be read.

    By no name: the stack's own, and who else becomes one of the declared administrators. Nobody is asked about if the
    question is narrower.
    """
    if (action, resource) != ("*", "*"):
        return [], []
    if principal != "*":
        named = (each for each in account.principals if fnmatchcase(each.name, principal))
        return becoming(account, (each for each in named if each.identity is not None))
    stack = list(of_stack(account))
    found = (becoming(account, stack), strangers(account, stack), becoming_administrators(account))
    return [change for changes, _ in found for change in changes], [need for _, needs in found for need in needs]


def _is(resource: Resource, wanted: str) -> bool:
    names = (resource.name, resource.called)
    return any(fnmatchcase(name, wanted) for name in names) or (wanted != "*" and fnmatchcase(resource.arn, wanted))


def _called(principal: Principal) -> tuple[str, ...]:
    return (label(principal), principal.name, *principal.members)


def _refuse(account: Account, action: str, resource: str, principal: str) -> None:
    resources = [each for each in account.resources if _is(each, resource)]
    if not resources:
        names = sorted({each.name for each in account.resources})
        raise WhoError(f"no resource is {resource!r}; it may be one of: {', '.join(names)}")
    who = list(everyone(account))
    if not any(fnmatchcase(name, principal) for each in who for name in _called(each)):
        every = sorted({label(each) for each in who})
        more = f" and {len(every) - MANY} more" if len(every) > MANY else ""
        raise WhoError(f"no principal is {principal!r}; it may be one of: {', '.join(every[:MANY])}{more}")
    actions = sorted({each.action for each in questions(account, lambda one: one in resources)})
    raise WhoError(f"no action is {action!r} on {resource!r}; it may be one of: {', '.join(actions)}")


def state(each: Judged) -> str:
    """An answer in one word."""
    if each.missing or each.surplus or each.declared:
        return "missing" if each.missing else "surplus" if each.surplus else "declared"
    if each.answer.verdict is Verdict.ALLOWED and each.expectation is not None:
        return str(each.expectation.expected)
    return str(each.answer.verdict)


def render(found: Sequence[Judged], changes: Sequence[Becoming] = ()) -> "RenderableType":
    """The answers as a table: a few all with their reasons, of many those that are not denied."""
    from rich.console import Group
    from rich.text import Text

    from private_inference.cli.tables import table

    few = len(found) <= FEW
    shown = table("Who", "May", "On", "Over", "", *(["Because"] if few else []), title="Who may", show_lines=True)
    for (principal, resource, word, because), actions, paths in _rows(
        [x for x in found if few or state(x) != "denied"]
    ):
        listed: list[str | Text] = [principal, "\n".join(actions), resource, "\n".join(paths)]
        shown.add_row(*listed, Text(word, STYLES[word]), *([because] if few else []))
    denied = sum(state(each) == "denied" for each in found)
    rest = Text(f"{len(found)} answers, each for all requests. Proved denied: {denied}.", "dim")
    why = dict.fromkeys(each.expectation.why for each in found if each.assumed and each.expectation)
    known = dict.fromkeys((label(one), one.declared) for each in found if each.declared for one in [_asking(each)])
    may_become = [Text(f"✗ surplus: {each}", "bold red") for each in changes if not each.declared]
    known |= {(str(each), each.principal.declared): None for each in changes if each.declared}
    kept = {(_asking(each).name, each.answer.barrier.why): None for each in found if each.answer.barrier}
    notes = [*(f"{who}: {why}" for who, why in kept)] if not few else []
    notes += [*(f"assumed: {one}" for one in why), *(f"declared: {who}: {reason}" for who, reason in known)]
    return Group(shown, rest, *may_become, *(Text(f"? {note}", "yellow") for note in notes))


def _asking(each: Judged) -> Principal:
    return each.answer.question.principal


Row = tuple[tuple[str, str, str, str], Sequence[str], Sequence[str]]


def _rows(found: Sequence[Judged]) -> Iterator[Row]:
    """The answers with one principal, resource, word and reason, and the same actions over the same paths, together."""
    paths: dict[tuple[str, str, str, str, str], list[str]] = {}
    for each in found:
        question = each.answer.question
        key = (label(question.principal), question.resource.called, state(each), reasons(each), question.action)
        paths.setdefault(key if len(found) <= FEW else (*key[:3], "", key[4]), []).append(question.path.name)
    actions: dict[tuple[tuple[str, str, str, str], tuple[str, ...]], list[str]] = {}
    for (principal, resource, word, because, action), over in paths.items():
        actions.setdefault(((principal, resource, word, because), tuple(over)), []).append(action)
    yield from ((key, done, over) for (key, over), done in actions.items())


def reasons(each: Judged) -> str:
    """What an answer rests on: the request that passes, and where its packets don't; what is not known; what denies."""
    found, witness = each.answer, each.answer.witness
    if witness is not None:
        carried = [f"{key} = {', '.join(value)}" for key, value in witness.context.items()]
        network = [f"but {found.barrier.why}"] if found.barrier else []
        return "\n".join([*(witness.statements or ["policies of the principal's own"]), *carried, *network])
    if found.verdict is Verdict.UNVERIFIED:
        return "\n".join(found.needs)
    return "\n".join(found.blockers) or "nothing allows it"


def as_json(found: Sequence[Judged], changes: Sequence[Becoming] = ()) -> str:
    """The answers for machines."""
    return json.dumps([*map(_as_json, found), *map(_change_as_json, changes)], indent=2)


def _change_as_json(change: Becoming) -> dict[str, Any]:
    return {
        "principal": label(change.principal),
        "mayBecome": change.target,
        "way": change.way.name,
        "actions": [action for action, _ in change.way.calls],
        "state": "declared" if change.declared else "surplus",
        "why": change.principal.declared,
        "allowedBy": list(dict.fromkeys(s for each in change.answers if each.witness for s in each.witness.statements)),
    }


def _as_json(each: Judged) -> dict[str, Any]:
    question, witness = each.answer.question, each.answer.witness
    return {
        "principal": label(question.principal),
        "principals": list(question.principal.members) or [label(question.principal)],
        "action": question.action,
        "resource": question.resource.name,
        "arn": question.resource.arn,
        "accessPoint": question.resource.through.name if question.resource.through else "",
        "path": question.path.name,
        "verdict": str(each.answer.verdict),
        "state": state(each),
        "why": each.expectation.why if each.expectation else question.principal.declared if each.declared else "",
        "network": each.answer.barrier.why if each.answer.barrier else "",
        "needs": list(each.answer.needs),
        "deniedBy": list(each.answer.blockers),
        "witness": witness
        and {
            "resource": witness.resource,
            "context": {key: list(value) for key, value in witness.context.items()},
            "absent": list(witness.absent),
            "allowedBy": list(witness.statements),
        },
    }
