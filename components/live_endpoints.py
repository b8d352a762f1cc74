"""What the stack's endpoints serve now, read from SageMaker.

A stack's settings say what should be served. How many instances serve at this moment, and with which artifact and
image, only SageMaker knows: scaling changes the one, a rollback the other.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from components import clients
from components.described_models import artifact_of, ask, containers_of, key_of
from components.settings import Settings, SettingsError

DEFAULT_WEIGHT = 1.0
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariant.html (InitialVariantWeight)"""


@dataclass(frozen=True)
class LiveVariant:
    """What one variant serves with."""

    initial_instances: int = 0
    """Instances that its configuration starts with."""
    instances: int = 0
    """Instances that serve or are being started."""
    instance_type: str = ""
    initial_weight: float = DEFAULT_WEIGHT
    """Weight that its configuration starts with."""
    weight: float = DEFAULT_WEIGHT
    """Weight that it has now: UpdateEndpointWeightsAndCapacities may have changed it."""


@dataclass(frozen=True)
class LiveComponent:
    """What one inference component serves with."""

    model: str
    """Name of its model."""
    copies: int
    """Copies that run or are being started."""


NOT_SERVING = LiveVariant()
"""A variant that is to be added."""


@dataclass(frozen=True)
class LiveEndpoint:
    """What one endpoint serves."""

    configuration: str
    """Name of the endpoint configuration."""
    variants: Mapping[str, LiveVariant]
    """Its production variants, and its shadow, by name."""
    artifacts: Sequence[str]
    """S3 URIs of its models' archives, and prefixes of their files, which end in `/`."""
    artifact_keys: Sequence[str]
    """ARNs of the KMS keys that encrypt them, as far as S3 says so."""
    images: Sequence[str]
    """URIs of its serving images."""
    subnets: Sequence[str] = ()
    """Ids of the subnets that its instances may be in."""
    security_groups: Sequence[str] = ()
    """Ids of its instances' security groups."""
    components: Mapping[str, LiveComponent] = field(default_factory=dict)
    """Its inference components, by their names in the account."""
    capture_bucket: str = ""
    """Name of the bucket that its captured calls go into; empty where none are captured."""
    failed: bool = False
    """Whether its creation failed: SageMaker can only delete it.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html (EndpointStatus)
    """


NOT_DEPLOYED = LiveEndpoint("", {}, (), (), ())
"""What an endpoint serves that is to be created."""


def live_endpoints(settings: Settings, project: str, stack: str) -> Mapping[str, LiveEndpoint]:
    """What each endpoint of the settings serves, by its name; those that don't exist are left out.

    Nothing where there is no account to read. Raises SettingsError where SageMaker can't be read, or an endpoint of
    that name is another stack's: names are unique in an account and region.
    """
    sagemaker = clients.client("sagemaker", settings.region)
    if sagemaker is None or not settings.endpoints:
        return {}
    from botocore.exceptions import BotoCoreError, ClientError

    found = {}
    try:
        for position, endpoint in enumerate(settings.endpoints):
            described = describe(sagemaker, endpoint.name)
            if described is None:
                continue
            tags = sagemaker.list_tags(ResourceArn=described["EndpointArn"])["Tags"]
            _check_owner(position, endpoint.name, {tag["Key"]: tag["Value"] for tag in tags}, project, stack)
            found[endpoint.name] = _live(sagemaker, clients.client("s3", settings.region), described)
    except (BotoCoreError, ClientError) as error:
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else str(error)
        raise SettingsError(
            f"aws:region: what serves now in {settings.region!r} can't be read: {reason}. Use credentials that may "
            "describe endpoints, their configurations and models."
        ) from None
    return found


def _check_owner(position: int, name: str, tags: Mapping[str, str], project: str, stack: str) -> None:
    owner = (tags.get("Project"), tags.get("Stack"))
    if owner != (project, stack):
        whose = "/".join(filter(None, owner)) or "somebody who tagged no Project and Stack"
        raise SettingsError(
            f"endpoints[{position}].name: {name!r} is an endpoint of {whose} already, and names are unique in an "
            "account and region. Give it another name, or deploy to another account or region."
        )


def describe(sagemaker: Any, name: str) -> Mapping[str, Any] | None:
    """DescribeEndpoint's answer; None if there is no such endpoint."""
    return ask(sagemaker, "describe_endpoint", EndpointName=name)


def _live(sagemaker: Any, s3: Any, endpoint: Mapping[str, Any]) -> LiveEndpoint:
    if endpoint["EndpointStatus"] == "Failed":
        return replace(NOT_DEPLOYED, failed=True)
    if not endpoint.get("ProductionVariants"):
        return NOT_DEPLOYED  # it is being created
    serving = list(_variants(sagemaker, endpoint["EndpointConfigName"]))
    configured = {variant["VariantName"]: variant for variant, _ in serving}
    components = list(_components(sagemaker, endpoint["EndpointName"], serving))
    models = [*(model for _, model in serving), *_models_of(sagemaker, components)]
    containers = [container for model in models for container in containers_of(sagemaker, model)]
    networks = [model["VpcConfig"] for model in models if "VpcConfig" in model]
    artifacts = _each_once(map(artifact_of, containers))
    return LiveEndpoint(
        configuration=endpoint["EndpointConfigName"],
        variants={
            live["VariantName"]: _live_variant(live, configured.get(live["VariantName"], {}))
            for live in [*endpoint["ProductionVariants"], *endpoint.get("ShadowProductionVariants", [])]
        },
        artifacts=artifacts,
        artifact_keys=_each_once(key_of(s3, uri) for uri in artifacts),
        images=_each_once(container.get("Image") for container in containers),
        subnets=_each_once(subnet for network in networks for subnet in network.get("Subnets", ())),
        security_groups=_each_once(group for network in networks for group in network.get("SecurityGroupIds", ())),
        components={each["InferenceComponentName"]: _live_component(each) for each in components},
        capture_bucket=_capture_bucket(endpoint.get("DataCaptureConfig") or {}),
    )


