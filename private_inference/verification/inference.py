"""An endpoint, the configuration it is on, and the models behind it."""

import math
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from components.image_directory import content_tag
from components.settings import ALL_TRAFFIC, Container, EndpointSettings, ModelSettings
from components.settings.hosting import HostingSettings
from components.settings.model_package import Package
from private_inference.rehearsal.fleet_needs import artifact_uri
from private_inference.runner.aws_facts import dns_suffix
from private_inference.verification.checks import (
    Assertion,
    Result,
    SkippedError,
    equal,
    equal_sets,
    joined,
    result,
    short,
    text,
)
from private_inference.verification.controls import AT_REST, AVAILABILITY, BOUNDARY, INTEGRITY
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item, dimensions, given_containers, hosted
from private_inference.verification.desired import MODEL, Variant, variants_of
from private_inference.verification.fleets import lacking
from private_inference.verification.packages import in_words, named

_ARN = re.compile(r"arn:[^\s,]+")

REPOSITORIES = {"lmi": "djl-inference"}
"""Parts of the names of AWS's repositories, where a framework's name is none."""

ROLLBACK = ("Invocation5XXErrors", "ModelLatency")
"""Metrics of the alarms that roll an update back."""


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """What serves one endpoint; `endpoint` is its settings."""
    expect = partial(Assertion, f"Endpoint {endpoint.name}", controls=AVAILABILITY)
    yield expect("in service, by the contract's ARN", partial(_in_service, stack, endpoint))
    variants = variants_of(endpoint)
    said = [f"{v.settings.instances.at_creation} x {v.settings.instance_type}" for v in variants]
    if endpoint.components:
        claim = f"a fleet of {endpoint.instances.at_creation} x {endpoint.instance_type}"
    elif endpoint.variants or endpoint.shadow:
        claim = ", ".join(f"{v.name}: {each}" for v, each in zip(variants, said, strict=True))
    else:
        claim = f"{variants[0].name} alone: {said[0]}"
    yield expect(f"on a configuration with {claim} or more", partial(_configuration, stack, endpoint))
    if endpoint.shadow:
        claim = f"copies {endpoint.shadow.percent:g} % of the calls to its shadow"
        yield expect(claim, partial(_weights, stack, endpoint))
    elif len(variants) > 1:
        weights = ", ".join(f"{v.name} {v.settings.weight:g}" for v in variants)
        yield expect(f"splits calls by weight: {weights}", partial(_weights, stack, endpoint))
    key = "without a volume key, as set" if endpoint.volume_key_off_because else "volumes under the data key"
    yield expect(key, partial(_volume_key, stack, endpoint), controls=AT_REST)
    yield expect("what serves can be started again", partial(_startable, stack, endpoint))
    yield expect(
        "its model lies in the model subnets and group", partial(_placement, stack, endpoint), controls=BOUNDARY
    )
    watched = "no alarm rolls them back, as set" if endpoint.update.rollback_off_because else "rolled back by alarms"
    if not endpoint.components:
        yield expect(f"its updates are {endpoint.update.strategy}, {watched}", partial(_deployment, stack, endpoint))
    for variant in variants:
        yield from _variant_assertions(stack, variant)


def _variant_assertions(stack: Deployed, variant: Variant) -> Iterator[Assertion]:
    """What serves one production variant."""
    expect, settings = partial(Assertion, variant.subject, controls=AVAILABILITY), variant.settings
    least, most = settings.instances.min, settings.instances.max
    yield expect(f"{least} to {most} instances run", partial(_instances, stack, variant))
    if settings.hosting != HostingSettings():
        yield expect("its instances start as set", partial(_hosting, stack, variant))
    yield expect(f"serves {model_in_words(settings.model)}", partial(_model, stack, variant), controls=INTEGRITY)
    isolated = settings.model.isolated
    claim = "its containers have no network" if isolated else "its containers have the VPC's network, as set"
    yield expect(claim, partial(_isolation, stack, variant), controls=BOUNDARY)


def _in_service(stack: Deployed, endpoint: EndpointSettings) -> Result:
    found = stack.endpoint(endpoint.name)
    promised = stack.desired.contract.endpoints.get(endpoint.name)
    status = found["EndpointStatus"]
    faults = [] if status == "InService" else [f"{status} {found.get('FailureReason', '')}".strip()]
    if promised is None or (promised.name, promised.arn) != (endpoint.name, found["EndpointArn"]):
        faults.append("the contract names another one" if promised else "the contract does not name it")
    return result(status, faults)


def _fleets(endpoint: EndpointSettings) -> list[tuple[str, str | None, int]]:
    """Name, instance type and first instances of each variant, or of the fleet that components share."""
    found = [(each.name, each.instance_type, each.instances.at_creation) for each in endpoint.hosted_variants]
    return [*found] or [(ALL_TRAFFIC, endpoint.instance_type, endpoint.instances.at_creation)]


