"""The settings of a stack: typed, validated once, frozen. The only reader of Pulumi configuration.

Every default is the strict choice. What loosens one is named `…Because` and takes the reason, which is shown to
reviewers. All problems of a stack's configuration are reported at once, each with its key, value and remedy.
"""

import json
import re
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pulumi
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from components import cidr, model_archive, service_model
from components.problems import Problems, explain

REGION_KEY = "aws:region"
"""The one setting that is not this project's: the AWS provider reads it too."""

LONGEST_NAME = 55
"""AWS allows an endpoint 63 characters; Pulumi's suffix on the names derived from it takes eight."""

LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

PRIVATE_NETWORKS = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
"""RFC 1918. Python's `is_private` means more: loopback and link-local too, which AWS refuses."""

WIDEST_SITE = 8
"""Prefix length of the largest block that is one organisation's network: a wider route leads to the internet."""

NACL_RULES_AT_MOST = 40
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html (network ACLs: 20, on request 40)"""

OWN_TAGS = ("Project", "Stack", "Owner", "CostCenter", "Name")
"""Tags that the stack or its resources set."""

InterfaceService = Literal[
    "sagemaker.api", "logs", "monitoring", "kms", "sts", "ssm", "ecr.api", "ecr.dkr", "s3", "dynamodb"
]  # fmt: skip


class SettingsError(pulumi.RunError):
    """The configuration can't be used. Pulumi prints the message without a traceback."""


def _network(value: str) -> str:
    try:
        network = IPv4Network(value)
    except ValueError:
        loose = _loose_network(value)
        fix = f"write {loose}" if loose else "write an IPv4 block such as 10.0.0.0/16"
        raise ValueError(f"is not an IPv4 CIDR block; {fix}") from None
    return str(network)


def _loose_network(value: str) -> str | None:
    try:
        return str(IPv4Network(value, strict=False))
    except ValueError:
        return None