def _live_variant(live: Mapping[str, Any], configured: Mapping[str, Any]) -> LiveVariant:
    """A variant by its summary in DescribeEndpoint, and by its configuration, which may be gone."""
    initial_weight = configured.get("InitialVariantWeight", DEFAULT_WEIGHT)
    return LiveVariant(
        initial_instances=configured.get("InitialInstanceCount", 0),
        instances=max(live.get("CurrentInstanceCount", 0), live.get("DesiredInstanceCount", 0)),
        instance_type=configured.get("InstanceType", ""),
        initial_weight=initial_weight,
        weight=live.get("DesiredWeight", live.get("CurrentWeight", initial_weight)),
    )


def _capture_bucket(summary: Mapping[str, Any]) -> str:
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DataCaptureConfigSummary.html"""
    uri: str = summary.get("DestinationS3Uri", "") if summary.get("EnableCapture") else ""
    return uri.removeprefix("s3://").partition("/")[0]


def _live_component(described: Mapping[str, Any]) -> LiveComponent:
    return LiveComponent(model=described.get("Specification", {}).get("ModelName", ""), copies=copies_of(described))


def copies_of(described: Mapping[str, Any]) -> int:
    """Copies of a component that run or are being started, by DescribeInferenceComponent's answer."""
    runtime: Mapping[str, int] = described.get("RuntimeConfig", {})
    return max(runtime.get("CurrentCopyCount", 0), runtime.get("DesiredCopyCount", 0))


def _each_once(values: Iterable[str | None]) -> tuple[str, ...]:
    """The values in their order, without repetitions and without empty ones."""
    return tuple(dict.fromkeys(value for value in values if value))


_Served = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A variant of a configuration, and its model."""


def _variants(sagemaker: Any, configuration: str) -> Iterator[_Served]:
    """The variants of a configuration, shadows included, each with its model. What is gone is empty."""
    described = ask(sagemaker, "describe_endpoint_config", EndpointConfigName=configuration) or {}
    for variant in [*described.get("ProductionVariants", []), *described.get("ShadowProductionVariants", [])]:
        name = variant.get("ModelName")
        yield variant, (ask(sagemaker, "describe_model", ModelName=name) if name else None) or {}


def _components(sagemaker: Any, endpoint: str, serving: Sequence[_Served]) -> Iterator[Mapping[str, Any]]:
    """An endpoint's inference components, if its variants serve no models of their own."""
    if all(variant.get("ModelName") for variant, _ in serving):
        return
    pages = sagemaker.get_paginator("list_inference_components").paginate(EndpointNameEquals=endpoint)
    for listed in (component for page in pages for component in page["InferenceComponents"]):
        if found := component(sagemaker, listed["InferenceComponentName"]):
            yield found


def component(sagemaker: Any, name: str) -> Mapping[str, Any] | None:
    """DescribeInferenceComponent's answer; None if there is no such component."""
    return ask(sagemaker, "describe_inference_component", InferenceComponentName=name)


def _models_of(sagemaker: Any, components: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The models of inference components, as far as they are there."""
    for each in components:
        name = each.get("Specification", {}).get("ModelName", "")
        if model := ask(sagemaker, "describe_model", ModelName=name):
            yield model


@dataclass(frozen=True)
class Use:
    """What one endpoint of the account uses."""

    endpoint: str
    configuration: str
    models: frozenset[str]
    artifacts: frozenset[str]
    """S3 URIs of archives, and of prefixes."""

    def loads(self, uri: str) -> bool:
        """Whether it loads an object of S3."""
        return any(uri == each or (each.endswith("/") and uri.startswith(each)) for each in self.artifacts)


def uses(sagemaker: Any) -> Iterator[Use]:
    """What every endpoint of the account and region uses."""
    pages = sagemaker.get_paginator("list_endpoints").paginate()
    for listed in (endpoint for page in pages for endpoint in page["Endpoints"]):
        endpoint = describe(sagemaker, listed["EndpointName"])
        if endpoint is None:
            continue
        serving = list(_variants(sagemaker, endpoint["EndpointConfigName"]))
        shared = list(_models_of(sagemaker, _components(sagemaker, endpoint["EndpointName"], serving)))
        models = [*(model for _, model in serving), *shared]
        named = [variant.get("ModelName", "") for variant, _ in serving]
        yield Use(
            endpoint=endpoint["EndpointName"],
            configuration=endpoint["EndpointConfigName"],
            models=frozenset([*named, *(model["ModelName"] for model in shared)]),
            artifacts=frozenset(
                _each_once(artifact_of(each) for model in models for each in containers_of(sagemaker, model))
            ),
        )


def vpc_configs(sagemaker: Any, configuration: str) -> list[Mapping[str, Any]]:
    """The subnets and security groups of a configuration, or of its models, each as SageMaker's VpcConfig."""
    own = (ask(sagemaker, "describe_endpoint_config", EndpointConfigName=configuration) or {}).get("VpcConfig")
    of_models = [model["VpcConfig"] for _, model in _variants(sagemaker, configuration) if "VpcConfig" in model]
    return [own, *of_models] if own else of_models
