"""Pulumi's property trees as Terraform's arguments and blocks, by the provider's schema.

Where Pulumi has one object, Terraform may have a list of one; where Pulumi has a list, a repeated block; the keys of
maps are the user's and stay. What is written has the form of https://developer.hashicorp.com/terraform/language/syntax/json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from private_inference.terraform.names import terraform_names
from private_inference.terraform.references import References, ReferenceTakenApartError
from private_inference.terraform.schema import VERSION, Block

JsonObject = dict[str, Any]


@dataclass
class Translator:
    """Translates property trees; `problems` collects what has no counterpart, with its Pulumi path."""

    references: References
    problems: list[str] = field(default_factory=list)

    def block(
        self, block: Block, values: Mapping[str, Any], path: str, renamed: Mapping[str, str] | None = None
    ) -> JsonObject:
        """The content of `block` for the properties `values`; None is the same as absent."""
        names = terraform_names(block.settable(), renamed)
        content: JsonObject = {}
        for key, value in values.items():
            where = f"{path}.{key}"
            if value is None:
                continue
            if key not in names:
                self.problems.append(f"{where}: the AWS provider {VERSION} has no such argument.")
            elif names[key] in block.blocks:
                content[names[key]] = self._blocks(block.blocks[names[key]], value, where)
            else:
                content[names[key]] = self._attribute(block.attributes[names[key]], value, where)
        return content

    def expression(self, value: Any, path: str) -> Any:
        """A value without a schema, such as an output."""
        if isinstance(value, Mapping):
            items = value.items()
            return {self.text(key, path): self.expression(item, f"{path}.{key}") for key, item in items}
        if isinstance(value, list | tuple):
            return [self.expression(item, f"{path}[{index}]") for index, item in enumerate(value)]
        if isinstance(value, str):
            return self.text(value, path)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        self.problems.append(f"{path}: a {type(value).__name__} can't be written as a Terraform expression.")
        return None

    def text(self, value: str, path: str) -> str:
        """A string as a template."""
        try:
            return self.references.template(value)
        except ReferenceTakenApartError as error:
            self.problems.append(
                f"{path}: the program took the reference to another resource apart ({error}…), and Terraform knows its "
                "value only when it applies. Use the whole value there."
            )
            return ""

    def _blocks(self, nested: Mapping[str, Any], value: Any, path: str) -> Any:
        block, mode = Block.of(nested["block"]), nested["nesting_mode"]
        if mode == "map":
            return {key: self._nested(block, item, f"{path}.{key}") for key, item in value.items()}
        if mode in ("single", "group"):
            return self._nested(block, value, path)
        if isinstance(value, list | tuple):
            return [self._nested(block, item, f"{path}[{index}]") for index, item in enumerate(value)]
        return [self._nested(block, value, path)]

    def _nested(self, block: Block, value: Any, path: str) -> JsonObject:
        if isinstance(value, Mapping):
            return self.block(block, value, path)
        self.problems.append(f"{path}: an object is needed for this block, not a {type(value).__name__}.")
        return {}

    def _attribute(self, attribute: Mapping[str, Any], value: Any, path: str) -> Any:
        if nested := attribute.get("nested_type"):
            members = {"nesting_mode": nested["nesting_mode"], "block": {"attributes": nested["attributes"]}}
            return self._blocks(members, value, path)
        return self._typed(attribute["type"], value, path)

    def _typed(self, kind: Any, value: Any, path: str) -> Any:
        """A value of a type in the schema's notation: "string", ["list", T], ["map", T], ["object", {name: T}]."""
        if self.references.is_reference(value):
            return value
        if kind == "string" and isinstance(value, Mapping | list | tuple):
            return self.text(json.dumps(value), path)  # Pulumi takes documents where the provider wants their text
        if not isinstance(kind, list):
            return self.expression(value, path)
        collection, of = kind
        if collection in ("list", "set"):
            items = value if isinstance(value, list | tuple) else [value]
            return [self._typed(of, item, f"{path}[{index}]") for index, item in enumerate(items)]
        if not isinstance(value, Mapping):
            self.problems.append(f"{path}: a {type(value).__name__} is not a {collection}.")
            return None
        if collection == "map":
            return {self.text(key, path): self._typed(of, item, f"{path}.{key}") for key, item in value.items()}
        return self._object(of, value, path)

    def _object(self, members: Mapping[str, Any], value: Mapping[str, Any], path: str) -> JsonObject:
        """An object value: unlike a block it must name each member, null where it has none."""
        block = Block({name: {"type": kind, "optional": True} for name, kind in members.items()}, {})
        return dict.fromkeys(members) | self.block(block, value, path)