def _configuration(stack: Deployed, endpoint: EndpointSettings) -> Result:
    configuration, wanted = stack.configuration(endpoint.name), _fleets(endpoint)
    variants, serving = hosted(configuration), configuration["ProductionVariants"]
    shadow = endpoint.shadow.name if endpoint.shadow else None
    found = equal_sets(
        (
            f"{variant['VariantName']} on {variant.get('InstanceType')}{'' if variant in serving else ', a shadow'}"
            for variant in variants
        ),
        [f"{name} on {kind}{', a shadow' if name == shadow else ''}" for name, kind, _ in wanted],
    )
    running = equal_sets(
        (item["VariantName"] for item in _running(stack, endpoint.name)), [name for name, *_ in wanted]
    )
    # An update starts as many instances as served before it.
    counts = {variant["VariantName"]: variant.get("InitialInstanceCount", 0) for variant in variants}
    few = [f"starts {counts[name]}" for name, _, least in wanted if name in counts and counts[name] < least]
    seen = f"{configuration['EndpointConfigName']}: {found.seen}, {joined(map(str, counts.values()))}"
    return result(seen, [*found.faults, *running.faults, *few])


def _running(stack: Deployed, endpoint: str) -> list[Item]:
    return hosted(stack.endpoint(endpoint))


def _weights(stack: Deployed, endpoint: EndpointSettings) -> Result:
    """What somebody set beside the settings is told: the next update of the endpoint is refused until they agree."""
    found = {item["VariantName"]: item.get("CurrentWeight") for item in _running(stack, endpoint.name)}
    faults = [
        f"{variant.name} has {found[variant.name]}"
        for variant in endpoint.hosted_variants
        if variant.name in found and not math.isclose(found[variant.name] or 0, variant.weight, rel_tol=1e-6)
    ]
    return result(joined(f"{name} {weight}" for name, weight in found.items()), faults)


def _instances(stack: Deployed, variant: Variant) -> Result:
    running = _running(stack, variant.endpoint)
    counts = [item.get("CurrentInstanceCount", 0) for item in running if item["VariantName"] == variant.name]
    bounds = variant.settings.instances
    return Result(joined(map(str, counts)), bool(counts) and all(bounds.min <= count <= bounds.max for count in counts))


def _hosting(stack: Deployed, variant: Variant) -> Result:
    named = [each for each in hosted(stack.configuration(variant.endpoint)) if each["VariantName"] == variant.name]
    hosting = variant.settings.hosting
    wanted = {
        "ContainerStartupHealthCheckTimeoutInSeconds": hosting.startup_seconds,
        "ModelDataDownloadTimeoutInSeconds": hosting.download_seconds,
        "VolumeSizeInGB": hosting.volume_gb,
        "InferenceAmiVersion": hosting.ami_version,
    }
    return equal(named[0] if named else {}, {key: value for key, value in wanted.items() if value is not None})


def _deployment(stack: Deployed, endpoint: EndpointSettings) -> Result:
    found = stack.endpoint(endpoint.name).get("LastDeploymentConfig", {})
    if (endpoint.variants or endpoint.shadow) and not found:
        raise SkippedError("variants came or went in its last update, when SageMaker takes none; the next has it")
    routing = found.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    strategy = "rolling" if "RollingUpdatePolicy" in found else routing.get("Type", "none").lower().replace("_", "-")
    faults = [] if strategy == endpoint.update.strategy else [f"the strategy is {strategy}"]
    names = {alarm["AlarmName"] for alarm in found.get("AutoRollbackConfiguration", {}).get("Alarms", [])}
    metrics = {alarm.get("MetricName") for alarm in stack.alarms[endpoint.name] if alarm["AlarmName"] in names}
    wanted = () if endpoint.update.rollback_off_because else ROLLBACK
    alarms = equal_sets(map(str, metrics), wanted)
    answering = [variant.name for variant in endpoint.production_variants]
    faults += [
        f"{alarm['AlarmName']} rolls back, and is of no variant that answers"
        for alarm in stack.alarms[endpoint.name]
        if alarm["AlarmName"] in names and dimensions(alarm).get("VariantName") not in answering
    ]
    return result(f"{strategy}, {alarms.seen}", [*faults, *alarms.faults])


def _volume_key(stack: Deployed, endpoint: EndpointSettings) -> Result:
    wanted = None if endpoint.volume_key_off_because else stack.desired.contract.key_arns.data
    return equal(stack.configuration(endpoint.name), {"KmsKeyId": wanted})


def model_in_words(model: ModelSettings) -> str:
    """What a model is made of."""
    if model.package:
        return f"{in_words(model.package)} of the Model Registry"
    how = ", then " if model.pipeline else ", or "
    return how.join(f"{each.source} by {_image_in_words(each)}" for each in model.served)


def _image_in_words(container: Container) -> str:
    image = container.image
    if image.framework:
        return f"{image.framework} {image.version}"
    if image.build is not None:
        return f"what {image.build} builds"
    return f"{image.repository_tag} of this stack's registry" if image.repository_tag else str(image.uri)


def _model(stack: Deployed, variant: Variant) -> Result:
    return model_as_set(stack, variant.settings.model, stack.model(variant.endpoint, variant.name))


