"""The program's lookups (Pulumi invokes), answered from the embedded AWS as the AWS provider answers them from AWS."""

from collections.abc import Callable, Mapping
from typing import Any

from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError
from private_inference.rehearsal.rows import Account
from private_inference.runner import aws_facts

Answer = Mapping[str, Any]


def answer(account: Account, token: str, args: Mapping[str, Any]) -> Answer:
    """The answer to a lookup.

    Raises UnhandledError for one that is not known or an argument it does not read, RefusedError where the provider
    finds nothing or more than one.
    """
    if token not in LOOKUPS:
        raise UnhandledError(f"it is not one of {', '.join(sorted(LOOKUPS))}")
    asked = Inputs(args, {})
    if "region" in asked and asked["region"] != account.region:
        raise UnhandledError(f"it asks about {asked['region']}, and the rehearsal knows {account.region} only")
    found = LOOKUPS[token](account, asked)
    if asked.unread():
        raise UnhandledError(f"it does not read {', '.join(asked.unread())}")
    return {"region": account.region, **args, **found}


def caller_identity(account: Account, asked: Inputs) -> Answer:
    identity = account.client("sts").get_caller_identity()
    return {
        "id": identity["Account"],
        "accountId": identity["Account"],
        "arn": identity["Arn"],
        "userId": identity["UserId"],
    }


def region(account: Account, asked: Inputs) -> Answer:
    endpoint = f"ec2.{account.region}.{account.dns_suffix}"
    return {"id": account.region, "name": account.region, "endpoint": endpoint, "description": account.region_name}


def partition(account: Account, asked: Inputs) -> Answer:
    reverse = ".".join(reversed(account.dns_suffix.split(".")))
    return {
        "id": account.partition,
        "partition": account.partition,
        "dnsSuffix": account.dns_suffix,
        "reverseDnsPrefix": reverse,
    }


def availability_zones(account: Account, asked: Inputs) -> Answer:
    filters = _filters(asked) + ([{"Name": "state", "Values": [asked["state"]]}] if "state" in asked else [])
    found = account.client("ec2").describe_availability_zones(
        Filters=filters, AllAvailabilityZones=asked.get("allAvailabilityZones", False)
    )["AvailabilityZones"]
    names, ids = set(asked.get("excludeNames", [])), set(asked.get("excludeZoneIds", []))
    kept = [zone for zone in found if zone["ZoneName"] not in names and zone["ZoneId"] not in ids]
    kept.sort(key=lambda zone: str(zone["ZoneName"]))
    return {
        "id": account.region,
        "names": [zone["ZoneName"] for zone in kept],
        "zoneIds": [zone["ZoneId"] for zone in kept],
        "groupNames": sorted({zone.get("GroupName", account.region) for zone in kept}),
    }


def prefix_list(account: Account, asked: Inputs) -> Answer:
    filters = _filters(asked) + ([{"Name": "prefix-list-name", "Values": [asked["name"]]}] if "name" in asked else [])
    ids = {"PrefixListIds": [asked["prefixListId"]]} if "prefixListId" in asked else {}
    found = account.client("ec2").describe_prefix_lists(Filters=filters, **ids)["PrefixLists"]
    only = _only("prefix list", found)
    return {
        "id": only["PrefixListId"],
        "prefixListId": only["PrefixListId"],
        "name": only["PrefixListName"],
        "cidrBlocks": sorted(only["Cidrs"]),
    }


def managed_prefix_list(account: Account, asked: Inputs) -> Answer:
    ec2 = account.client("ec2")
    filters = _filters(asked) + ([{"Name": "prefix-list-name", "Values": [asked["name"]]}] if "name" in asked else [])
    ids = {"PrefixListIds": [asked["id"]]} if "id" in asked else {}
    only = _only("prefix list", ec2.describe_managed_prefix_lists(Filters=filters, **ids)["PrefixLists"])
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=only["PrefixListId"])["Entries"]
    return {
        "id": only["PrefixListId"],
        "arn": only["PrefixListArn"],
        "name": only["PrefixListName"],
        "addressFamily": only["AddressFamily"],
        "ownerId": only["OwnerId"],
        "maxEntries": only.get("MaxEntries", 0),
        "version": only.get("Version", 0),
        "tags": {},
        "entries": [{"cidr": entry["Cidr"], "description": entry.get("Description", "")} for entry in entries],
    }


