"""Everything that a stack may set, group by group, with its defaults."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from components import cidr, model_archive
from components.camel_case import CamelCaseModel
from components.ecr import EcrImage
from components.settings.fields import (
    Cidrs,
    EcrUri,
    EmailAddress,
    EndpointName,
    GatewayId,
    ImageTag,
    InstanceType,
    KeyArn,
    LogRetentionDays,
    Reason,
    Region,
    SiteCidrs,
    Tags,
    TagValue,
    VpcCidr,
)
from components.settings.problems import Problem, raise_if_any

REGION_KEY = "aws:region"
"""The one setting that is not this project's: the AWS provider reads it too."""

NACL_RULES_AT_MOST = 40
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html (network ACLs: 20, on request 40)"""

ADDRESSES_AN_INSTANCE = 2
"""https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html (configure the VPC: at least two for each instance)"""

FLEETS = 2
"""https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-blue-green.html"""

InterfaceService = Literal[
    "sagemaker.api", "logs", "monitoring", "kms", "sts", "ssm", "ecr.api", "ecr.dkr", "s3", "dynamodb"
]


class _SettingsGroup(CamelCaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        raise_if_any(self._contradictions())
        return self

    def _contradictions(self) -> Iterator[Problem]:
        """Problems between settings that are each valid by themselves."""
        return iter(())


class OnPremisesSettings(_SettingsGroup):
    """Clients outside AWS that reach the runtime endpoint by VPN or Direct Connect."""

    cidrs: SiteCidrs
    """Blocks the clients call from; they may not overlap the VPC."""
    gateway_id: GatewayId
    """The virtual private (vgw-…) or transit gateway (tgw-…) that leads to them.

    With a transit gateway the reachability proof fails, rightly: it is attached to the access subnets, and AWS
    evaluates no network ACL between an attachment and interfaces in its own subnets.
    """


class NetworkSettings(_SettingsGroup):
    """The VPC and its subnets."""

    cidr: VpcCidr = "10.0.0.0/16"
    """The VPC's IPv4 block, a /16 to a /28."""
    zones: Annotated[int, Field(ge=2, le=6)] | Annotated[tuple[str, ...], Field(min_length=2, max_length=6)] = 2
    """Availability zones: how many, or their names.

    Of a number, those in which the stack has subnets stay, and missing ones are the first that offer the runtime
    endpoint and the instance types.
    """
    on_premises: OnPremisesSettings | None = None
    """Clients outside AWS, if any."""
    denied_cidrs: Cidrs = ()
    """Blocks that may reach nothing: denied before every allow, in every tier and both directions."""
    nacl_rule_quota: Annotated[int, Field(ge=20, le=NACL_RULES_AT_MOST)] = 20
    """Rules that the account allows a network ACL in one direction, the default deny included."""

    @property
    def zone_count(self) -> int:
        """How many availability zones."""
        return self.zones if isinstance(self.zones, int) else len(self.zones)

    def _contradictions(self) -> Iterator[Problem]:
        if not isinstance(self.zones, int) and len(set(self.zones)) < len(self.zones):
            yield Problem("zones", list(self.zones), "names a zone twice; name each zone once")
        try:
            cidr.check_room(self.cidr, self.zone_count)
        except cidr.CidrError as error:
            yield Problem("cidr", self.cidr, f"is too small: {error}")
        clients = self.on_premises.cidrs if self.on_premises else ()
        outside = [("deniedCidrs", block) for block in self.denied_cidrs]
        outside += [("onPremises.cidrs", block) for block in clients]
        for key, block in outside:
            if IPv4Network(block).overlaps(IPv4Network(self.cidr)):
                yield Problem(key, block, f"overlaps the VPC ({self.cidr}); use blocks outside it")
        for client in clients:
            if any(IPv4Network(client).overlaps(IPv4Network(block)) for block in self.denied_cidrs):
                yield Problem("onPremises.cidrs", client, "is denied by deniedCidrs; remove it from one of them")


class PrivateAccessSettings(_SettingsGroup):
    """How workloads reach AWS services without the internet, beyond the S3 gateway and the runtime endpoint."""

    interface_endpoints: tuple[InterfaceService, ...] = ()
    """Services with an interface endpoint beyond the SageMaker runtime. Each costs by the hour, zone and GB."""
    dynamodb: bool = False
    """A DynamoDB gateway endpoint (free) for the app tier."""
    fips: bool = False
    """Use the FIPS 140 runtime endpoint. AWS supports no endpoint policy on it."""

    def _contradictions(self) -> Iterator[Problem]:
        if len(set(self.interface_endpoints)) < len(self.interface_endpoints):
            yield Problem("interfaceEndpoints", list(self.interface_endpoints), "names a service twice; name it once")


