"""An engine that creates nothing: what `pulumi preview` knows of a stack that isn't there yet, without an account.

Lookups are answered from data that the installed packages carry, and for what only the account could tell, with
examples: six zones that offer everything, AWS's own prefix lists at their documented size. The stack has nothing yet,
and gateways that its settings name are taken to exist. The rehearsal and the real preview ask for real.
"""

from collections.abc import Callable, Mapping
from typing import Any

from private_inference.runner.aws_facts import (
    EXAMPLE_ACCOUNT,
    NoFactError,
    NoRegistryError,
    dns_suffix,
    instance_types,
    partition_of,
    prebuilt_image,
)
from private_inference.runner.resource import Outputs, Resource
from private_inference.runner.undeployed import Clients, nothing

IDENTITY = "aws:index/getCallerIdentity:getCallerIdentity"
"""The lookup of the account."""

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

    `clients` read what is there already, such as a VPC; without them that is an example, too.
    """

    def __init__(self, region: str, account: str = "", clients: Clients = nothing) -> None:
        self.client = clients
        self._region = region
        self._account = account or EXAMPLE_ACCOUNT

    def create(self, resource: Resource) -> tuple[str | None, Outputs]:
        return None, resource.properties

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        """Raises PreviewError for a lookup that can't be answered without an account."""
        if token == IDENTITY:
            return _identity(self._region, self._account)
        answer = _LOOKUPS.get(token)
        if answer is None:
            raise PreviewError(f"The lookup {token} can't be answered without an account. Rehearse the stack instead.")
        try:
            found = answer(self._region, args)
        except (NoFactError, NoRegistryError) as error:
            raise PreviewError(f"The lookup {token} can't be answered: {error}") from None
        return {"id": self._region, "region": self._region, **args, **found}


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
        "gpuses": [{"count": gpu["Count"], "name": gpu["Name"]} for gpu in facts.get("GpuInfo", {}).get("Gpus", [])],
        "instanceStorageSupported": facts["InstanceStorageSupported"],
        "memorySize": facts["MemoryInfo"]["SizeInMiB"],
        "burstablePerformanceSupported": facts["BurstablePerformanceSupported"],
        "supportedArchitectures": facts["ProcessorInfo"]["SupportedArchitectures"],
    }


def _type_offerings(region: str, args: Mapping[str, Any]) -> dict[str, Any]:
    return {"locations": _zones(region, args)["names"]}


def _identity(region: str, account: str) -> dict[str, Any]:
    return {"accountId": account, "arn": f"arn:{partition_of(region)}:iam::{account}:root", "userId": account}


def _partition(region: str, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"partition": partition_of(region), "dnsSuffix": dns_suffix(region)}


def _prebuilt_image(region: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
    suffix = args.get("dnsSuffix", dns_suffix(region))
    return prebuilt_image(args["repositoryName"], args.get("imageTag", "1"), region, suffix)


_LOOKUPS: Mapping[str, Callable[[str, Mapping[str, Any]], Mapping[str, Any]]] = {
    "aws:index/getRegion:getRegion": lambda region, _: {"name": region},
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:ec2/getPrefixList:getPrefixList": _prefix_list,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
    "aws:ec2/getVpcEndpointService:getVpcEndpointService": _endpoint_service,
    "aws:ec2/getInstanceType:getInstanceType": _instance_type,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": _type_offerings,
    "aws:ec2/getSubnets:getSubnets": lambda _, __: {"ids": []},
    "aws:ec2/getVpnGateway:getVpnGateway": lambda _, __: {},
    "aws:ec2transitgateway/getTransitGateway:getTransitGateway": lambda _, __: {},
    "aws:sagemaker/getPrebuiltEcrImage:getPrebuiltEcrImage": _prebuilt_image,
}
