"""What a serving fleet needs to start an instance, now: at its start, when it scales out and when one is replaced.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/best-practice-endpoint-security.html (configuration, model,
artifact, image and permissions, for as long as the endpoint lives), sagemaker-roles.html (what the execution role
needs) and host-vpc.html (the network) there. Only facts come in: whoever calls reads them, from moto or from boto3.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from private_inference.rehearsal.iam_decision import Document, Request, Role, Way, may, may_with_key, passes, trusts
from private_inference.rehearsal.s3_path import EgressRule, PrefixList, Subnet, blocked

REGISTRY = re.compile(r"(?P<account>[^.]+)\.dkr\.ecr\.(?P<region>[^.]+)\.[^/]+/(?P<name>[^:@]+)[:@]?(?P<version>.*)")
"""The URI of an image in Amazon ECR: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html."""

PULL_IMAGE = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True)
class Key:
    """A customer's KMS key: its ARN, its policy, and whether it is enabled."""

    arn: str
    policy: Document
    enabled: bool


@dataclass(frozen=True)
class Artifact:
    """A model archive in S3."""

    uri: str
    arn: str
    exists: bool
    bucket_policy: Document | None = None
    key: Key | None = None
    """The key that the object is encrypted with, if it is."""
    key_missing: bool = False
    """Whether it is encrypted with a key that is no longer there."""
    bucket_key: bool = False
    """Whether S3 uses a bucket key, which is bound to the bucket instead of the object."""


@dataclass(frozen=True)
class Prefix:
    """Where a model's files lie in S3, if it is no archive: SageMaker lists them, then reads each.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3ModelDataSource.html (S3Prefix)
    """

    uri: str
    """It ends in `/`."""
    partition: str
    exists: bool
    """Whether any object lies below it."""
    bucket_policy: Document | None = None

    def listing(self, role: Role, way: Way | None) -> Request:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html (s3:prefix)"""
        bucket, _, prefix = self.uri.removeprefix("s3://").partition("/")
        arn = f"arn:{self.partition}:s3:::{bucket}"
        return Request("s3:ListBucket", arn, _to_s3(role, way) | {"s3:prefix": prefix})


@dataclass(frozen=True)
class Image:
    """A container image in a registry of Amazon ECR."""

    uri: str
    repository_arn: str
    exists: bool
    """Taken for granted where the registry is another account's."""
    repository_policy: Document | None = None


@dataclass(frozen=True)
class Network:
    """Where the fleet's network interfaces lie."""

    vpc_arn: str
    subnets: Sequence[Subnet]
    group_ids: Sequence[str]
    egress: Sequence[EgressRule]
    """Of all its security groups."""
    s3: PrefixList


@dataclass(frozen=True)
class Fleet:
    """The facts about one production variant."""

    variant: str
    region: str
    configuration: str
    configuration_exists: bool
    model: str
    model_exists: bool
    role_arn: str = ""
    role: Role | None = None
    artifacts: Sequence[Artifact] = ()
    prefixes: Sequence[Prefix] = ()
    images: Sequence[Image] = ()
    network: Network | None = None
    unknown_network: str = ""
    """What AWS says of a subnet or group that is no longer there."""
    unusable_volume_key: str = ""
    """The key of the instances' volumes, if it is disabled or no longer there."""


@dataclass(frozen=True)
class Missing:
    """One thing that a fleet lacks."""

    name: str
    """Such as `artifact s3://bucket/model.tar.gz`."""
    reason: str
    """As a FailureReason: AWS's words where they are known."""


