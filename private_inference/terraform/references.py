"""Terraform references inside strings, as opposed to text that only looks like one.

A template is text with `${expression}` in it: https://developer.hashicorp.com/terraform/language/expressions/strings.
The engine gives references to the program, and they come back inside its strings.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SEQUENCE = re.compile(r"(?P<before>\$*|%*)(?P<sequence>[$%]\{[^{}\s\"]*\}?)")
_OURS = re.compile(r"\$\{(aws_|data\.|var\.)")


class ReferenceTakenApartError(ValueError):
    """The program cut a reference in pieces, as `arn.apply(lambda arn: arn[:20])` does."""


@dataclass
class References:
    """The references that the program has been given."""

    known: set[str] = field(default_factory=set)

    def create(self, expression: str) -> str:
        """A new reference to `expression`, such as `${aws_vpc.network.id}`."""
        reference = f"${{{expression}}}"
        self.known.add(reference)
        return reference

    def is_reference(self, value: object) -> bool:
        """Whether `value` is a reference and nothing else, so that it keeps the type of what it refers to."""
        return isinstance(value, str) and value in self.known

    def within(self, text: str) -> Iterator[str]:
        """The expressions that `text` refers to, in order."""
        for match in _SEQUENCE.finditer(text):
            if match["sequence"] in self.known:
                yield match["sequence"][2:-1]

    def template(self, text: str) -> str:
        """`text` as a template in which the given references work and any other `${` or `%{` is literal.

        Raises ReferenceTakenApartError for a piece of a reference.
        """
        return _SEQUENCE.sub(self._template, text)

    def _template(self, match: re.Match[str]) -> str:
        before, sequence = match["before"], match["sequence"]
        if before:  # it would escape what follows; as a string inside an interpolation it does not
            before = f'${{"{before}"}}'
        if sequence in self.known:
            return before + sequence
        if _OURS.match(sequence):
            raise ReferenceTakenApartError(sequence)
        return before + sequence[0] + sequence
