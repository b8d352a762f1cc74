"""Where the rehearsal and the real provider differ, and why that says nothing."""

from collections.abc import Mapping
from typing import Any

SPELLED_OUT: Mapping[tuple[str, str], Any] = {
    ("endpoint", "CurrentWeight"): 1,
    ("endpoint", "DesiredWeight"): 1,
    ("endpoint configuration", "InitialVariantWeight"): 1,
    ("endpoint configuration", "EnableSSMAccess"): False,
    ("key", "KeyUsage"): "ENCRYPT_DECRYPT",
    ("key", "SigningAlgorithms"): [],
    ("model", "Mode"): "SingleModel",
    ("network ACL", "PortRange"): {"From": 0, "To": 0},
    ("scaling policy", "DisableScaleIn"): False,
}
"""Kind and key → what AWS takes where nothing is said. The provider says it all the same, the rehearsal does not, and
the embedded AWS keeps what was said and fills nothing in. (Ports mean nothing in a rule for all protocols.)"""


def without_defaults(inventory: Mapping[str, Any]) -> dict[str, Any]:
    """The inventory without what is spelled out on one side only."""
    return {kind: _without(kind, documents) for kind, documents in inventory.items()}


def _without(kind: str, document: Any) -> Any:
    if isinstance(document, Mapping):
        kept = {k: v for k, v in document.items() if (kind, k) not in SPELLED_OUT or v != SPELLED_OUT[kind, k]}
        return {key: _without(kind, value) for key, value in kept.items()}
    if isinstance(document, list):
        return [_without(kind, item) for item in document]
    return document
