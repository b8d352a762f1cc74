"""Reusable checks for rules: what a property must be, what each entry of a list must be, what must be attached to what.

Each function yields a violation where a requirement isn't met: `otherwise` is its message, to which the path of
the property is added.
"""

from collections.abc import Callable
from typing import Any

from policy.findings import Findings, each, for_each
from policy.given import choices
from policy.iam_documents import Statement, readable
from policy.resources import Resource, Stack
from policy.schema import corrections
from private_inference.graph.existing import exists
from private_inference.graph.iam_documents import as_list
from private_inference.graph.schema import names_in
from private_inference.graph.values import Unknown, known

Requirement = Callable[[Any], bool]
"""Whether a value will do. It gets None for a property that is left out, and raises UnverifiableError for an unknown
that it can't do without."""


def require(resource: Resource, path: str, fits: Requirement, otherwise: str) -> Findings:
    """The property at a dotted path must fit. Raises UnverifiableError as `fits` does."""
    if not fits(resource.get(*path.split("."))):
        yield resource.violation(f"{otherwise} ({path})")


def require_each(resource: Resource, path: str, key: str, fits: Requirement, otherwise: str) -> Findings:
    """The property `key` of each entry of the list at `path` must fit. An unknown entry doesn't hide the others."""

    def wrong(place: str, entry: Any) -> str | None:
        return None if fits(entry.get(key)) else f"{otherwise} ({place}.{key})"

    yield from each(resource, resource.entries(path), wrong)


def require_values(resource: Resource, table: str, otherwise: str) -> Findings:
    """Properties must have the values that a table of corrections.json allows them.

    It has names that mean the same wherever they are given, and paths in types, where null stands for left out and
    "given" for any value; in a type's JSON text a path is a name. Values are compared without regard to case.
    """
    allowed = corrections()[table]
    of_type = allowed["of a type"].get(resource.type, {})
    of_any_type = {name.lower(): fit for name, fit in allowed["of any type"].items()}
    every = list(choices(resource))
    wanted = [(path, resource.get(*path.split(".")), fit) for path, fit in of_type.items()]
    named = [g for g in every if g.name.lower() in of_any_type and g.path not in of_type]
    wanted += [(given.path, given.value, of_any_type[given.name.lower()]) for given in named]
    read = tuple(f"{path}." for path in of_type)
    in_text = [g for g in every if g.name in of_type and g.path not in of_type and not g.path.startswith(read)]
    wanted += [(g.path, g.value, of_type[g.name]) for g in in_text]

    def judge(entry: tuple[str, Any, Any]) -> Findings:
        path, value, fit = entry
        if not _is_one_of(fit)(value):
            yield resource.violation(f"{otherwise} ({path}, which has to be {_said(fit)})")

    yield from for_each(wanted, judge)
    for given in every:
        if isinstance(given.value, Unknown) and names_in(resource.type, given.path) & {*of_any_type}:
            yield resource.unverified(given.path)


def _is_one_of(allowed: Any) -> Requirement:
    if allowed == "given":
        return lambda value: value is not None and value != []
    texts = {str(each).lower() for each in allowed}
    return lambda value: {str(known(each)).lower() for each in (as_list(value) or [None])} <= texts


def _said(allowed: Any) -> str:
    words = {None: "left out", True: "true", False: "false"}
    return "given" if allowed == "given" else " or ".join(words.get(each, each) for each in allowed)


def require_attached(stack: Stack, type_: str, attached: str, key: str, otherwise: str) -> Findings:
    """Each resource of `type_` must be named by one of the type `attached`, in that one's property `key`.

    What is there already is its owner's to close.
    """

    def judge(resource: Resource) -> Findings:
        if not stack.referring([attached], [key], resource):
            yield resource.violation(otherwise)

    yield from for_each((each for each in stack.all(type_) if not exists(each)), judge)


def each_allowing(
    resource: Resource, document: Any, wrong: Callable[[str, Statement], str | None], prefix: str = ""
) -> Findings:
    """Judge each statement of a policy document that allows something. `wrong` gets its label and itself, as in `each`.

    `prefix` begins the labels. Raises UnverifiableError if the document as a whole is unknown.
    """
    allowing = [(f"{prefix}{statement.label}", statement) for statement in readable(document) if statement.allows]
    yield from each(resource, allowing, wrong)


def is_true(value: Any) -> bool:
    return bool(value)


def is_on(value: Any) -> bool:
    """Fits a boolean that the provider takes as text, too."""
    return str(known(value)).lower() == "true"


def is_not_false(value: Any) -> bool:
    """Fits a property whose default is true."""
    return value is None or bool(value)


def is_customer_key(value: Any) -> bool:
    """Fits the name of a key that is not one of AWS's own by its alias, and an unknown: a reference to a resource."""
    return isinstance(value, Unknown) or (bool(value) and "alias/aws/" not in str(value))


def is_at_least(least: float) -> Requirement:
    """Fits a number, and not what is left out."""
    return lambda value: value is not None and bool(value >= least)


def is_not_empty(value: Any) -> bool:
    """Fits a list; its entries may be unknown."""
    return value is not None and len(value) > 0


def has_at_least(count: int) -> Requirement:
    """Fits a list of that many entries; they may be unknown."""
    return lambda value: value is not None and len(value) >= count
