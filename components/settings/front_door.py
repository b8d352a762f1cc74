"""What a stack may set for a private HTTPS name of its own in front of its models."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from components.settings.authorizer import AuthorizerSettings
from components.settings.endpoints import EndpointSettings
from components.settings.fields import CaArn, CertificateArn, DomainName, WebAclArn, ZoneId
from components.settings.group import SettingsGroup
from components.settings.load_balancer import LoadBalancerSettings
from components.settings.problems import Problem

OF_THE_API = {
    "timeout_seconds": "timeoutSeconds",
    "requests_per_second": "requestsPerSecond",
    "burst": "burst",
    "authorizer": "authorizer",
}
"""Settings that a load balancer doesn't have, by field."""
OF_THE_REGION = {
    "certificate_arn": ("certificateArn", "certificates"),
    "private_ca_arn": ("privateCaArn", "certificates"),
    "web_acl_arn": ("webAclArn", "web ACLs"),
}
"""Settings that name what is in a region: their key, and what it is, by field."""
SOURCES = ("certificate_arn", "private_ca_arn", "public_zone_id")


class FrontDoorSettings(SettingsGroup):
    """A private REST API under a name and a certificate of yours, for clients that can't call SageMaker's own name.

    API Gateway ends a call after 29 seconds, and takes 10 MB at most. docs/front-door.md says whom it suits.
    """

    domain_name: DomainName
    """The name that clients call, such as models.example.internal."""
    certificate_arn: CertificateArn | None = None
    """An issued certificate of ACM for that name, in the stack's region; or one of the next two."""
    private_ca_arn: CaArn | None = None
    """The private CA that ACM has a certificate issued by, and renews it with."""
    public_zone_id: ZoneId | None = None
    """The public Route 53 zone in which ACM's proof of the name is published: the certificate is a public one.

    The name then stands in public DNS and in certificate transparency logs. No address does.
    """
    zone_id: ZoneId | None = None
    """An existing private zone for the name's record; by default one is made, for this name alone."""
    timeout_seconds: Annotated[int, Field(ge=1, le=300)] = 29
    """When API Gateway gives a call up. More than 29 needs a quota that AWS raises for the account."""
    requests_per_second: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Calls that are let through, of all callers together; what exceeds them is answered with 429."""
    burst: Annotated[int, Field(ge=1, le=5_000)] = 200
    """How many may come at once."""
    count_callers: bool = False
    """Whether the dashboard shows who calls which endpoint how often, counted from the log of calls.

    CloudWatch takes 0.50 USD a month for it, and 0.02 USD for a million calls (us-east-1). Whoever has
    cloudwatch:GetInsightRuleReport in the account sees who calls.
    """
    expiry_days: Annotated[int, Field(ge=1, le=90)] = 30
    """Days before the certificate's end on which the operators are told."""
    web_acl_arn: WebAclArn | None = None
    """A web ACL of AWS WAF, in the stack's region, which each call has to pass first.

    Its rules are yours, and so are its logs, which may hold callers' headers: the stack only puts it in front.
    """
    authorizer: AuthorizerSettings | None = None
    """A function that judges calls in IAM's place, for clients that can't sign for AWS."""
    load_balancer: LoadBalancerSettings | None = None
    """A load balancer in place of the API, for clients that can't sign for AWS, or wait or send more than it takes."""

    @property
    def gives_up_after(self) -> int:
        """Seconds after which nobody waits for a model's answer any more."""
        return self.load_balancer.timeout_seconds if self.load_balancer else self.timeout_seconds

    @property
    def timeout_key(self) -> str:
        """The setting that says so."""
        return f"frontDoor.{'loadBalancer.' if self.load_balancer else ''}timeoutSeconds"

    def _contradictions(self) -> Iterator[Problem]:
        given = [key for key in SOURCES if getattr(self, key) is not None]
        if len(given) != 1:
            message = "needs exactly one of certificateArn, privateCaArn and publicZoneId for its certificate"
            yield Problem("domainName", self.domain_name, message)
        if self.load_balancer:
            for field, key in OF_THE_API.items():
                if field in self.model_fields_set:
                    message = "is about the API, in whose place there is a load balancer; remove it"
                    instead = "; set loadBalancer.timeoutSeconds" if field == "timeout_seconds" else ""
                    value = getattr(self, field)
                    shown = value.function_arn if isinstance(value, AuthorizerSettings) else value
                    yield Problem(key, shown, f"{message}{instead}")


def contradictions(
    front_door: FrontDoorSettings, region: str, fips: bool, endpoints: Sequence[EndpointSettings]
) -> Iterator[Problem]:
    """What of the front door can't be, in a region, before these endpoints."""
    yield from _elsewhere(front_door, region)
    if not endpoints:
        yield Problem("frontDoor.domainName", front_door.domain_name, "leads to no endpoint; add one to endpoints")
    if fips:
        caller = "the forwarder" if front_door.load_balancer else "API Gateway"
        message = f"can't be had with privateAccess.fips: {caller} calls no FIPS endpoint of SageMaker; choose one"
        yield Problem("frontDoor.domainName", front_door.domain_name, message)
    limit = front_door.gives_up_after * 1000
    untold = (
        f"would tell of no call through the front door, which gives up after {front_door.gives_up_after} s "
        f"({front_door.timeout_key}); lower it"
    )
    for position, endpoint in enumerate(endpoints):
        if message := _unreachable(endpoint):
            yield Problem(f"endpoints[{position}].name", endpoint.name, message)
        if endpoint.asynchronous:
            continue
        for number, variant in enumerate(endpoint.production_variants):
            if variant.alarms.latency_ms >= limit:
                key = f"endpoints[{position}].{endpoint.key(number)}alarms.latencyMs"
                yield Problem(key, variant.alarms.latency_ms, untold)


def _elsewhere(front_door: FrontDoorSettings, region: str) -> Iterator[Problem]:
    """What of another region the front door names."""
    taker = "a load balancer" if front_door.load_balancer else "API Gateway"
    for field, (key, what) in OF_THE_REGION.items():
        arn = getattr(front_door, field)
        if arn and arn.split(":")[3] != region:
            message = f"is not in {region}, and {taker} takes {what} of its own region only; name one there"
            yield Problem(f"frontDoor.{key}", arn, message)
    function = front_door.authorizer.function_arn if front_door.authorizer else ""
    if function and function.split(":")[3] != region:
        message = f"is not in {region}, where the stack's API asks it; name a function there"
        yield Problem("frontDoor.authorizer.functionArn", function, message)


def _unreachable(endpoint: EndpointSettings) -> str:
    """Why an endpoint can't be called by name; empty if it can."""
    if endpoint.asynchronous:
        return "can't be called through the front door, which waits for answers; make a stack of its own for it"
    if endpoint.target_models or endpoint.target_containers:
        return "can't be called through the front door, which passes no target on; serve it in another stack"
    if endpoint.components:
        return "can't be called through the front door, which names no component; make a stack of its own for it"
    return ""