class SecuritySettings(_SettingsGroup):
    """Keys, logs and what protects data from deletion."""

    key_rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    """Days after which KMS makes new key material."""
    key_deletion_days: Annotated[int, Field(ge=7, le=30)] = 30
    """Days between the deletion request for a key and its deletion by KMS."""
    log_retention_days: LogRetentionDays = 365
    """Days that flow logs and endpoint logs are kept."""
    unprotected_because: Reason | None = None
    """Why Pulumi may delete what holds data (keys, bucket, registry, logs) in this stack."""


class ArtifactSettings(_SettingsGroup):
    """The bucket of model artifacts and the registry of serving images."""

    noncurrent_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days that a replaced version of an object is kept."""
    untagged_image_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days that an untagged image is kept."""
    access_log_bucket: str | None = None
    """An existing bucket for S3 access logs. It can't use a customer key: S3 delivers there under SSE-S3 only."""
    deleted_on_destroy_because: Reason | None = None
    """Why `pulumi destroy` may delete the bucket, its key and the registry; by default they are left in the account."""


class ImageSettings(_SettingsGroup):
    """A serving image: exactly one of a URI, a tag in this stack's registry, or an AWS prebuilt image."""

    uri: EcrUri | None = None
    """An ECR image with tag or digest."""
    repository_tag: ImageTag | None = None
    """A tag in the registry of this stack."""
    framework: Literal["xgboost", "scikit-learn", "pytorch", "tensorflow", "huggingface"] | None = None
    """An AWS prebuilt image, together with `version`."""
    version: ImageTag | None = None
    """The prebuilt image's tag, such as 3.0-5."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("uri", "repository_tag", "framework") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of uri, repositoryTag, or framework with version")
        if (self.framework is None) != (self.version is None):
            raise ValueError("needs framework and version together, such as xgboost and 3.0-5")
        return self


class ModelSettings(_SettingsGroup):
    """What is served: the artifact and the image that loads it."""

    artifact: str
    """A local model.tar.gz (relative to the project) or an S3 URI."""
    image: ImageSettings
    """The serving image."""
    artifact_key_arn: KeyArn | None = None
    """The key of an S3 artifact that is encrypted with a customer key of its own."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the container. No secrets: they are readable in the console."""
    network_isolation_off_because: Reason | None = None
    """Why the container needs the network; it then reaches S3 and this VPC's interface endpoints, nothing else."""

    @property
    def isolated(self) -> bool:
        """Whether the container has no network."""
        return self.network_isolation_off_because is None

    @property
    def local_artifact(self) -> Path | None:
        """The archive on disk; None if it is in S3."""
        return None if self.artifact.startswith("s3://") else Path(self.artifact)

    def _contradictions(self) -> Iterator[Problem]:
        if self.local_artifact is None:
            if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\.tar\.gz", self.artifact):
                yield Problem("artifact", self.artifact, "is not s3://BUCKET/KEY ending in .tar.gz; correct the URI")
        elif problem := model_archive.problem_with(self.local_artifact):
            message = f"can't be served: {problem}. Name a model.tar.gz (`make model` makes the example's)"
            yield Problem("artifact", self.artifact, message)
        if self.artifact_key_arn and self.local_artifact is not None:
            message = "is for S3 artifacts; remove it, local ones use the stack's key"
            yield Problem("artifactKeyArn", self.artifact_key_arn, message)


class InstanceSettings(_SettingsGroup):
    """How many instances serve a variant."""

    min: Annotated[int, Field(ge=1, le=1000)] = 2
    """Scaling never goes below; two or more keep serving when a zone fails."""
    max: Annotated[int, Field(ge=1, le=1000)] = 10
    """Scaling never goes above."""
    initial: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Instances at creation; `min` unless given."""
    single_because: Reason | None = None
    """Why one instance is enough, and an outage of its zone an outage of the endpoint."""

    @property
    def at_creation(self) -> int:
        """How many instances the endpoint starts with."""
        return self.min if self.initial is None else self.initial

    def _contradictions(self) -> Iterator[Problem]:
        if self.min > self.max:
            yield Problem("max", self.max, f"is below min ({self.min}); raise max or lower min")
        elif not self.min <= self.at_creation <= self.max:
            message = f"must lie between min ({self.min}) and max ({self.max}); leave it out for min"
            yield Problem("initial", self.initial, message)
        if self.min < 2 and self.single_because is None:
            message = "is below 2: one zone's outage stops the endpoint. Use 2, or give singleBecause a reason"
            yield Problem("min", self.min, message)


class ScalingSettings(_SettingsGroup):
    """When instances are added and removed."""

    invocations_per_instance: Annotated[float, Field(gt=0)] = 600
    """Target of SageMakerVariantInvocationsPerInstance, a minute. Start with half of what one instance bears."""
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 60
    """Target of CPUUtilization, in percent of the whole instance whatever its vCPUs."""
    scale_out_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two additions."""
    scale_in_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two removals."""


class AlarmSettings(_SettingsGroup):
    """Thresholds over five minutes that notify the operators."""

    server_errors: Annotated[int, Field(ge=1)] = 5
    """Answers with status 5XX."""
    latency_ms: Annotated[float, Field(gt=0)] = 1000
    """95th percentile of the model's latency, in milliseconds."""
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 90
    """Average CPU, in percent of the whole instance."""