def missing(fleet: Fleet) -> list[Missing]:
    """All that keeps an instance of the fleet from starting; nothing if one can start."""
    found = []
    if not fleet.configuration_exists:
        found.append(
            Missing(
                f"configuration {fleet.configuration}",
                f'Could not find endpoint configuration "{fleet.configuration}".',
            )
        )
    if not fleet.model_exists:
        return [*found, Missing(f"model {fleet.model}", f'Could not find model "{fleet.model}".')]
    role = fleet.role
    if role is None or not trusts(role, "sagemaker.amazonaws.com"):
        why = (
            f"Could not assume role {fleet.role_arn}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
        return [*found, Missing(f"role {fleet.role_arn}", why)]
    found += [item for prefix in fleet.prefixes for item in _unlisted(fleet, role, prefix)]
    found += [item for artifact in fleet.artifacts for item in _unreadable(fleet, role, artifact)]
    found += [item for image in fleet.images for item in _unpullable(role, image)]
    if fleet.unusable_volume_key:
        why = f"The KMS key {fleet.unusable_volume_key} of the endpoint configuration can not be used."
        found.append(Missing(f"volume key {fleet.unusable_volume_key}", why))
    if fleet.unknown_network:
        found.append(Missing("network", fleet.unknown_network))
    if fleet.network:
        found += _interfaces_refused(role, fleet.network)
        if fleet.artifacts:
            found += _unreachable(fleet.network)
    return found


def reading(role: Role, arn: str, way: Way | None) -> Request:
    """The request that reads an object of S3, by its ARN; without a way, from outside of any VPC."""
    return Request("s3:GetObject", arn, _to_s3(role, way))


def _to_s3(role: Role, way: Way | None) -> dict[str, str]:
    context = {
        "aws:securetransport": "true",
        "s3:tlsversion": "1.3",
        "aws:resourceaccount": role.account,
        "s3:resourceaccount": role.account,
    }
    return context | (way.context if way else {})


def artifact_uri(container: Mapping[str, Any]) -> str:
    """The S3 URI of what a container loads, in the form of DescribeModel; empty for one that loads nothing."""
    source = (container.get("ModelDataSource") or {}).get("S3DataSource", {})
    return container.get("ModelDataUrl") or source.get("S3Uri") or ""


def _ways(network: Network | None) -> list[Way | None]:
    """Each way to S3: one a subnet, or one outside of any VPC."""
    gateways = {subnet.gateway.id: subnet.gateway for subnet in network.subnets if subnet.gateway} if network else {}
    if network is None or not gateways:
        return [None]
    return [Way(gateway.id, network.vpc_arn, gateway.policy, gateway=True) for gateway in gateways.values()]


def _unreadable(fleet: Fleet, role: Role, artifact: Artifact) -> Iterable[Missing]:
    name = f"artifact {artifact.uri}"
    if not artifact.exists:
        yield Missing(name, f"Could not find model data at {artifact.uri}.")
        return
    why = (
        f'Could not access model data at {artifact.uri}. Please ensure that the role "{role.arn}" exists and that its '
        'trust relationship policy allows the action "sts:AssumeRole" for the service principal '
        '"sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the object is '
        f"located in {fleet.region}."
    )
    for way in _ways(fleet.network):
        request = reading(role, artifact.arn, way)
        if not may(role, request, artifact.bucket_policy):
            yield Missing(f"s3:GetObject on {artifact.arn} for the role", why)
        if way is not None and not passes(role, request, way):
            yield Missing(f"s3:GetObject on {artifact.arn} through {way.endpoint}", why)
    if artifact.key_missing or (artifact.key and not artifact.key.enabled):
        yield Missing(f"key of {artifact.uri}", why)
    elif artifact.key and not may_with_key(
        role, decrypting(fleet.region, role, artifact, artifact.key), artifact.key.policy
    ):
        yield Missing(f"kms:Decrypt on {artifact.key.arn}", why)


def _unlisted(fleet: Fleet, role: Role, prefix: Prefix) -> Iterable[Missing]:
    if not prefix.exists:
        yield Missing(f"artifact {prefix.uri}", f"Could not find model data at {prefix.uri}.")
        return
    why = (
        f'Could not list model data at {prefix.uri}. Please ensure that the role "{role.arn}" has s3:ListBucket there.'
    )
    for way in _ways(fleet.network):
        request = prefix.listing(role, way)
        if not may(role, request, prefix.bucket_policy):
            yield Missing(f"s3:ListBucket below {prefix.uri} for the role", why)
        if way is not None and not passes(role, request, way):
            yield Missing(f"s3:ListBucket below {prefix.uri} through {way.endpoint}", why)


def decrypting(region: str, role: Role, artifact: Artifact, key: Key) -> Request:
    """S3 decrypts for whoever reads: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html."""
    context = {
        "kms:viaservice": f"s3.{region}.amazonaws.com",
        "kms:calleraccount": role.account,
        "kms:encryptioncontext:aws:s3:arn": artifact.arn.partition("/")[0] if artifact.bucket_key else artifact.arn,
    }
    return Request("kms:Decrypt", key.arn, context)


def _unpullable(role: Role, image: Image) -> Iterable[Missing]:
    if not image.exists:
        yield Missing(f"image {image.uri}", f"The image '{image.uri}' does not exist.")
        return
    for action in PULL_IMAGE:
        if not may(role, Request(action, image.repository_arn), image.repository_policy):
            permission = action.removeprefix("ecr:")
            why = f"The role '{role.arn}' does not have {permission} permission for the image: '{image.uri}'."
            yield Missing(f"{action} on {image.repository_arn}", why)


def _interfaces_refused(role: Role, network: Network) -> Iterable[Missing]:
    """What is refused of the network interfaces, on each resource that the call involves.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html.
    """
    prefix = network.vpc_arn.rpartition(":")[0]
    for subnet in network.subnets:
        place = {"ec2:vpc": network.vpc_arn, "ec2:subnet": f"{prefix}:subnet/{subnet.id}"}
        made = f"{prefix}:network-interface/eni-new"
        requests = [
            Request("ec2:CreateNetworkInterface", place["ec2:subnet"], {"ec2:vpc": network.vpc_arn}),
            *(
                Request("ec2:CreateNetworkInterface", f"{prefix}:security-group/{group}", {"ec2:vpc": network.vpc_arn})
                for group in network.group_ids
            ),
            Request("ec2:CreateNetworkInterface", made),
            Request("ec2:CreateNetworkInterfacePermission", made, place),
        ]
        for request in requests:
            if not may(role, request):
                resource = request.resource.replace("/eni-new", "")
                why = f"The role '{role.arn}' is not authorized to perform {request.action} on {resource}."
                yield Missing(f"{request.action} on {resource}", why)


def _unreachable(network: Network) -> Iterable[Missing]:
    for subnet in network.subnets:
        for reason in blocked(subnet, network.egress, network.s3):
            yield Missing(f"path from {subnet.id} to S3: {reason}", f"Failed to download model data: {reason}.")
