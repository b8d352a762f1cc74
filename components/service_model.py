"""What botocore's service model of SageMaker says exists: regions, instance types, the form of names.

Source: botocore, `data/sagemaker/2017-07-24/service-2.json` and `data/endpoints.json`.
"""

import gzip
import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any


def _read(name: str) -> dict[str, Any]:
    """A file of botocore's data. To import botocore's own loader takes longer than to read the file."""
    package = importlib.util.find_spec("botocore")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("botocore is not installed", name="botocore")
    path = Path(package.origin).parent / "data" / f"{name}.json"
    packed = path.with_name(f"{path.name}.gz")
    content: dict[str, Any] = json.loads(gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes())
    return content


@cache
def _shapes() -> dict[str, Any]:
    shapes: dict[str, Any] = _read("sagemaker/2017-07-24/service-2")["shapes"]
    return shapes


@cache
def instance_types() -> frozenset[str]:
    """Instance types that a production variant takes, such as `ml.m5.large`."""
    return frozenset(_shapes()["ProductionVariantInstanceType"]["enum"])


@cache
def endpoint_name_pattern() -> str:
    """The regular expression that the name of an endpoint matches, whole."""
    return str(_shapes()["EndpointName"]["pattern"])


PARTITIONS = ("aws", "aws-us-gov")
"""Partitions whose names end in amazonaws.com, as this stack's policies and service names have them."""


@cache
def regions() -> frozenset[str]:
    """Regions in which SageMaker is offered."""
    return frozenset(
        region
        for partition in _read("endpoints")["partitions"]
        if partition["partition"] in PARTITIONS
        for region in partition["services"]["api.sagemaker"]["endpoints"]
        if region in partition["regions"]
    )
