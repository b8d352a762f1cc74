"""What an earlier export into the same folder protected and a later one no longer has: Terraform must not destroy it.

It would, for `prevent_destroy` goes with the declaration.
"""

import json
import re
from collections.abc import Iterator, Mapping

from private_inference.terraform.configuration import RETAINED
from private_inference.terraform.translate import JsonObject

LEAVING = "Stays in the account. The next export lets Terraform forget it."
"""The comment on what is protected and has left the stack."""

OBJECT = "aws_s3_object"

_REFERENCE = re.compile(r"(?<!\$)\$\{(?:\w+\()*(?!path\.)(\w+\.\w+)")


def keep_protected(previous: JsonObject, resources: dict[str, JsonObject]) -> None:
    """Declare, as `previous` did, what it protected and `resources` no longer has.

    Objects that Pulumi would leave in their bucket stay: a rollback finds the artifact it rolls back to. The rest stays
    for one export more, while what refers to it goes: Terraform forgets a thing after it destroyed what refers to it
    and before it changes what the thing refers to, which is a cycle if the one waits for the other.
    """
    left = {
        address: body
        for address, body in _addressed(previous.get("resource", {}))
        if _is_protected(body) and body.get("//") != LEAVING and not _has(resources, address)
    }
    while dangling := {address for address, body in left.items() if not _resolves(body, left, resources)}:
        left = {address: body for address, body in left.items() if address not in dangling}
    for address, body in left.items():
        kind, label = address.split(".")
        awaited = [each for each in body.get("depends_on", ()) if each in left or _has(resources, each)]
        comment = RETAINED if kind == OBJECT and body.get("//") == RETAINED else LEAVING
        kept = {key: value for key, value in body.items() if key != "depends_on"} | {"//": comment}
        resources.setdefault(kind, {})[label] = kept | ({"depends_on": awaited} if awaited else {})


def forgotten(previous: JsonObject, resources: Mapping[str, JsonObject]) -> list[JsonObject]:
    """The `removed` blocks of what `previous` protected or had forgotten, and `resources` doesn't declare.

    https://developer.hashicorp.com/terraform/language/block/removed
    """
    guarded = {address for address, body in _addressed(previous.get("resource", {})) if _is_protected(body)}
    guarded |= {block["from"] for block in previous.get("removed", ())}
    left = sorted(address for address in guarded if not _has(resources, address))
    return [{"from": address, "lifecycle": {"destroy": False}} for address in left]


def _addressed(resources: Mapping[str, JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    for kind, named in resources.items():
        for label, body in named.items():
            yield f"{kind}.{label}", body


def _is_protected(body: JsonObject) -> bool:
    return bool(body.get("lifecycle", {}).get("prevent_destroy"))


def _has(resources: Mapping[str, JsonObject], address: str) -> bool:
    kind, label = address.split(".")
    return label in resources.get(kind, {})


def _resolves(body: JsonObject, left: Mapping[str, JsonObject], resources: Mapping[str, JsonObject]) -> bool:
    """Whether all that a body refers to is declared; lookups and variables of an earlier export may not be."""
    referred = {match[1] for match in _REFERENCE.finditer(json.dumps(body))}
    return all(address in left or _has(resources, address) for address in referred)
