"""How properties that a rule could not verify travel from the policy pack to whoever runs it.

A pack can pass them on in the text of a diagnostic only: what the SDK sends for a rule that met an unknown value has no
other field of ours (pulumi_policy 1.21, `policy.py`, `_PolicyAnalyzerServicer.Analyze`). So the text has a sentence for
each property, for people who run the pack with the Pulumi CLI, and its last line says the same as JSON.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

NOT_VERIFIED = "cannot be verified before deployment: "
"""Begins each sentence about a property which a rule has to know and doesn't."""


@dataclass(frozen=True)
class Unverified:
    """A property that a rule has to know and doesn't: its path, and its resource's URN."""

    urn: str
    property: str

    def __str__(self) -> str:
        return f"{NOT_VERIFIED}{self.property}"


def encode(unverified: Iterable[Unverified]) -> str:
    """The text that carries the properties: sentences, and JSON in the last line."""
    listed = list(unverified)
    sentences = [f"{each} of {each.urn}" for each in listed]
    return "\n".join(["", *sentences, json.dumps({"unverified": [asdict(each) for each in listed]})])


def decode(text: str) -> list[Unverified]:
    """The properties that a text carries; none if `encode` did not write its end."""
    try:
        carried = json.loads(text.rpartition("\n")[2])
        return [Unverified(**each) for each in carried["unverified"]]
    except (ValueError, TypeError, KeyError):
        return []
