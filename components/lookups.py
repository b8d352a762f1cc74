"""Looks up in AWS, before anything is declared: account, zones, prefix lists, instance types, images.

The answers are plain values, because they shape the graph or enter policy documents, which should be whole at preview.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.certificates import check_certificate
from components.endpoint_services import FRONT_DOOR, RUNTIME, runtime_service
from components.existing_checks import check_existing
from components.existing_needs import Needs
from components.existing_vpc import ExistingVpc, read
from components.fleet_checks import Capacity, check_fleet
from components.flows import Gateway
from components.iam import Account
from components.images import ServingImage
from components.instance_checks import check_hosting
from components.model_packages import Packages, read_packages
from components.settings import EndpointSettings, ImageSettings, Settings, SettingsError, label
from components.zones import check_types, choose_zones, subnets_in_use, zones_offering

PREBUILT_REPOSITORIES = {
    "xgboost": "sagemaker-xgboost",
    "scikit-learn": "sagemaker-scikit-learn",
    "pytorch": "pytorch-inference",
    "tensorflow": "tensorflow-inference",
    "huggingface": "huggingface-pytorch-inference",
    "lmi": "djl-inference",
}
"""https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html"""


@dataclass(frozen=True)
class PrefixList:
    """AWS's own list of a service's addresses, which route tables and security groups can refer to."""

    id: str
    cidrs: Sequence[str]


@dataclass(frozen=True)
class InstanceFacts:
    """What EC2 says of an instance type's hardware."""

    vcpus: int
    gpus: int
    local_storage: bool
    """Whether it has NVMe storage of its own."""
    memory_mb: int
    architecture: str = "amd64"
    """Docker's name of its processors' architecture: Graviton's is arm64."""


@dataclass(frozen=True)
class RegionFacts:
    """What AWS says of the account and region that the stack is deployed to."""

    account: Account
    zones: Sequence[str]
    """The stack's availability zones."""
    subnets_in_use: Mapping[str, str]
    """The block of the app tier's subnet in each zone that the stack already has subnets in."""
    service_zones: Mapping[str, Sequence[str]]
    """Which of them offer an endpoint service, by service."""
    prefix_lists: Mapping[Gateway, PrefixList]
    instances: Mapping[str, InstanceFacts]
    """By instance type."""
    prebuilt_images: Mapping[ImageSettings, ServingImage]
    """Those of the settings' images that AWS built."""
    packages: Packages
    """What the settings' model packages are made of."""
    existing: ExistingVpc | None = None
    """The VPC that is there already, if the stack is to use one."""


def look_up(settings: Settings) -> RegionFacts:
    """What the settings need to know. Raises SettingsError where they name what the region does not have."""
    account = _account(settings.region)
    further = [*settings.private_access.interface_endpoints, *([FRONT_DOOR] if settings.private_api else [])]
    offered = {service: _zones_of(service, settings) for service in (RUNTIME, *further)}
    existing = settings.network.existing
    vpc = read(settings, existing) if existing else None
    in_use = {} if vpc else subnets_in_use()
    kinds = sorted({kind for endpoint in settings.endpoints for kind in endpoint.instance_types})
    types = {kind: zones_offering(kind) for kind in kinds}
    prefix_lists = {gateway: _prefix_list(gateway, settings.region) for gateway in _gateways(settings)}
    if vpc and existing:
        blocks = {gateway: found.cidrs for gateway, found in prefix_lists.items()}
        check_existing(Needs(settings, existing, vpc, blocks, offered[RUNTIME]))
        zones = vpc.zones
        check_types(zones, types)
    else:
        zones = choose_zones(settings, list(in_use), offered[RUNTIME], types)
    if settings.network.on_premises:
        _check_gateway(settings.network.on_premises.gateway_id)
    if settings.front_door:
        check_certificate(settings.front_door, settings.region)
    instances = {kind: _instance_facts(kind) for kind in types}
    for position, endpoint in enumerate(settings.endpoints):
        _check_volume_key(position, endpoint, instances)
        for number, variant in enumerate(endpoint.hosted_variants):
            found = instances[variant.instance_type]
            key = f"endpoints[{position}].{endpoint.key(number)}"
            check_hosting(key, variant, gpus=found.gpus, local_storage=found.local_storage)
        if endpoint.components and endpoint.instance_type:
            found = instances[endpoint.instance_type]
            check_fleet(position, endpoint, Capacity(found.vcpus, found.gpus, found.memory_mb))
    _check_alarm_names(settings.endpoints, instances)
    images = dict.fromkeys(container.image for container in settings.containers)
    return RegionFacts(
        account=account,
        zones=zones,
        subnets_in_use=in_use,
        service_zones={service: _zones_in_common(service, zones, offers) for service, offers in offered.items()},
        prefix_lists=prefix_lists,
        instances=instances,
        prebuilt_images={image: _prebuilt_image(image, account) for image in images if image.framework},
        packages=read_packages(settings),
        existing=vpc,
    )


