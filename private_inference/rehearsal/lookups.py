"""The program's lookups (Pulumi invokes), answered through boto3 as the AWS provider answers them."""

from collections.abc import Callable, Mapping
from typing import Any

from private_inference.rehearsal.account import Account
from private_inference.rehearsal.handler import select
from private_inference.rehearsal.inputs import Inputs, RefusedError, UnhandledError
from private_inference.runner import aws_facts

Answer = Mapping[str, Any]


def answer(account: Account, token: str, args: Mapping[str, Any]) -> Answer:
    """The answer to a lookup.

    Raises UnhandledError for an unknown lookup or argument, RefusedError if the provider would find nothing or more
    than one.
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
    return select({"id": "Account", "accountId": "Account", "arn": "Arn", "userId": "UserId"}, identity)


def region(account: Account, asked: Inputs) -> Answer:
    endpoint = f"ec2.{account.region}.{account.dns_suffix}"
    return {"id": account.region, "name": account.region, "endpoint": endpoint, "description": account.region_name}


def partition(account: Account, asked: Inputs) -> Answer:
    return {
        "id": account.partition,
        "partition": account.partition,
        "dnsSuffix": account.dns_suffix,
        "reverseDnsPrefix": ".".join(reversed(account.dns_suffix.split("."))),
    }


def availability_zones(account: Account, asked: Inputs) -> Answer:
    filters = _filters(asked, state="state")
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
    ids = {"PrefixListIds": [asked["prefixListId"]]} if "prefixListId" in asked else {}
    found = account.client("ec2").describe_prefix_lists(Filters=_filters(asked, name="prefix-list-name"), **ids)
    outputs = {
        "id": "PrefixListId",
        "prefixListId": "PrefixListId",
        "name": "PrefixListName",
        "cidrBlocks": "sort(Cidrs)",
    }
    return select(outputs, _only("prefix list", found["PrefixLists"]))


def managed_prefix_list(account: Account, asked: Inputs) -> Answer:
    ec2 = account.client("ec2")
    ids = {"PrefixListIds": [asked["id"]]} if "id" in asked else {}
    found = ec2.describe_managed_prefix_lists(Filters=_filters(asked, name="prefix-list-name"), **ids)
    only = _only("prefix list", found["PrefixLists"])
    outputs = {
        "id": "PrefixListId",
        "arn": "PrefixListArn",
        "name": "PrefixListName",
        "addressFamily": "AddressFamily",
        "ownerId": "OwnerId",
        "maxEntries": "MaxEntries || `0`",
        "version": "Version || `0`",
        "entries": "Entries[].{cidr: Cidr, description: Description || ''}",
    }
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=only["PrefixListId"])
    return {**select(outputs, {**only, **entries}), "tags": {}}


def vpc_endpoint_service(account: Account, asked: Inputs) -> Answer:
    name = asked.get("serviceName") or f"com.amazonaws.{account.region}.{asked['service']}"
    filters = _filters(asked, serviceType="service-type")
    details = account.client("ec2").describe_vpc_endpoint_services(ServiceNames=[name], Filters=filters)
    only = _only(f"endpoint service {name}", details["ServiceDetails"])
    outputs = {
        "id": "ServiceId",
        "serviceId": "ServiceId",
        "serviceType": "ServiceType[0].ServiceType",
        "availabilityZones": "sort(AvailabilityZones)",
        "acceptanceRequired": "AcceptanceRequired",
        "baseEndpointDnsNames": "BaseEndpointDnsNames",
        "managesVpcEndpoints": "ManagesVpcEndpoints",
        "owner": "Owner",
        "privateDnsName": "PrivateDnsName || ''",
        "privateDnsNames": "PrivateDnsNames[].PrivateDnsName || `[]`",
        "supportedIpAddressTypes": 'SupportedIpAddressTypes || `["ipv4"]`',
        "vpcEndpointPolicySupported": "VpcEndpointPolicySupported",
    }
    arn = account.arn("ec2", f"vpc-endpoint-service/{only['ServiceId']}")
    return {**select(outputs, only), "arn": arn, "serviceName": name, "serviceRegion": account.region, "tags": {}}


def instance_type(account: Account, asked: Inputs) -> Answer:
    name = asked["instanceType"]
    only = account.client("ec2").describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
    outputs = {
        "id": "InstanceType",
        "instanceType": "InstanceType",
        "defaultVcpus": "VCpuInfo.DefaultVCpus",
        "defaultCores": "VCpuInfo.DefaultCores || `0`",
        "memorySize": "MemoryInfo.SizeInMiB",
        "burstablePerformanceSupported": "BurstablePerformanceSupported",
        "instanceStorageSupported": "InstanceStorageSupported",
        "totalInstanceStorage": "InstanceStorageInfo.TotalSizeInGB || `0`",
        "gpuses": (
            "GpuInfo.Gpus[].{count: Count, manufacturer: Manufacturer, memorySize: MemoryInfo.SizeInMiB, name: Name}"
            " || `[]`"
        ),
        "totalGpuMemory": "GpuInfo.TotalGpuMemoryInMiB || `0`",
        "instanceDisks": "InstanceStorageInfo.Disks[].{count: Count, size: SizeInGB, type: Type} || `[]`",
        "currentGeneration": "CurrentGeneration",
        "bareMetal": "BareMetal",
        "hypervisor": "Hypervisor || ''",
        "networkPerformance": "NetworkInfo.NetworkPerformance",
        "encryptionInTransitSupported": "NetworkInfo.EncryptionInTransitSupported || `false`",
        "supportedArchitectures": "ProcessorInfo.SupportedArchitectures",
    }
    return select(outputs, only)


def instance_type_offerings(account: Account, asked: Inputs) -> Answer:
    found = account.client("ec2").describe_instance_type_offerings(
        LocationType=asked["locationType"], Filters=_filters(asked)
    )
    return {"id": account.region, "locations": [offer["Location"] for offer in found["InstanceTypeOfferings"]]}


def subnets(account: Account, asked: Inputs) -> Answer:
    found = account.client("ec2").describe_subnets(Filters=_filters(asked))["Subnets"]
    return {"id": account.region, "ids": [subnet["SubnetId"] for subnet in found]}


def subnet(account: Account, asked: Inputs) -> Answer:
    found = account.client("ec2").describe_subnets(Filters=_filters(asked), SubnetIds=[asked["id"]])["Subnets"]
    outputs = {
        "id": "SubnetId",
        "arn": "SubnetArn",
        "availabilityZone": "AvailabilityZone",
        "cidrBlock": "CidrBlock",
        "vpcId": "VpcId",
    }
    return select(outputs, _only("subnet", found))


def vpn_gateway(account: Account, asked: Inputs) -> Answer:
    named = _filters(asked, id="vpn-gateway-id", state="state")
    found = account.client("ec2").describe_vpn_gateways(Filters=named)["VpnGateways"]
    return select({"id": "VpnGatewayId"}, _only("virtual private gateway", found))


def transit_gateway(account: Account, asked: Inputs) -> Answer:
    named = _filters(asked, id="transit-gateway-id")
    found = account.client("ec2").describe_transit_gateways(Filters=named)["TransitGateways"]
    return select({"id": "TransitGatewayId"}, _only("transit gateway", found))


def prebuilt_image(account: Account, asked: Inputs) -> Answer:
    """The path of an image that AWS publishes. Like the provider, it doesn't check that the tag exists."""
    suffix, tag = asked.get("dnsSuffix", account.dns_suffix), asked.get("imageTag", "1")
    try:
        return aws_facts.prebuilt_image(asked["repositoryName"], tag, account.region, suffix)
    except aws_facts.NoFactError as error:
        raise UnhandledError(str(error)) from None
    except aws_facts.NoRegistryError as error:
        raise RefusedError(str(error)) from None


def _filters(asked: Inputs, **named: str) -> list[dict[str, Any]]:
    """EC2's filters: those that the lookup lists, its tags, and the arguments `named` by the filter that each is."""
    values = {f"tag:{name}": value for name, value in asked.get("tags", {}).items()}
    values |= {filter_name: asked[argument] for argument, filter_name in named.items() if argument in asked}
    return [{"Name": entry["name"], "Values": entry["values"]} for entry in asked.get("filters", [])] + [
        {"Name": name, "Values": [value]} for name, value in values.items()
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
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": instance_type_offerings,
    "aws:ec2/getSubnets:getSubnets": subnets,
    "aws:ec2/getSubnet:getSubnet": subnet,
    "aws:ec2/getVpnGateway:getVpnGateway": vpn_gateway,
    "aws:ec2transitgateway/getTransitGateway:getTransitGateway": transit_gateway,
    "aws:sagemaker/getPrebuiltEcrImage:getPrebuiltEcrImage": prebuilt_image,
}
