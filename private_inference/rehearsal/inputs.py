"""The properties that the program gave a resource, and which of them have been read.

A handler reads each property or says why it ignores it; `Inputs.unread` names those it forgot, and the resource fails.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.output import Unknown


class UnhandledError(Exception):
    """The rehearsal does not support what the program asks for; the message names it."""


class RefusedError(Exception):
    """AWS or the Pulumi provider refuses what the program asks for."""


class FailedError(RefusedError):
    """AWS has made a resource, and it does not work. The provider keeps it in the state, as one that failed."""

    def __init__(self, reason: str, identity: str, outputs: Mapping[str, Any]) -> None:
        super().__init__(reason)
        self.identity = identity
        self.outputs = outputs


class Inputs(Mapping[str, Any]):
    """A resource's properties without those that are None.

    `tags` are the provider's default tags with the resource's own over them; they have to be read like a property.
    Raises UnhandledError if a value is unknown.
    """

    def __init__(self, properties: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        unknown = [key for key, value in properties.items() if isinstance(value, Unknown)]
        if unknown:
            raise UnhandledError(f"unknown values can't be sent to AWS: {', '.join(unknown)}")
        self._properties = {key: value for key, value in properties.items() if value is not None}
        self._read: set[str] = set()
        self._tags = dict(tags)
        if not tags:
            self._read.add("tags")

    @property
    def tags(self) -> dict[str, str]:
        self._read.add("tags")
        return self._tags

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        try:
            return self._properties[key]
        except KeyError:
            raise RefusedError(f"{key} is required") from None

    def get(self, key: str, default: Any = None) -> Any:
        self._read.add(key)
        return self._properties.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._properties

    def __iter__(self) -> Iterator[str]:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)

    def only(self, *names: str) -> str:
        """Which of these properties is given. Raises RefusedError unless exactly one is, as the provider demands."""
        given = [name for name in names if name in self]
        if len(given) != 1:
            raise RefusedError(f"exactly one of {', '.join(names)} is needed; given: {', '.join(given) or 'none'}")
        return given[0]

    def rest(self) -> dict[str, Any]:
        """Every property not read so far; they count as read."""
        rest = {key: value for key, value in self._properties.items() if key not in self._read | {"tags"}}
        self._read.update(rest)
        return rest

    def unread(self) -> list[str]:
        """The names of the properties that nobody has read, `tags` among them."""
        return sorted((set(self._properties) | {"tags"}) - self._read)