def _vpc_network(value: str) -> str:
    network = IPv4Network(_network(value))
    if not 16 <= network.prefixlen <= 28:
        raise ValueError(f"is a /{network.prefixlen}; a VPC is a /16 to a /28. Choose one such as 10.0.0.0/16")
    if not any(network.subnet_of(private) for private in PRIVATE_NETWORKS):
        raise ValueError("is not a private block; choose one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    return str(network)


def _region(value: str) -> str:
    if value not in service_model.regions():
        raise ValueError(f"is not a region of SageMaker; did you mean {_closest(value, service_model.regions())}?")
    return value


def _instance_type(value: str) -> str:
    known = service_model.instance_types()
    if value not in known:
        raise ValueError(f"is not an instance type of SageMaker endpoints; did you mean {_closest(value, known)}?")
    if value.startswith("ml.t2."):
        raise ValueError(
            "is burstable, and such a variant can't be scaled automatically; choose one such as ml.m5.large"
        )
    return value


def _closest(value: str, known: frozenset[str]) -> str:
    from difflib import get_close_matches

    return " or ".join(get_close_matches(value, sorted(known), n=2, cutoff=0)) or "another one"


def _endpoint_name(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(f"has {len(value)} characters; at most {LONGEST_NAME} are allowed. Choose a shorter name")
    if not re.fullmatch(service_model.endpoint_name_pattern(), value):
        raise ValueError("may hold letters, digits and inner hyphens only; rename it, such as credit-risk")
    return value


def _retention(value: int) -> int:
    if value not in LOG_RETENTION_DAYS:
        raise ValueError(
            f"is not a retention of CloudWatch Logs; choose one of {', '.join(map(str, LOG_RETENTION_DAYS))}"
        )
    return value


def _distinct_networks(values: tuple[str, ...]) -> tuple[str, ...]:
    networks = [IPv4Network(value) for value in values]
    for position, network in enumerate(networks):
        for other in networks[:position]:
            if network.overlaps(other):
                raise ValueError(f"has {network} and {other}, which overlap; keep the larger one only")
    return values


def _sites(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if IPv4Network(value).prefixlen < WIDEST_SITE:
            raise ValueError(
                f"has {value}, which is more than a /{WIDEST_SITE}; name the blocks of the sites themselves"
            )
    return values


def _form(pattern: str, form: str) -> AfterValidator:
    """A string that must match; `form` says in words what it then is, and how to write it."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is not {form}")
        return value

    return AfterValidator(check)


def _tags(tags: dict[str, str]) -> dict[str, str]:
    for key in tags:
        if key in OWN_TAGS:
            raise ValueError(f"sets {key}, which the stack sets itself; remove it")
        if key.lower().startswith("aws:"):
            raise ValueError(f"sets {key}, and AWS keeps what begins with aws: for itself; rename it")
    return tags


Cidr = Annotated[str, AfterValidator(_network)]
Cidrs = Annotated[tuple[Cidr, ...], AfterValidator(_distinct_networks)]
Tag = Annotated[
    str, _form(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "an image's tag; write letters, digits, and . _ - inside")
]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=200)]
"""Why a default is loosened: a sentence for the reviewer."""


class _Settings(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


class OnPremises(_Settings):
    """Clients outside AWS that reach the runtime endpoint by VPN or Direct Connect."""

    cidrs: Annotated[Cidrs, AfterValidator(_sites), Field(min_length=1)]
    """Blocks the clients call from; they may not overlap the VPC."""
    gateway_id: Annotated[
        str, _form(r"(vgw|tgw)-[0-9a-f]{8,17}", "the id of a gateway; write one such as vgw-0a1b2c3d or tgw-0a1b2c3d")
    ]
    """The virtual private (vgw-…) or transit gateway (tgw-…) that leads to them.

    With a transit gateway the reachability proof fails, rightly: it is attached to the access subnets, and AWS
    evaluates no network ACL between an attachment and interfaces in its own subnets.
    """


class Network(_Settings):
    """The VPC and its subnets."""

    cidr: Annotated[str, AfterValidator(_vpc_network)] = "10.0.0.0/16"
    """The VPC's IPv4 block, a /16 to a /28."""
    zones: Annotated[int, Field(ge=2, le=6)] | Annotated[tuple[str, ...], Field(min_length=2, max_length=6)] = 2
    """Availability zones: how many (the first ones that offer the runtime endpoint), or their names."""
    on_premises: OnPremises | None = None
    """Clients outside AWS, if any."""
    denied_cidrs: Cidrs = ()
    """Blocks that may reach nothing: denied before every allow, in every tier and both directions."""
    nacl_rule_quota: Annotated[int, Field(ge=20, le=NACL_RULES_AT_MOST)] = 20
    """Rules that the account allows a network ACL in one direction, the default deny included."""

    @property
    def zone_count(self) -> int:
        return self.zones if isinstance(self.zones, int) else len(self.zones)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = Problems()
        if not isinstance(self.zones, int) and len(set(self.zones)) < len(self.zones):
            problems.add("zones", list(self.zones), "names a zone twice; name each zone once")
        try:
            cidr.check_room(self.cidr, self.zone_count)
        except cidr.CidrError as error:
            problems.add("cidr", self.cidr, f"is too small: {error}")
        others = [("deniedCidrs", block) for block in self.denied_cidrs]
        others += [("onPremises.cidrs", block) for block in (self.on_premises.cidrs if self.on_premises else ())]
        for key, block in others:
            if IPv4Network(block).overlaps(IPv4Network(self.cidr)):
                problems.add(key, block, f"overlaps the VPC ({self.cidr}); use blocks outside it")
        for client in self.on_premises.cidrs if self.on_premises else ():
            if any(IPv4Network(client).overlaps(IPv4Network(block)) for block in self.denied_cidrs):
                problems.add("onPremises.cidrs", client, "is denied by deniedCidrs; remove it from one of them")
        problems.raise_any()
        return self


class PrivateAccess(_Settings):
    """How workloads reach AWS services without the internet, beyond the S3 gateway and the runtime endpoint."""

    interface_endpoints: tuple[InterfaceService, ...] = ()
    """Services with an interface endpoint beyond the SageMaker runtime. Each costs by the hour, zone and GB."""
    dynamodb: bool = False
    """A DynamoDB gateway endpoint (free) for the app tier."""
    fips: bool = False
    """Use the FIPS 140 runtime endpoint. AWS supports no endpoint policy on it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = Problems()
        if len(set(self.interface_endpoints)) < len(self.interface_endpoints):
            problems.add("interfaceEndpoints", list(self.interface_endpoints), "names a service twice; name it once")
        problems.raise_any()
        return self


class Security(_Settings):
    """Keys, logs and what protects data from deletion."""

    key_rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    """Days after which KMS makes new key material."""
    key_deletion_days: Annotated[int, Field(ge=7, le=30)] = 30
    """Days between a key's destruction and its loss."""
    log_retention_days: Annotated[int, AfterValidator(_retention)] = 365
    """Days that flow logs and endpoint logs are kept."""
    unprotected_because: Reason | None = None
    """Why Pulumi may delete what holds data (keys, bucket, registry, logs) in this stack."""


class Artifacts(_Settings):
    """The bucket of model artifacts and the registry of serving images."""

    noncurrent_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days that a replaced version of an object is kept."""
    untagged_image_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days that an untagged image is kept."""
    access_log_bucket: str | None = None
    """An existing bucket for S3 access logs. It can't use a customer key: S3 delivers there under SSE-S3 only."""
    deleted_on_destroy_because: Reason | None = None
    """Why `pulumi destroy` may delete the bucket, its key and the registry; by default they are left in the account."""


class Image(_Settings):
    """A serving image: exactly one of a URI, a tag in this stack's registry, or an AWS prebuilt image."""

    uri: (
        Annotated[
            str,
            _form(
                r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+[:@].+",
                "an image in ECR; write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY with :TAG or @DIGEST",
            ),
        ]
        | None
    ) = None
    """An ECR image with tag or digest."""
    repository_tag: Tag | None = None
    """A tag in the registry of this stack."""
    framework: Literal["xgboost", "scikit-learn", "pytorch", "tensorflow", "huggingface"] | None = None
    """An AWS prebuilt image, together with `version`."""
    version: Tag | None = None
    """The prebuilt image's tag, such as 3.0-5."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ("uri", "repository_tag", "framework") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of uri, repositoryTag, or framework with version")
        if (self.framework is None) != (self.version is None):
            raise ValueError("needs framework and version together, such as xgboost and 3.0-5")
        return self


class Model(_Settings):
    """What is served: the artifact and the image that loads it."""

    artifact: str
    """A local model.tar.gz (relative to the project) or an S3 URI."""
    image: Image
    """The serving image."""
    artifact_key_arn: (
        Annotated[
            str,
            _form(
                r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/.+",
                "a key's ARN; write arn:aws:kms:REGION:ACCOUNT:key/ID (an alias won't do)",
            ),
        ]
        | None
    ) = None
    """The key of an S3 artifact that is encrypted with a customer key of its own."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables of the container. No secrets: they are readable in the console."""
    network_isolation_off_because: Reason | None = None
    """Why the container needs the network; it then reaches S3 and this VPC's interface endpoints, nothing else."""

    @property
    def isolated(self) -> bool:
        return self.network_isolation_off_because is None

    @property
    def local_artifact(self) -> Path | None:
        return None if self.artifact.startswith("s3://") else Path(self.artifact)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = Problems()
        if self.local_artifact is None:
            if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+\.tar\.gz", self.artifact):
                problems.add("artifact", self.artifact, "is not s3://BUCKET/KEY ending in .tar.gz; correct the URI")
        elif problem := model_archive.problem_with(self.local_artifact):
            problems.add(
                "artifact",
                self.artifact,
                f"can't be served: {problem}. Name a model.tar.gz (`make model` makes the example's)",
            )
        if self.artifact_key_arn and self.local_artifact is not None:
            problems.add(
                "artifactKeyArn",
                self.artifact_key_arn,
                "is for S3 artifacts; remove it, local ones use the stack's key",
            )
        problems.raise_any()
        return self


class Instances(_Settings):
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
        return self.min if self.initial is None else self.initial

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = Problems()
        if self.min > self.max:
            problems.add("max", self.max, f"is below min ({self.min}); raise max or lower min")
        elif not self.min <= self.at_creation <= self.max:
            problems.add(
                "initial", self.initial, f"must lie between min ({self.min}) and max ({self.max}); leave it out for min"
            )
        if self.min < 2 and self.single_because is None:
            problems.add(
                "min",
                self.min,
                "is below 2: one zone's outage stops the endpoint. Use 2, or give singleBecause a reason",
            )
        problems.raise_any()
        return self


class Scaling(_Settings):
    """When instances are added and removed."""

    invocations_per_instance: Annotated[float, Field(gt=0)] = 600
    """Target of SageMakerVariantInvocationsPerInstance, a minute. Start with half of what one instance bears."""
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 60
    """Target of CPUUtilization, in percent of the whole instance whatever its vCPUs."""
    scale_out_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two additions."""
    scale_in_cooldown: Annotated[int, Field(ge=0, le=3600)] = 300
    """Seconds between two removals."""


class Alarms(_Settings):
    """Thresholds over five minutes that notify the operators."""

    server_errors: Annotated[int, Field(ge=1)] = 5
    """Answers with status 5XX."""
    latency_ms: Annotated[float, Field(gt=0)] = 1000
    """95th percentile of the model's latency, in milliseconds."""
    cpu_percent: Annotated[float, Field(gt=0, le=100)] = 90
    """Average CPU, in percent of the whole instance."""


class Endpoint(_Settings):
    """One SageMaker endpoint."""

    name: Annotated[str, AfterValidator(_endpoint_name)]
    """Name that callers use."""
    model: Model
    """What is served."""
    instance_type: Annotated[str, AfterValidator(_instance_type)]
    """Such as ml.m5.large."""
    instances: Instances = Instances()
    """How many."""
    scaling: Scaling = Scaling()
    """When the number changes."""
    alarms: Alarms = Alarms()
    """When operators are told."""
    volume_key_off_because: Reason | None = None
    """For instance types with local NVMe storage only: why no customer key is named (the hardware encrypts it)."""


class Operators(_Settings):
    """Who is told of alarms."""

    emails: tuple[
        Annotated[str, _form(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an email address; write one such as team@example.com")], ...
    ] = ()
    """Addresses subscribed to the alarm topic; each must confirm."""


def _distinct_names(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    problems = Problems()
    first: dict[str, int] = {}
    for position, endpoint in enumerate(endpoints):
        other = first.setdefault(endpoint.name.lower(), position)
        if other != position:
            problems.add(
                f"[{position}].name",
                endpoint.name,
                f"is the name of endpoints[{other}] too, case aside; give each endpoint a name of its own",
            )
    problems.raise_any()
    return endpoints


class Settings(_Settings):
    """Everything that a stack may set."""

    region: Annotated[str, AfterValidator(_region), Field(alias=REGION_KEY)]
    """The stack's region."""
    owner: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
    """Team that answers for the stack; a tag on every resource."""
    cost_center: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]
    """Who pays; a tag on every resource."""
    tags: Annotated[dict[str, str], AfterValidator(_tags)] = Field(default_factory=dict)
    """Further tags on every resource."""
    network: Network = Network()
    private_access: PrivateAccess = PrivateAccess()
    security: Security = Security()
    artifacts: Artifacts = Artifacts()
    operators: Operators = Operators()
    endpoints: Annotated[tuple[Endpoint, ...], AfterValidator(_distinct_names)] = ()
    """The endpoints to serve. None yet is fine: network and registry come first."""

    @property
    def protect_data(self) -> bool:
        return self.security.unprotected_because is None

    @property
    def keep_artifacts(self) -> bool:
        return self.artifacts.deleted_on_destroy_because is None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = Problems()
        room = self._model_addresses()
        needed = 2 * sum(endpoint.instances.max for endpoint in self.endpoints)
        if needed > room:
            problems.add(
                "network.cidr", self.network.cidr,
                f"leaves {room} addresses for model instances, and the endpoints' maxima need {needed} (two each); "
                "choose a larger block or lower instances.max",
            )  # fmt: skip
        for position, endpoint in enumerate(self.endpoints):
            uri = endpoint.model.image.uri
            if uri and uri.split(".")[3] != self.region:
                problems.add(
                    f"endpoints[{position}].model.image.uri",
                    uri,
                    f"is not in {self.region}, and SageMaker takes images of its own region only; copy it there",
                )
        problems.raise_any()
        return self

    def _model_addresses(self) -> int:
        zones = [str(zone) for zone in range(self.network.zone_count)]
        plan = cidr.plan_subnets(self.network.cidr, zones)
        return plan.usable_addresses(cidr.Tier.MODEL) * len(zones)


def load() -> Settings:
    """The settings of the running stack. Raises SettingsError that lists every problem."""
    # pulumi.Config can't list its keys, and an unknown key must not be overlooked.
    from pulumi.runtime import config

    return parse(pulumi.get_project(), config.get_config_env() | config.CONFIG.get())


def parse(project: str, values: Mapping[str, str]) -> Settings:
    """The settings that a stack's configuration holds, by full key (`aws:region`). Raises SettingsError, as above."""
    own = {key.removeprefix(f"{project}:"): value for key, value in values.items() if key.startswith(f"{project}:")}
    region = {REGION_KEY: values[REGION_KEY]} if REGION_KEY in values else {}
    try:
        return Settings.model_validate(region | {key: _decode(value) for key, value in own.items()})
    except ValidationError as error:
        problems = explain(error, Settings, project)
        raise SettingsError(
            "\n".join([f"The configuration of this stack has {len(problems)} problem(s):", *problems])
        ) from None


def _decode(value: str) -> Any:
    if value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
