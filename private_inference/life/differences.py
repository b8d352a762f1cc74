"""What differs between a resource's old outputs and its new inputs, and the calls that any service has for its tags."""

from collections.abc import Callable, Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.requests import pairs

State = Mapping[str, Any]

Update = Callable[[Account, State, Inputs], None]
"""Makes AWS's resource what the new inputs say. Takes the old outputs with their `id`."""


def retag(
    state: State,
    inputs: Inputs,
    where: Mapping[str, Any],
    add: Callable[..., Any],
    remove: Callable[..., Any],
    form: Callable[[Mapping[str, str]], Any] = pairs,
    names: tuple[str, str] = ("Tags", "TagKeys"),
) -> None:
    """Remove the tags that are gone, and set those that are new or others. `names` are the calls' parameters."""
    before, after = state.get("tagsAll") or {}, inputs.tags
    if gone := sorted(before.keys() - after.keys()):
        remove(**where, **{names[1]: gone})
    if new := {key: value for key, value in after.items() if before.get(key) != value}:
        add(**where, **{names[0]: form(new)})


def differs(state: State, inputs: Inputs, name: str) -> bool:
    """Whether a property is another. One that the program leaves out is false or empty in the state."""
    return (inputs.get(name) or None) != (state.get(name) or None)
