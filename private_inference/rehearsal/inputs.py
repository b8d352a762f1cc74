"""What the program gave a resource, and how it becomes the request of an AWS call.

Nothing is dropped on the way: a property that no row has read fails the resource (`Inputs.unread`), and one that the
AWS call does not know fails the request (`spelled`).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pulumi.output import Unknown

NUMBERS: Mapping[str, Callable[[str], float]] = {"integer": int, "long": int, "float": float, "double": float}


class UnhandledError(Exception):
    """The rehearsal can't carry out what the program asked for; the message names it. Never passed over in silence."""


class RefusedError(Exception):
    """What the program asked for is something that AWS or the Pulumi provider refuses."""


class Inputs(Mapping[str, Any]):
    """The properties of a resource, and which of them have been read.

    `tags` are the resource's own over the provider's default tags; they, too, have to be read.
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

    def ignore(self, key: str, because: str) -> None:
        """Say that a property reaches no AWS call, and why that loses nothing."""
        self._read.add(key)

    def rest(self) -> dict[str, Any]:
        """Every property not read so far; they count as read."""
        rest = {key: value for key, value in self._properties.items() if key not in self._read | {"tags"}}
        self._read.update(rest)
        return rest

    def unread(self) -> list[str]:
        return sorted((set(self._properties) | {"tags"}) - self._read)


def request(client: Any, operation: str, inputs: Mapping[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    """The parameters of an AWS call: `inputs` in the spelling of the operation's input shape.

    `renamed` maps properties whose name differs from AWS's by more than case.
    """
    shape = operation_model(client, operation).input_shape
    spelling: dict[str, Any] = spelled({renamed.get(key, key): value for key, value in inputs.items()}, shape)
    return spelling


def operation_model(client: Any, operation: str) -> Any:
    return client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])


def spelled(value: Any, shape: Any, path: str = "") -> Any:
    """A property tree (camelCase) in AWS's spelling.

    Names are matched without regard to case; where Pulumi writes a list of one as a single value, or the other way
    round, it takes the form AWS wants; the keys of a map are the user's and stay. Raises UnhandledError for a name that
    the shape does not have.
    """
    if value is None:
        return None
    if shape.type_name == "list":
        entries = value if isinstance(value, list | tuple) else [value]
        return [spelled(entry, shape.member, f"{path}[{index}]") for index, entry in enumerate(entries)]
    if shape.type_name == "structure":
        single = value[0] if isinstance(value, list | tuple) and len(value) == 1 else value
        return _structure(single, shape, path)
    if isinstance(value, str) and shape.type_name in NUMBERS:
        return NUMBERS[shape.type_name](value)
    return value


def _structure(value: Mapping[str, Any], shape: Any, path: str) -> dict[str, Any]:
    members = {name.lower(): name for name in shape.members}
    answer = {}
    for key, entry in value.items():
        place = f"{path}.{key}" if path else key
        name = members.get(key.lower())
        if name is None:
            raise UnhandledError(f"{place} has no counterpart in AWS's {shape.name}")
        if entry is not None:
            answer[name] = spelled(entry, shape.members[name], place)
    return answer


def tag_parameters(client: Any, operation: str, tags: Mapping[str, str], resource_type: str) -> dict[str, Any]:
    """The parameter that carries tags in a call; services spell it in four ways. Empty where there are none.

    `resource_type` is EC2's name for what is tagged.
    """
    if not tags:
        return {}
    members = operation_model(client, operation).input_shape.members
    if "TagSpecifications" in members:
        return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": pairs(tags)}]}
    name = next(name for name in members if name.lower() == "tags")
    if members[name].type_name == "map":
        return {name: dict(tags)}
    return {name: pairs(tags, *members[name].member.members)}


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as a list of key and value, under the names that the service uses."""
    return [{key: name, value: content} for name, content in tags.items()]
