"""Pulumi properties as the parameters of an AWS call, spelled as botocore's service models spell them."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from private_inference.rehearsal.inputs import UnhandledError

NUMBERS: Mapping[str, Callable[[str], float]] = {"integer": int, "long": int, "float": float, "double": float}


def request(client: Any, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of an AWS call. Raises UnhandledError for a property that the operation does not take."""
    return _structure(properties, _input_shape(client, operation), "")


def parameter_names(client: Any, operation: str) -> set[str]:
    """The operation's parameters, in lower case."""
    return {name.lower() for name in _input_shape(client, operation).members}


def _input_shape(client: Any, operation: str) -> Any:
    return client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape


def _spelled(value: Any, shape: Any, path: str) -> Any:
    """A property tree (camelCase) in AWS's spelling.

    Names match without regard to case. A single value becomes a list of one, and a list of one, whose name may be a
    plural then, a single value, where AWS has the other form. Keys of a map are the user's and stay.
    """
    if value is None:
        return None
    if shape.type_name == "list":
        entries = value if isinstance(value, list | tuple) else [value]
        return [_spelled(entry, shape.member, f"{path}[{index}]") for index, entry in enumerate(entries)]
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
        name = members.get(key.lower()) or members.get(key.lower().removesuffix("s"))
        if name is None:
            raise UnhandledError(f"{place} has no counterpart in AWS's {shape.name}")
        if entry is not None:
            answer[name] = _spelled(entry, shape.members[name], place)
    return answer


def tag_parameters(client: Any, operation: str, tags: Mapping[str, str], resource_type: str) -> dict[str, Any]:
    """The parameter that carries tags in a call; services spell it in five ways. Empty if there are no tags.

    `resource_type` is EC2's name for the tagged resource.
    """
    if not tags:
        return {}
    members = _input_shape(client, operation).members
    if "TagSpecifications" in members:
        return {"TagSpecifications": [{"ResourceType": resource_type, "Tags": pairs(tags)}]}
    if "Tagging" in members:
        return {"Tagging": urlencode(tags)}
    name = next(name for name in members if name.lower() == "tags")
    if members[name].type_name == "map":
        return {name: dict(tags)}
    return {name: pairs(tags, *members[name].member.members)}


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as a list of key and value, under the names that the service uses."""
    return [{key: name, value: content} for name, content in tags.items()]
