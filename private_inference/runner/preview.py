"""An engine that creates nothing: what `pulumi preview` knows of a stack that isn't there yet, without an account.

Lookups are answered from data that the installed packages carry, and for what only the account could tell, with
examples: six zones, AWS's own prefix lists at their documented size. The rehearsal and the real preview ask for real.
"""

import gzip
import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pulumi.output import Unknown

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.awsx import EXPANSIONS
from private_inference.rehearsal.inputs import Inputs
from private_inference.rehearsal.lookups import prebuilt_image
from private_inference.runner.program import Resource

ACCOUNT = "123456789012"
"""AWS's own example: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

ZONES = "abcdef"

PREFIX_LISTS = {
    "s3": ("pl-63a5400a", ["3.5.0.0/19", "52.216.0.0/15", "54.231.0.0/16"]),
    "dynamodb": ("pl-02cd2c6b", ["3.218.180.0/23", "3.218.182.0/24", "52.94.0.0/22", "52.119.224.0/20"]),
}
"""Id and blocks of us-east-1's lists, as an example.

https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html
"""


class PreviewError(Exception):
    """The program asks something that a preview without an account can't answer; the message says what."""


class PreviewEngine:
    """An `Engine` of the runner: outputs are the inputs, and everything that AWS would add is unknown.

    `inner` collects the resources that remote components (awsx) are made of, which the program itself never sees.
    """

    def __init__(self, region: str) -> None:
        self._region = region
        self.inner: list[Resource] = []

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        self.inner.extend(children(resource))
        return None, {} if resource.type in EXPANSIONS else resource.properties

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raises PreviewError for a lookup that is not known."""
        answer = _LOOKUPS.get(token)
        if answer is None:
            raise PreviewError(f"The lookup {token} can't be answered without an account. Rehearse the stack instead.")
        return {"id": self._region, "region": self._region, **args, **answer(self._region, args)}


def children(component: Resource) -> list[Resource]:
    """The resources that a remote component is made of, as its own process would register them; none of others."""
    made: list[Resource] = []

    def child(kind: str, name: str, properties: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any]]:
        reads = {key: urns for key, urns in component.property_dependencies.items() if key in properties}
        reads |= {key: [made[0].urn] for key, value in properties.items() if made and isinstance(value, Unknown)}
        urn = f"{component.urn.rpartition('::')[0]}${kind}::{name}"
        made.append(
            replace(
                component,
                urn=urn,
                type=kind,
                name=name,
                parent=component.urn,
                properties=properties,
                property_dependencies=reads,
                outputs=properties,
            )
        )
        later = Unknown()  # type: ignore[no-untyped-call]
        return {}, {"name": later, "repositoryUrl": later}

    if component.type in EXPANSIONS:
        EXPANSIONS[component.type](component, child)
    return made


def _zones(region: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"names": [region + zone for zone in ZONES], "zoneIds": [f"zone-{zone}" for zone in ZONES]}


def _prefix_list(region: str, args: Mapping[str, Any]) -> dict[str, Any]:
    service = str(args.get("name", "")).rpartition(".")[2]
    if service not in PREFIX_LISTS:
        raise PreviewError(f"The prefix list {args.get('name')!r} is not one of {', '.join(sorted(PREFIX_LISTS))}.")
    identity, blocks = PREFIX_LISTS[service]
    entries = [{"cidr": block, "description": ""} for block in blocks]
    return {"id": identity, "prefixListId": identity, "cidrBlocks": blocks, "entries": entries}


def _endpoint_service(region: str, args: Mapping[str, Any]) -> dict[str, Any]:
    return {"availabilityZones": _zones(region, args)["names"], "acceptanceRequired": False, "owner": "amazon"}


def _instance_type(_: str, args: Mapping[str, Any]) -> dict[str, Any]:
    name = args["instanceType"]
    if name not in instance_types():
        raise PreviewError(f"{name!r} is not an instance type of EC2.")
    facts = instance_types()[name]
    return {
        "defaultVcpus": facts["VCpuInfo"]["DefaultVCpus"],
        "instanceStorageSupported": facts["InstanceStorageSupported"],
        "burstablePerformanceSupported": facts["BurstablePerformanceSupported"],
    }


@cache
def instance_types() -> Mapping[str, Mapping[str, Any]]:
    """EC2's instance types by name, in the form of DescribeInstanceTypes: moto ships AWS's answer."""
    moto = importlib.util.find_spec("moto")
    if moto is None or moto.origin is None:
        raise PreviewError("moto is not installed, and it has the facts about instance types. Run `make setup`.")
    packed = Path(moto.origin).with_name("ec2") / "resources" / "instance_types.json.gz"
    types: Mapping[str, Mapping[str, Any]] = json.loads(gzip.decompress(packed.read_bytes()))
    return types


def _identity(region: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"accountId": ACCOUNT, "arn": f"arn:{_partition_of(region)}:iam::{ACCOUNT}:root", "userId": ACCOUNT}


def _partition(region: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"partition": _partition_of(region), "dnsSuffix": _dns_suffix(region)}


def _partition_of(region: str) -> str:
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")


def _dns_suffix(region: str) -> str:
    return "amazonaws.com.cn" if _partition_of(region) == "aws-cn" else "amazonaws.com"


def _prebuilt_image(region: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
    account = Account(None, ACCOUNT, region, region, _partition_of(region), _dns_suffix(region))  # type: ignore[arg-type]
    return prebuilt_image(account, Inputs(args, {}))


_LOOKUPS: Mapping[str, Callable[[str, Mapping[str, Any]], Mapping[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _identity,
    "aws:index/getRegion:getRegion": lambda region, _: {"name": region},
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:ec2/getPrefixList:getPrefixList": _prefix_list,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:ec2/getVpcEndpointService:getVpcEndpointService": _endpoint_service,
    "aws:ec2/getInstanceType:getInstanceType": _instance_type,
    "aws:sagemaker/getPrebuiltEcrImage:getPrebuiltEcrImage": _prebuilt_image,
}
