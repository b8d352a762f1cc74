"""The AWS provider's schema, reduced to what this export needs: schema.json, which `refresh` writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("schema.json")

VERSION = "5.100.0"
"""The provider whose schema this is: the oldest that the export supports. pulumi-aws 7 is provider 6, so an argument
that pulumi-aws and this schema have is in both versions."""


@dataclass(frozen=True)
class Block:
    """Arguments and nested blocks, in the form of `terraform providers schema -json` without the descriptions:
    https://developer.hashicorp.com/terraform/cli/commands/providers/schema."""

    attributes: Mapping[str, Mapping[str, Any]]
    blocks: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Block":
        """The block that the schema describes by `content`."""
        return cls(content.get("attributes", {}), content.get("block_types", {}))

    def settable(self) -> tuple[str, ...]:
        """The arguments and blocks that a configuration may have."""
        arguments = [k for k, v in self.attributes.items() if v.get("required") or v.get("optional")]
        return (*arguments, *self.blocks)


@dataclass(frozen=True)
class Entry:
    """The Terraform type of a Pulumi token, and its block."""

    type: str
    block: Block


@dataclass(frozen=True)
class Schema:
    """`resources` and `lookups` by Pulumi token, and the provider's own block."""

    provider: Block
    resources: Mapping[str, Entry]
    lookups: Mapping[str, Entry]


@cache
def load_schema() -> Schema:
    """What schema.json holds."""
    content = json.loads(FILE.read_text())
    return Schema(
        provider=Block.of(content["provider"]),
        resources={token: _entry(entry) for token, entry in content["resources"].items()},
        lookups={token: _entry(entry) for token, entry in content["lookups"].items()},
    )


def _entry(content: Mapping[str, Any]) -> Entry:
    return Entry(content["type"], Block.of(content["block"]))
