"""Facts about AWS that are known without an account: partitions, instance types, and the registries of AWS's images."""

import gzip
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from private_inference.registries import prebuilt_images

EXAMPLE_ACCOUNT = "123456789012"
"""AWS's own: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""


class NoFactError(Exception):
    """The fact is not known here; the message says which one."""


class NoRegistryError(Exception):
    """AWS publishes no such image in the region."""


def partition_of(region: str) -> str:
    """The partition of a region, such as `aws-cn` of cn-north-1."""
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")


def dns_suffix(region: str) -> str:
    """What the names of a region's services end in."""
    return "amazonaws.com.cn" if partition_of(region) == "aws-cn" else "amazonaws.com"


@cache
def instance_types() -> Mapping[str, Mapping[str, Any]]:
    """EC2's instance types by name, in the form of DescribeInstanceTypes: moto ships AWS's answer.

    Raises NoFactError if moto is not installed.
    """
    moto = importlib.util.find_spec("moto")
    if moto is None or moto.origin is None:
        raise NoFactError("moto is not installed, and it has the facts about instance types. Run `make setup`.")
    packed = Path(moto.origin).with_name("ec2") / "resources" / "instance_types.json.gz"
    types: Mapping[str, Mapping[str, Any]] = json.loads(gzip.decompress(packed.read_bytes()))
    return types


def prebuilt_image(repository: str, tag: str, region: str, suffix: str) -> dict[str, str]:
    """An image that AWS publishes, as the provider answers it. Neither asks whether the tag exists.

    Raises NoFactError for a repository that is not known here, NoRegistryError where AWS has none in the region.
    """
    table = prebuilt_images()
    if repository not in table["repositories"]:
        known = ", ".join(table["repositories"])
        raise NoFactError(f"the rehearsal doesn't know the registry of {repository}; it knows those of {known}")
    registry = table["accounts"][table["repositories"][repository]].get(region)
    if registry is None:
        raise NoRegistryError(f"no registry for region {region} and repository {repository}")
    path = f"{registry}.dkr.ecr.{region}.{suffix}/{repository}:{tag}"
    return {"id": registry, "registryId": registry, "registryPath": path}
