"""What botocore's data say of SageMaker: its regions, its instance types, the form of names.

The two files are read directly: a botocore session would take several times as long, and look for credentials.
"""

import gzip
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

PARTITIONS = ("aws", "aws-us-gov")
"""Partitions whose names end in amazonaws.com, as this stack's policies and service names have them."""


def _file(name: str) -> bytes:
    """A file of botocore's data. botocore is found, not imported. Raises ModuleNotFoundError."""
    package = find_spec("botocore")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("botocore is not installed", name="botocore")
    return Path(package.origin).parent.joinpath("data", name).read_bytes()


@cache
def _shapes() -> dict[str, Any]:
    shapes: dict[str, Any] = json.loads(gzip.decompress(_file("sagemaker/2017-07-24/service-2.json.gz")))["shapes"]
    return shapes


@cache
def instance_types() -> frozenset[str]:
    """Instance types that a production variant takes, such as `ml.m5.large`."""
    return frozenset(_shapes()["ProductionVariantInstanceType"]["enum"])


@cache
def inference_ami_versions() -> frozenset[str]:
    """Images that a production variant's instances may run, such as al2-ami-sagemaker-inference-gpu-2."""
    return frozenset(_shapes()["ProductionVariantInferenceAmiVersion"]["enum"])


class Text(NamedTuple):
    """What a text has to be."""

    pattern: str
    """The regular expression that all of it matches."""
    longest: int
    """Characters at most."""


def text(shape: str) -> Text:
    """The form of a text, by the name of its shape, such as EndpointName."""
    found = _shapes()[shape]
    return Text(found["pattern"], found["max"])


def largest(shape: str) -> int:
    """The largest number that a shape takes, or how many entries it may have."""
    return int(_shapes()[shape]["max"])


@cache
def container_name_pattern() -> str:
    """The regular expression that the whole name of one of a model's containers matches."""
    return str(_shapes()["ContainerHostname"]["pattern"])


@cache
def regions() -> frozenset[str]:
    """Regions in which SageMaker is offered."""
    table = json.loads(_file("endpoints.json"))
    return frozenset(
        region
        for partition in table["partitions"]
        if partition["partition"] in PARTITIONS
        for region in partition["services"]["api.sagemaker"]["endpoints"]
        if region in partition["regions"]
    )
