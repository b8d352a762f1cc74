"""Everything that a stack may set, group by group, with its defaults."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from components import cidr
from components.settings.account_guards import AccountGuardsSettings
from components.settings.callers import CallerSettings
from components.settings.callers import contradictions as caller_contradictions
from components.settings.distinct import distinct_names
from components.settings.endpoints import EndpointSettings
from components.settings.existing_vpc import access_contradictions
from components.settings.fields import (
    AccountId,
    EmailAddress,
    LogRetentionDays,
    Reason,
    Region,
    Tags,
    TagValue,
)
from components.settings.front_door import FrontDoorSettings
from components.settings.front_door import contradictions as front_door_contradictions
from components.settings.group import SettingsGroup
from components.settings.image_scan import ImageScanSettings
from components.settings.image_uris import contradictions as image_contradictions
from components.settings.load_balancer import LoadBalancerSettings
from components.settings.load_balancer import contradictions as load_balancer_contradictions
from components.settings.model_package import region_of
from components.settings.network import NetworkSettings
from components.settings.perimeter import PerimeterSettings
from components.settings.problems import Problem
from components.settings.served_model import Container

REGION_KEY, FIPS_KEY, DUAL_STACK_KEY = "aws:region", "aws:useFipsEndpoint", "aws:useDualstackEndpoint"
PROVIDER_KEYS = (REGION_KEY, FIPS_KEY, DUAL_STACK_KEY)
"""The settings that are not this project's: the AWS provider reads them too."""

_COUNTRIES_WITH_FIPS = ("us", "ca")
"""https://aws.amazon.com/compliance/fips/; us-gov-… among them. Elsewhere only KMS has some."""

InterfaceService = Literal[
    "sagemaker.api", "logs", "monitoring", "kms", "sts", "ssm", "ecr.api", "ecr.dkr", "s3", "dynamodb"
]


class PrivateAccessSettings(SettingsGroup):
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


class SecuritySettings(SettingsGroup):
    """Keys, logs and what protects data from deletion."""

    key_rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    """Days after which KMS makes new key material."""
    key_deletion_days: Annotated[int, Field(ge=7, le=30)] = 30
    """Days between the deletion request for a key and its deletion by KMS."""
    log_retention_days: LogRetentionDays = 365
    """Days that flow logs and endpoint logs are kept."""
    network_interfaces_unscoped_because: Reason | None = None
    """Why execution roles may make and remove network interfaces everywhere, not in this VPC alone.

    AWS publishes this form, and may refuse a model whose role has the bounded one. The rule no-wildcard-resources then
    needs an exception for the policy of each role's interfaces.
    """
    unprotected_because: Reason | None = None
    """Why Pulumi may delete what holds data (keys, bucket, registry, logs) in this stack."""


class ArtifactSettings(SettingsGroup):
    """The bucket of model artifacts and the registry of serving images."""

    noncurrent_days: Annotated[int, Field(ge=1, le=3650)] = 90
    """Days that a replaced version of an object is kept."""
    untagged_image_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days that an untagged image is kept."""
    image_scan: ImageScanSettings | None = None
    """What ECR's scans of the serving images have to say before an endpoint is created or updated; nothing by default.

    Images by `uri` need a digest then.
    """
    access_log_bucket: str | None = None
    """An existing bucket for S3 access logs. It can't use a customer key: S3 delivers there under SSE-S3 only."""
    deleted_on_destroy_because: Reason | None = None
    """Why `pulumi destroy` may delete the bucket, its key and the registry; by default they are left in the account."""


class OperatorSettings(SettingsGroup):
    """Who is notified of alarms, and of calls from outside."""

    emails: tuple[EmailAddress, ...] = ()
    """Addresses subscribed to the alarm topic; each must confirm."""
    calls_from_outside: bool = False
    """Notify of each call of an endpoint that doesn't come through the stack's runtime endpoint, refused ones too.

    A trail logs every call for that, with who called from where: CloudTrail charges data events by their number.
    """


