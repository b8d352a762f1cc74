"""Patches of moto where it falls short of AWS.

Each patch replaces one function of moto and says what AWS does there, with the source. A patch that moto no longer
needs fails tests/rehearsal/test_patches.py. Importing this package loads moto, so only the embedded AWS's own process
does.
"""

from functools import cache

from private_inference.rehearsal.patches import (
    account_guards,
    assumed_roles,
    balanced,
    callers,
    certificates,
    endpoints,
    functions,
    inference_components,
    load_balancers,
    model_interfaces,
    model_packages,
    network,
    observability,
    private_apis,
    queue,
    registry,
    resolver,
    scans,
    security,
    services,
    serving,
    tasks,
    templates,
    trails,
    web_acls,
)
from private_inference.rehearsal.patches.patch import PATCHES

__all__ = [
    "PATCHES",
    "account_guards",
    "apply_all",
    "assumed_roles",
    "balanced",
    "callers",
    "certificates",
    "endpoints",
    "functions",
    "inference_components",
    "load_balancers",
    "model_interfaces",
    "model_packages",
    "network",
    "observability",
    "private_apis",
    "queue",
    "registry",
    "resolver",
    "scans",
    "security",
    "services",
    "serving",
    "tasks",
    "templates",
    "trails",
    "web_acls",
]


@cache
def apply_all() -> None:
    """Apply every patch to the moto of this process, once."""
    for patch in PATCHES:
        patch.apply()