@contextmanager
def _looking_up(setting: str, value: str) -> Iterator[None]:
    """A lookup in AWS. If it fails, raises SettingsError that names the setting, without account ids."""
    try:
        yield
    except Exception as error:
        reason = re.sub(r"\d{12}", "<account>", str(error))
        raise SettingsError(
            f"{setting}: {value!r} can't be looked up in AWS. Correct it, or the access: {reason}"
        ) from None


def _account(region: str) -> Account:
    with _looking_up("aws:region", region):
        return Account(aws.get_partition().partition, region, aws.get_caller_identity().account_id)


def _gateways(settings: Settings) -> list[Gateway]:
    return [Gateway.S3, Gateway.DYNAMODB] if settings.private_access.dynamodb else [Gateway.S3]


def _zones_of(service: str, settings: Settings) -> list[str]:
    name = runtime_service(settings.private_access.fips) if service == RUNTIME else service
    with _looking_up("privateAccess.fips" if name.endswith("-fips") else _setting(service), name):
        found = aws.ec2.get_vpc_endpoint_service(
            service_name=f"com.amazonaws.{settings.region}.{name}", service_type="Interface"
        )
    return sorted(found.availability_zones)


def _setting(service: str) -> str:
    """What makes the stack need an endpoint service."""
    return "frontDoor" if service == FRONT_DOOR else "privateAccess.interfaceEndpoints"


def _zones_in_common(service: str, zones: Sequence[str], offered: Sequence[str]) -> list[str]:
    common = [zone for zone in zones if zone in offered]
    if not common:
        raise SettingsError(
            f"{_setting(service)}: {service!r} is offered in none of the stack's zones "
            f"({', '.join(zones)}), only in {', '.join(offered) or 'no zone'}. Remove it, or name other network.zones."
        )
    if missing := sorted(set(zones) - set(common)):
        pulumi.warn(
            f"The endpoint service {service} is not offered in {', '.join(missing)}: it has no interface there."
        )
    return common


def _check_gateway(identity: str) -> None:
    """Raises SettingsError if the account doesn't see the gateway to on-premises clients."""
    with _looking_up("network.onPremises.gatewayId", identity):
        if identity.startswith("tgw-"):
            aws.ec2transitgateway.get_transit_gateway(id=identity)
        else:
            aws.ec2.get_vpn_gateway(id=identity, state="available")


def _prefix_list(gateway: Gateway, region: str) -> PrefixList:
    found = aws.ec2.get_prefix_list(name=f"com.amazonaws.{region}.{gateway}")
    return PrefixList(id=found.id, cidrs=tuple(found.cidr_blocks))


def _instance_facts(instance_type: str) -> InstanceFacts:
    # SageMaker's instance types are EC2's with a prefix, on the same hardware.
    with _looking_up("endpoints[].instanceType", instance_type):
        found = aws.ec2.get_instance_type(instance_type=instance_type.removeprefix("ml."))
    return InstanceFacts(
        vcpus=found.default_vcpus,
        gpus=sum(gpu.count for gpu in found.gpuses or ()),
        local_storage=found.instance_storage_supported,
        memory_mb=found.memory_size,
        architecture="arm64" if "arm64" in (found.supported_architectures or ()) else "amd64",
    )


def _check_volume_key(position: int, endpoint: EndpointSettings, instances: Mapping[str, InstanceFacts]) -> None:
    """Warns where the customer key can't encrypt local storage. Raises SettingsError where its waiver has no use.

    One key is for the volumes of all variants:
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html (KmsKeyId)
    """
    key = f"endpoints[{position}].volumeKeyOffBecause"
    for kind in endpoint.instance_types:
        local = instances[kind].local_storage
        if endpoint.volume_key_off_because and not local:
            raise SettingsError(
                f"{key}: {kind} has no local storage, so its volume takes the customer key. Remove the setting."
            )
        if local and not endpoint.volume_key_off_because:
            pulumi.warn(
                f"{endpoint.name}: the customer key does not encrypt the local storage of {kind}, which its hardware "
                f"encrypts. If AWS refuses the configuration, give {key} a reason."
            )


def _check_alarm_names(endpoints: Sequence[EndpointSettings], instances: Mapping[str, InstanceFacts]) -> None:
    """Raises SettingsError where the alarms of two variants would have one name (components/alarms.py)."""
    labels = {
        label(endpoint.name, variant.name): variant for endpoint in endpoints for variant in endpoint.hosted_variants
    }
    for named, variant in labels.items():
        if f"{named}-gpu" in labels and instances[variant.instance_type].gpus:
            raise SettingsError(
                f"endpoints: {named} has GPUs, whose alarm on their memory would be named {named}-gpu-memory, as that "
                f"of {named}-gpu on its memory. Give one of them another name."
            )


def _prebuilt_image(image: ImageSettings, account: Account) -> ServingImage:
    repository = PREBUILT_REPOSITORIES[image.framework or ""]
    with _looking_up("endpoints[].model.image.framework", f"{image.framework} in {account.region}"):
        found = aws.sagemaker.get_prebuilt_ecr_image(repository_name=repository, image_tag=image.version)
    # The export holds a reference in place of the URI, which can't be taken apart: the ARN has its own attribute.
    owner = Account(account.partition, account.region, found.registry_id)
    return ServingImage(found.registry_path, owner.arn("ecr", f"repository/{repository}"))