def vpc_endpoint_service(account: Account, asked: Inputs) -> Answer:
    name = asked.get("serviceName") or f"com.amazonaws.{account.region}.{asked['service']}"
    kind = asked.get("serviceType")
    filters = _filters(asked) + ([{"Name": "service-type", "Values": [kind]}] if kind else [])
    details = account.client("ec2").describe_vpc_endpoint_services(ServiceNames=[name], Filters=filters)
    only = _only(f"endpoint service {name}", details["ServiceDetails"])
    return {
        "id": only["ServiceId"],
        "serviceId": only["ServiceId"],
        "serviceName": name,
        "serviceType": only["ServiceType"][0]["ServiceType"],
        "arn": account.arn("ec2", f"vpc-endpoint-service/{only['ServiceId']}"),
        "availabilityZones": sorted(only["AvailabilityZones"]),
        "acceptanceRequired": only["AcceptanceRequired"],
        "baseEndpointDnsNames": only["BaseEndpointDnsNames"],
        "managesVpcEndpoints": only["ManagesVpcEndpoints"],
        "owner": only["Owner"],
        "privateDnsName": only.get("PrivateDnsName", ""),
        "privateDnsNames": [entry["PrivateDnsName"] for entry in only.get("PrivateDnsNames", [])],
        "serviceRegion": account.region,
        "supportedIpAddressTypes": only.get("SupportedIpAddressTypes", ["ipv4"]),
        "tags": {},
        "vpcEndpointPolicySupported": only["VpcEndpointPolicySupported"],
    }


def instance_type(account: Account, asked: Inputs) -> Answer:
    name = asked["instanceType"]
    only = account.client("ec2").describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
    storage = only.get("InstanceStorageInfo", {})
    return {
        "id": name,
        "instanceType": name,
        "defaultVcpus": only["VCpuInfo"]["DefaultVCpus"],
        "defaultCores": only["VCpuInfo"].get("DefaultCores", 0),
        "memorySize": only["MemoryInfo"]["SizeInMiB"],
        "burstablePerformanceSupported": only["BurstablePerformanceSupported"],
        "instanceStorageSupported": only["InstanceStorageSupported"],
        "totalInstanceStorage": storage.get("TotalSizeInGB", 0),
        "instanceDisks": [
            {"count": disk["Count"], "size": disk["SizeInGB"], "type": disk["Type"]}
            for disk in storage.get("Disks", [])
        ],
        "currentGeneration": only["CurrentGeneration"],
        "bareMetal": only["BareMetal"],
        "hypervisor": only.get("Hypervisor", ""),
        "networkPerformance": only["NetworkInfo"]["NetworkPerformance"],
        "encryptionInTransitSupported": only["NetworkInfo"].get("EncryptionInTransitSupported", False),
        "supportedArchitectures": only["ProcessorInfo"]["SupportedArchitectures"],
    }


def prebuilt_image(account: Account, asked: Inputs) -> Answer:
    """The path of an image that AWS publishes. Like the provider, it doesn't ask whether the tag exists."""
    suffix, tag = asked.get("dnsSuffix", account.dns_suffix), asked.get("imageTag", "1")
    try:
        return aws_facts.prebuilt_image(asked["repositoryName"], tag, account.region, suffix)
    except aws_facts.NoFactError as error:
        raise UnhandledError(str(error)) from None
    except aws_facts.NoRegistryError as error:
        raise RefusedError(str(error)) from None


def _filters(asked: Inputs) -> list[dict[str, Any]]:
    by_tag = {f"tag:{name}": value for name, value in asked.get("tags", {}).items()}
    return [{"Name": entry["name"], "Values": entry["values"]} for entry in asked.get("filters", [])] + [
        {"Name": name, "Values": [value]} for name, value in by_tag.items()
    ]


def _only(what: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    if len(found) != 1:
        raise RefusedError(f"{'no' if not found else len(found)} {what} found where exactly one is needed")
    return found[0]


LOOKUPS: Mapping[str, Callable[[Account, Inputs], Answer]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getRegion:getRegion": region,
    "aws:index/getPartition:getPartition": partition,
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
    "aws:ec2/getPrefixList:getPrefixList": prefix_list,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": managed_prefix_list,
    "aws:ec2/getVpcEndpointService:getVpcEndpointService": vpc_endpoint_service,
    "aws:ec2/getInstanceType:getInstanceType": instance_type,
    "aws:sagemaker/getPrebuiltEcrImage:getPrebuiltEcrImage": prebuilt_image,
}