class Settings(SettingsGroup):
    """Everything that a stack may set."""

    region: Annotated[Region, Field(alias=REGION_KEY)]
    """The stack's region."""
    fips_endpoints: Annotated[bool, Field(alias=FIPS_KEY)] = False
    """Whoever deploys calls AWS by its FIPS 140 endpoints. privateAccess.fips is about those who call the models."""
    dual_stack_endpoints: Annotated[bool, Field(alias=DUAL_STACK_KEY)] = False
    """Whoever deploys calls AWS by endpoints that have IPv6 addresses, too. AWS has them of some services."""
    account: AccountId = ""
    """Id of the AWS account to deploy to: with credentials of another nothing is created. Empty: any will do."""
    owner: TagValue
    """Team that answers for the stack; a tag on every resource."""
    cost_center: TagValue
    """Who pays; a tag on every resource."""
    tags: Tags = Field(default_factory=dict)
    """Further tags on every resource."""
    network: NetworkSettings = NetworkSettings()
    private_access: PrivateAccessSettings = PrivateAccessSettings()
    front_door: Annotated[FrontDoorSettings | None, BeforeValidator(lambda given: given or None)] = None
    """A private HTTPS name of its own in front of the models, if any."""
    callers: tuple[CallerSettings, ...] = ()
    """Who calls from another VPC or another account. Who runs in the stack's own VPC needs no entry."""
    security: SecuritySettings = SecuritySettings()
    artifacts: ArtifactSettings = ArtifactSettings()
    operators: OperatorSettings = OperatorSettings()
    perimeter: PerimeterSettings = PerimeterSettings()
    account_guards: AccountGuardsSettings = AccountGuardsSettings()
    endpoints: Annotated[tuple[EndpointSettings, ...], AfterValidator(distinct_names)] = ()
    """The endpoints to serve. None yet is fine: network and registry come first."""

    @property
    def protect_data(self) -> bool:
        """Whether Pulumi refuses to delete what holds data."""
        return self.security.unprotected_because is None

    @property
    def logs_calls(self) -> bool:
        """Whether a trail logs the calls of the endpoints. Without an endpoint it would log nothing."""
        return self.operators.calls_from_outside and bool(self.endpoints)

    @property
    def private_api(self) -> FrontDoorSettings | None:
        """The front door, if it is an API of API Gateway."""
        return None if self.load_balancer else self.front_door

    @property
    def load_balancer(self) -> LoadBalancerSettings | None:
        """What stands in the API's place."""
        return self.front_door.load_balancer if self.front_door else None

    @property
    def balanced_name(self) -> str | None:
        """The name that leads to the load balancer, if there is one."""
        return self.front_door.domain_name if self.front_door and self.front_door.load_balancer else None

    @property
    def asynchronous(self) -> tuple[EndpointSettings, ...]:
        """The endpoints whose answers come later, in S3."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.asynchronous)

    @property
    def containers(self) -> tuple[Container, ...]:
        """Those of all models of the stack."""
        return tuple(
            container for endpoint in self.endpoints for model in endpoint.models for container in model.served
        )

    @property
    def keep_artifacts(self) -> bool:
        """Whether bucket, objects, registry and their key stay in the account on destroy."""
        return self.artifacts.deleted_on_destroy_because is None

    @property
    def model_interfaces(self) -> int:
        """Addresses that the models need at most: two for each instance, of old and new ones during an update."""
        return 2 * sum(endpoint.most_instances for endpoint in self.endpoints)

    def _contradictions(self) -> Iterator[Problem]:
        if self.fips_endpoints and self.region.partition("-")[0] not in _COUNTRIES_WITH_FIPS:
            message = f"needs a Region with FIPS endpoints (us-… or ca-…), and {self.region} has none; remove it"
            yield Problem(FIPS_KEY, True, message)
        existing, access = self.network.existing, self.private_access
        if existing:
            yield from access_contradictions(existing, access.interface_endpoints, access.dynamodb)
        room, needed = self._model_addresses(), self.model_interfaces
        if needed > room and not existing:
            yield Problem(
                "network.cidr",
                self.network.cidr,
                f"leaves {room} addresses for model instances, and the endpoints' maxima need {needed} (two for each "
                "instance, old and new ones during an update); choose a larger block or lower instances.max",
            )
        key = self.account_guards.ebs_default_key_arn
        if key and key.split(":")[3] != self.region:
            message = f"is not in {self.region}, and Amazon EBS takes keys of its own region only; name one of there"
            yield Problem("accountGuards.ebsDefaultKeyArn", key, message)
        yield from self._in_other_regions()
        yield from image_contradictions(self.region, self.endpoints, self.artifacts.image_scan)
        yield from caller_contradictions(self.callers, self.account, self.endpoints)
        if self.front_door:
            fips = self.private_access.fips
            yield from front_door_contradictions(self.front_door, self.region, fips, self.endpoints)
        balancer, services = self.load_balancer, access.interface_endpoints
        yield from load_balancer_contradictions(balancer, self.account, self.region, services)

    def _in_other_regions(self) -> Iterator[Problem]:
        """Packages that SageMaker wouldn't take."""
        for position, endpoint in enumerate(self.endpoints):
            for number, model in enumerate(endpoint.models):
                if model.model_package and region_of(model.model_package) != self.region:
                    key = f"endpoints[{position}].{endpoint.key(number)}model.modelPackage"
                    message = f"is not in {self.region}, and SageMaker takes packages of its own region only"
                    yield Problem(key, model.model_package, f"{message}; register it there")

    def _model_addresses(self) -> int:
        """Those of a VPC of the stack's own; an existing one's are looked up."""
        zones = [str(zone) for zone in range(self.network.zone_count)]
        plan = cidr.plan_subnets(self.network.cidr, zones)
        return plan.usable_addresses(cidr.Tier.MODEL) * len(zones)