class EndpointSettings(_SettingsGroup):
    """One SageMaker endpoint."""

    name: EndpointName
    """Name that callers use."""
    model: ModelSettings
    """What is served."""
    instance_type: InstanceType
    """Such as ml.m5.large."""
    instances: InstanceSettings = InstanceSettings()
    """How many."""
    scaling: ScalingSettings = ScalingSettings()
    """When the number changes."""
    alarms: AlarmSettings = AlarmSettings()
    """When operators are notified."""
    volume_key_off_because: Reason | None = None
    """For instance types with local NVMe storage only: why no customer key is named (the hardware encrypts it)."""


class OperatorSettings(_SettingsGroup):
    """Who is notified of alarms."""

    emails: tuple[EmailAddress, ...] = ()
    """Addresses subscribed to the alarm topic; each must confirm."""


def _distinct_names(endpoints: tuple[EndpointSettings, ...]) -> tuple[EndpointSettings, ...]:
    raise_if_any(_repeated_names(endpoints))
    return endpoints


def _repeated_names(endpoints: Sequence[EndpointSettings]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for position, endpoint in enumerate(endpoints):
        other = first.setdefault(endpoint.name.lower(), position)
        if other != position:
            yield Problem(
                f"[{position}].name",
                endpoint.name,
                f"is the name of endpoints[{other}] too, case aside; give each endpoint a name of its own",
            )


class Settings(_SettingsGroup):
    """Everything that a stack may set."""

    region: Annotated[Region, Field(alias=REGION_KEY)]
    """The stack's region."""
    owner: TagValue
    """Team that answers for the stack; a tag on every resource."""
    cost_center: TagValue
    """Who pays; a tag on every resource."""
    tags: Tags = Field(default_factory=dict)
    """Further tags on every resource."""
    network: NetworkSettings = NetworkSettings()
    private_access: PrivateAccessSettings = PrivateAccessSettings()
    security: SecuritySettings = SecuritySettings()
    artifacts: ArtifactSettings = ArtifactSettings()
    operators: OperatorSettings = OperatorSettings()
    endpoints: Annotated[tuple[EndpointSettings, ...], AfterValidator(_distinct_names)] = ()
    """The endpoints to serve. None yet is fine: network and registry come first."""

    @property
    def protect_data(self) -> bool:
        """Whether Pulumi refuses to delete what holds data."""
        return self.security.unprotected_because is None

    @property
    def keep_artifacts(self) -> bool:
        """Whether bucket, objects, registry and their key stay in the account on destroy."""
        return self.artifacts.deleted_on_destroy_because is None

    def _contradictions(self) -> Iterator[Problem]:
        room = self._model_addresses()
        needed = ADDRESSES_AN_INSTANCE * FLEETS * sum(endpoint.instances.max for endpoint in self.endpoints)
        if needed > room:
            yield Problem(
                "network.cidr",
                self.network.cidr,
                f"leaves {room} addresses for model instances, and the endpoints' maxima need {needed}: "
                f"{ADDRESSES_AN_INSTANCE} for each instance of {FLEETS} fleets, because an update starts the new one "
                "beside the old one; choose a larger block or lower instances.max",
            )
        for position, endpoint in enumerate(self.endpoints):
            uri = endpoint.model.image.uri
            if uri and EcrImage.parse(uri).region != self.region:
                message = f"is not in {self.region}, and SageMaker takes images of its own region only; copy it there"
                yield Problem(f"endpoints[{position}].model.image.uri", uri, message)

    def _model_addresses(self) -> int:
        zones = [str(zone) for zone in range(self.network.zone_count)]
        plan = cidr.plan_subnets(self.network.cidr, zones)
        return plan.usable_addresses(cidr.Tier.MODEL) * len(zones)
