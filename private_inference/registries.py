"""The registries of Amazon ECR in which AWS publishes its images for SageMaker: prebuilt_images.json."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

PREBUILT_IMAGES = Path(__file__).with_name("prebuilt_images.json")


@cache
def prebuilt_images() -> Mapping[str, Mapping[str, Any]]:
    """`repositories`: the kind of each one; `accounts`: by kind and region, the account whose registry has them."""
    table: Mapping[str, Mapping[str, Any]] = json.loads(PREBUILT_IMAGES.read_text(encoding="utf-8"))
    return table


@cache
def accounts_of_aws() -> frozenset[str]:
    """All accounts in whose registries AWS publishes images."""
    return frozenset(account for regions in prebuilt_images()["accounts"].values() for account in regions.values())
