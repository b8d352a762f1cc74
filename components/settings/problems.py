"""Explains what is wrong with a configuration: key, value, what is allowed, the fix."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

Location = tuple[str | int, ...]

_LONGEST_VALUE = 80
_NOT_ALLOWED = "is not allowed: "


class Problem(NamedTuple):
    """A contradiction between settings. `key` is relative to the checked group, such as `max` or `[1].name`."""

    key: str
    value: Any
    message: str
    """Continues «key: value …»."""


def raise_if_any(problems: Iterable[Problem]) -> None:
    """Raises one error with all `problems`, for a pydantic validator to pass on."""
    found = list(problems)
    if found:
        raise PydanticCustomError("problems", "several problems", {"found": found})


def explain(error: ValidationError, model: type[BaseModel], namespace: str) -> list[str]:
    """One line for each problem, with the full key as the user types it. Masks account ids in values.

    `namespace` is the project, which Pulumi puts before its keys.
    """
    by_key: dict[tuple[str, str], list[str]] = {}
    for details in error.errors(include_url=False):
        for key, value, message in _lines(details, model, namespace):
            messages = by_key.setdefault((key, value), [])
            if message not in messages:
                messages.append(message)
    sentences = [f"  {key}: {value}{_either(messages)}" for (key, value), messages in by_key.items()]
    return [sentence if sentence.endswith("?") else f"{sentence}." for sentence in sentences]


def _either(messages: Sequence[str]) -> str:
    return ", or ".join([messages[0], *(message.removeprefix(_NOT_ALLOWED) for message in messages[1:])])


def _lines(details: ErrorDetails, model: type[BaseModel], namespace: str) -> Iterator[tuple[str, str, str]]:
    """Key, value (followed by a space, or empty) and the rest of the sentence, for each problem in `details`."""
    location, known = _resolve(details["loc"], model)
    context = details.get("ctx", {})
    if details["type"] == "problems":
        for key, value, message in context["found"]:
            yield _key(namespace, (*location, *key.split("."))), f"{_value(value)} ", message
    elif details["type"] == "missing":
        *parents, name = location
        # Of a value that other settings make required, pydantic tells the field's own name.
        alias = to_camel(name) if isinstance(name, str) and "_" in name else name
        yield _key(namespace, (*parents, alias)), "", "is missing; add it"
    elif details["type"] == "extra_forbidden":
        yield _key(namespace, location), "", _unknown_key(str(location[-1]), known)
    else:
        yield _key(namespace, location), f"{_value(details['input'])} ", _what_is_allowed(details, context)


def _what_is_allowed(details: ErrorDetails, context: Mapping[str, Any]) -> str:
    """The rest of the sentence where a validator or one of pydantic's own checks failed."""
    kind = details["type"]
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"is not allowed; choose one of {context['expected'].replace(' or ', ', ')}"
    text = details["msg"].replace("valid tuple", "list").replace("tuple", "list")
    text = re.sub(r"valid dictionary( or instance of \w+)?", "mapping of keys to values", text)
    requirement = re.fullmatch(r"\w+ (should .*)", text)
    return _NOT_ALLOWED + (f"it {requirement[1]}" if requirement else f"{text[0].lower()}{text[1:]}")


def _unknown_key(key: str, known: Sequence[str]) -> str:
    close = get_close_matches(key, known, n=1)
    if close:
        return f"is not a setting; did you mean {close[0]}?"
    return f"is not a setting; the settings here are {', '.join(known)}"


def _key(namespace: str, location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else part if part.startswith("[") else f".{part}"
    text = text.removeprefix(".")
    return text if ":" in text else f"{namespace}:{text}"


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = re.sub(r"(?<!\d)\d{12}(?!\d)", "<account>", repr(value))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _resolve(location: Location, model: type[BaseModel]) -> tuple[Location, list[str]]:
    """`location` without what pydantic adds for members of unions, and the keys that its last model has."""
    kept: list[str | int] = []
    annotation: Any = model
    known: list[str] = []
    for part in location:
        if part == "[key]":  # of a mapping's key, which is the part before
            continue
        if get_origin(annotation) is dict:
            kept.append(part)
            annotation = get_args(annotation)[1]
            continue
        current = _model_in(annotation)
        if current is not None and isinstance(part, str):
            fields = {field.alias or name: field for name, field in current.model_fields.items()}
            known = list(fields)
            kept.append(part)
            annotation = fields[part].annotation if part in fields else None
        elif isinstance(part, int):
            kept.append(part)
    return tuple(kept), known


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