def model_as_set(stack: Deployed, model: ModelSettings, described: Item) -> Result:
    """Whether a model, as DescribeModel tells it, is the one that the settings want."""
    if model.package:
        return _is_of_package(model, model.package, given_containers(described))
    found = given_containers(described)
    uris = equal_sets(map(artifact_uri, found), [stack.artifact(each).uri for each in model.served])
    faults = uris.faults
    faults += _how_it_calls(model, described)
    for wanted, container in zip(model.served, found, strict=False):
        if not _is_image(stack, wanted, container["Image"]):
            faults.append(f"image: {container['Image']}")
        if artifact_uri(container) != stack.artifact(wanted).uri and not uris.faults:
            faults.append("its containers are in another order")
        if wanted.hostname != container.get("ContainerHostname", wanted.hostname):
            faults.append(f"it is called {container['ContainerHostname']}")
        # The values may be nobody's business here; that they differ is.
        if container.get("Environment", {}) != wanted.environment:
            faults.append("its environment differs from the settings")
        faults += _how_it_loads(wanted, container, cached=model.model_caching)
    return result(f"{joined(c['Image'].rpartition('/')[2] for c in found)}, {uris.seen}", faults)


def _is_of_package(model: ModelSettings, package: Package, found: Sequence[Item]) -> Result:
    """What the package itself runs and loads is the registry's to keep: a version never changes."""
    given = (_whole(named(each)) if "ModelPackageName" in each else "a container without a package" for each in found)
    names = equal_sets(given, [_whole(package)])
    differs = any(each.get("Environment", {}) != model.environment for each in found)
    return result(names.seen, [*names.faults, *(["its environment differs from the settings"] if differs else [])])


def _whole(package: Package) -> str:
    return ", ".join(filter(None, (package.arn, package.specification)))


def _how_it_calls(wanted: ModelSettings, found: Item) -> Iterator[str]:
    """Whether a call gets through all containers, or to one of them."""
    mode = "Direct" if wanted.containers else "Serial"
    if (is_mode := found.get("InferenceExecutionConfig", {}).get("Mode", "Serial")) != mode:
        yield f"its containers are called {is_mode}"


def _how_it_loads(wanted: Container, found: Item, *, cached: bool) -> Iterator[str]:
    """Whether a container loads one model or several, and keeps those that were called."""
    mode = "MultiModel" if wanted.models else "SingleModel"
    if (is_mode := found.get("Mode", "SingleModel")) != mode:
        yield f"its mode is {is_mode}"
    kept = found.get("MultiModelConfig", {}).get("ModelCacheSetting", "Enabled")
    if kept != ("Enabled" if cached else "Disabled"):
        yield f"its cache is {kept}"


def _startable(stack: Deployed, endpoint: EndpointSettings) -> Result:
    """All that SageMaker starts a further instance with is there: so it can heal, scale out and patch."""
    configuration = stack.configuration(endpoint.name)["EndpointConfigName"]
    missing = lacking(stack, endpoint.name)
    faults = dict.fromkeys(_ARN.sub(lambda arn: short(arn[0]), each.name) for each in missing)
    return result(joined([configuration, *stack.model_uris(endpoint.name)]), faults)


def _is_image(stack: Deployed, container: Container, uri: str) -> bool:
    image, region = container.image, stack.desired.contract.region
    registry = f".dkr.ecr.{region}.{dns_suffix(region)}/"
    if image.framework:
        return (
            registry in uri
            and REPOSITORIES.get(image.framework, image.framework) in uri.rpartition(":")[0]
            and uri.rpartition(":")[2] == image.version
        )
    own = f"{stack.desired.account}{registry}{stack.desired.name}"
    if image.repository_tag:
        return uri == f"{own}:{image.repository_tag}"
    if image.build is not None:
        return uri.startswith(f"{own}@") and _is_built_from(stack, Path(image.build), uri.rpartition("@")[2])
    return uri == str(image.uri)


def _is_built_from(stack: Deployed, directory: Path, digest: str) -> bool:
    """Whether an image of the stack's registry has the tag of what the directory holds."""
    wanted = content_tag(directory)
    (found,) = stack.aws.get(
        "ecr", "describe_images", repositoryName=stack.desired.name, imageIds=[{"imageDigest": digest}]
    )["imageDetails"]
    return any(tag.startswith(f"{wanted}-") for tag in found.get("imageTags", ()))


def _placement(stack: Deployed, endpoint: EndpointSettings) -> Result:
    zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in stack.tiers[MODEL]}
    faults, said = [], []
    for model in stack.models(endpoint.name):
        vpc = model.get("VpcConfig", {})
        subnets = equal_sets(vpc.get("Subnets", []), zones)
        groups = equal_sets(vpc.get("SecurityGroupIds", []), [stack.groups[MODEL]])
        faults += [*subnets.faults, *groups.faults]
        said.append(f"{subnets.seen} in {joined(zones.values())}, {groups.seen}")
    if len(set(zones.values())) < 2:
        faults.append("fewer than two zones")
    return result("; ".join(said), faults)


def _isolation(stack: Deployed, variant: Variant) -> Result:
    found = stack.model(variant.endpoint, variant.name).get("EnableNetworkIsolation", False)
    return Result(f"EnableNetworkIsolation {text(found)}", found == variant.settings.model.isolated)
