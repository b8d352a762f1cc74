"""Reads the AWS provider's schema and keeps what the export needs of it.

    python -m private_inference.terraform.refresh [TOKEN…]

Needs `terraform` or `tofu`. Every Pulumi token that schema.json has stays in it, and each TOKEN on the command line
(`aws:dynamodb/table:Table`, `aws:iam/getRole:getRole`) is added. Only names, types and modes are kept.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from private_inference.terraform.names import terraform_types
from private_inference.terraform.schema import FILE, VERSION
from private_inference.terraform.terraform import Terraform, TerraformError

JsonObject = dict[str, Any]


def main(tokens: Iterable[str]) -> None:
    """Write schema.json anew."""
    provider = _read_provider()
    kept = json.loads(FILE.read_text()) if FILE.exists() else {"resources": {}, "lookups": {}}
    wanted = {*kept["resources"], *kept["lookups"], *tokens}
    resources = {t: _entry(t, provider["resource_schemas"]) for t in sorted(wanted) if not _is_lookup(t)}
    lookups = {t: _entry(t, provider["data_source_schemas"]) for t in sorted(wanted) if _is_lookup(t)}
    content = {
        "provider": _reduce(provider["provider"]["block"]),
        "resources": resources,
        "lookups": lookups,
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")


def _read_provider() -> JsonObject:
    with tempfile.TemporaryDirectory() as directory:
        required = {"aws": {"source": "hashicorp/aws", "version": VERSION}}
        configuration = {"terraform": {"required_providers": required}}
        Path(directory, "main.tf.json").write_text(json.dumps(configuration))
        terraform = Terraform(Path(directory))
        terraform.run("init")
        schemas = json.loads(terraform.run("providers", "schema", "-json"))["provider_schemas"]
    provider: JsonObject = next(schema for name, schema in schemas.items() if name.endswith("/hashicorp/aws"))
    return provider


def _is_lookup(token: str) -> bool:
    return token.split(":")[-1].startswith("get")


def _entry(token: str, schemas: Mapping[str, JsonObject]) -> JsonObject:
    candidates = terraform_types(token)
    for candidate in candidates:
        if candidate in schemas:
            return {"type": candidate, "block": _reduce(schemas[candidate]["block"])}
    raise TerraformError(f"{token}: provider {VERSION} has none of {', '.join(candidates)}. Name it in names.TYPES.")


def _reduce(block: JsonObject) -> JsonObject:
    """A block without descriptions; empty parts are left out."""
    attributes = {name: _reduce_attribute(value) for name, value in sorted(block.get("attributes", {}).items())}
    blocks = {
        name: {
            "nesting_mode": value["nesting_mode"],
            **({"max_items": value["max_items"]} if "max_items" in value else {}),
            "block": _reduce(value["block"]),
        }
        for name, value in sorted(block.get("block_types", {}).items())
    }
    return {**({"attributes": attributes} if attributes else {}), **({"block_types": blocks} if blocks else {})}


def _reduce_attribute(attribute: JsonObject) -> JsonObject:
    modes = {mode: True for mode in ("required", "optional", "computed") if attribute.get(mode)}
    if nested := attribute.get("nested_type"):
        members = {name: _reduce_attribute(value) for name, value in sorted(nested["attributes"].items())}
        return {"nested_type": {"nesting_mode": nested["nesting_mode"], "attributes": members}, **modes}
    return {"type": attribute["type"], **modes}


if __name__ == "__main__":
    main(sys.argv[1:])
