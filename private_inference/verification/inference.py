"""An endpoint, the configuration it is on, and the models behind it."""

import re
from collections.abc import Iterator
from functools import partial

from components.settings import EndpointSettings
from private_inference.verification.checks import Assertion, Result, equal, equal_sets, joined, result, short, text
from private_inference.verification.controls import AT_REST, AVAILABILITY, BOUNDARY, INTEGRITY
from private_inference.verification.deployed import Deployed, Item, containers
from private_inference.verification.desired import MODEL, VARIANT
from private_inference.verification.fleets import lacking

_ARN = re.compile(r"arn:[^\s,]+")

ROLLBACK = ("Invocation5XXErrors", "ModelLatency")
"""Metrics of the alarms that roll an update back."""


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """What serves one endpoint; `endpoint` is its settings."""
    expect = partial(Assertion, f"Endpoint {endpoint.name}", controls=AVAILABILITY)
    count, kind = endpoint.instances.at_creation, endpoint.instance_type
    least, most = endpoint.instances.min, endpoint.instances.max
    yield expect("in service, by the contract's ARN", partial(_in_service, stack, endpoint))
    claim = f"on a configuration with {VARIANT} alone: {count} x {kind} or more"
    yield expect(claim, partial(_configuration, stack, endpoint))
    yield expect(f"{least} to {most} instances run", partial(_instances, stack, endpoint))
    key = "without a volume key, as set" if endpoint.volume_key_off_because else "volumes under the data key"
    yield expect(key, partial(_volume_key, stack, endpoint), controls=AT_REST)
    yield expect(
        f"serves {endpoint.model.artifact} by {_image_in_words(endpoint)}",
        partial(_model, stack, endpoint),
        controls=INTEGRITY,
    )
    yield expect("what serves can be started again", partial(_startable, stack, endpoint))
    yield expect(
        "its model lies in the model subnets and group", partial(_placement, stack, endpoint), controls=BOUNDARY
    )
    watched = "no alarm rolls them back, as set" if endpoint.update.rollback_off_because else "rolled back by alarms"
    yield expect(f"its updates are {endpoint.update.strategy}, {watched}", partial(_deployment, stack, endpoint))
    isolated = endpoint.model.isolated
    claim = "its containers have no network" if isolated else "its containers have the VPC's network, as set"
    yield expect(claim, partial(_isolation, stack, endpoint), controls=BOUNDARY)


def _in_service(stack: Deployed, endpoint: EndpointSettings) -> Result:
    found = stack.endpoint(endpoint.name)
    promised = stack.desired.contract.endpoints.get(endpoint.name)
    status = found["EndpointStatus"]
    faults = [] if status == "InService" else [f"{status} {found.get('FailureReason', '')}".strip()]
    if promised is None or (promised.name, promised.arn) != (endpoint.name, found["EndpointArn"]):
        faults.append("the contract names another one" if promised else "the contract does not name it")
    return result(status, faults)


def _configuration(stack: Deployed, endpoint: EndpointSettings) -> Result:
    configuration = stack.configuration(endpoint.name)
    variants = [*configuration["ProductionVariants"], *configuration.get("ShadowProductionVariants", [])]
    found = equal_sets(
        (f"{variant['VariantName']} on {variant.get('InstanceType')}" for variant in variants),
        [f"{VARIANT} on {endpoint.instance_type}"],
    )
    running = equal_sets((item["VariantName"] for item in _running(stack, endpoint)), [VARIANT])
    # An update starts as many instances as served before it.
    counts = [variant.get("InitialInstanceCount", 0) for variant in variants]
    few = [f"starts {count}" for count in counts if count < endpoint.instances.at_creation]
    seen = f"{configuration['EndpointConfigName']}: {found.seen}, {joined(map(str, counts))}"
    return result(seen, [*found.faults, *running.faults, *few])


def _running(stack: Deployed, endpoint: EndpointSettings) -> list[Item]:
    return list(stack.endpoint(endpoint.name).get("ProductionVariants", []))


def _instances(stack: Deployed, endpoint: EndpointSettings) -> Result:
    counts = [variant.get("CurrentInstanceCount", 0) for variant in _running(stack, endpoint)]
    good = bool(counts) and all(endpoint.instances.min <= count <= endpoint.instances.max for count in counts)
    return Result(joined(map(str, counts)), good)


def _deployment(stack: Deployed, endpoint: EndpointSettings) -> Result:
    found = stack.endpoint(endpoint.name).get("LastDeploymentConfig", {})
    routing = found.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    strategy = "rolling" if "RollingUpdatePolicy" in found else routing.get("Type", "none").lower().replace("_", "-")
    faults = [] if strategy == endpoint.update.strategy else [f"the strategy is {strategy}"]
    names = {alarm["AlarmName"] for alarm in found.get("AutoRollbackConfiguration", {}).get("Alarms", [])}
    metrics = {alarm.get("MetricName") for alarm in stack.alarms[endpoint.name] if alarm["AlarmName"] in names}
    wanted = () if endpoint.update.rollback_off_because else ROLLBACK
    alarms = equal_sets(map(str, metrics), wanted)
    return result(f"{strategy}, {alarms.seen}", [*faults, *alarms.faults])


def _volume_key(stack: Deployed, endpoint: EndpointSettings) -> Result:
    wanted = None if endpoint.volume_key_off_because else stack.desired.contract.key_arns.data
    return equal(stack.configuration(endpoint.name), {"KmsKeyId": wanted})


def _image_in_words(endpoint: EndpointSettings) -> str:
    image = endpoint.model.image
    if image.framework:
        return f"{image.framework} {image.version}"
    return f"{image.repository_tag} of this stack's registry" if image.repository_tag else str(image.uri)


def _model(stack: Deployed, endpoint: EndpointSettings) -> Result:
    found = [container for model in stack.models(endpoint.name) for container in containers(model)]
    uris = equal_sets((container.get("ModelDataUrl", "") for container in found), [stack.artifact(endpoint).uri])
    faults = uris.faults
    faults += [f"image: {c['Image']}" for c in found if not _is_image(stack, endpoint, c["Image"])]
    environments = [c.get("Environment", {}) for c in found]
    # The values may be nobody's business here; that they differ is.
    faults += ["its environment differs from the settings" for e in environments if e != endpoint.model.environment]
    return result(f"{joined(c['Image'].rpartition('/')[2] for c in found)}, {uris.seen}", faults)


def _startable(stack: Deployed, endpoint: EndpointSettings) -> Result:
    """All that SageMaker starts a further instance with is there: so it can heal, scale out and patch."""
    configuration = stack.configuration(endpoint.name)["EndpointConfigName"]
    missing = lacking(stack, endpoint.name)
    faults = dict.fromkeys(_ARN.sub(lambda arn: short(arn[0]), each.name) for each in missing)
    return result(joined([configuration, *stack.model_uris(endpoint.name)]), faults)


def _is_image(stack: Deployed, endpoint: EndpointSettings, uri: str) -> bool:
    image, registry = endpoint.model.image, f".dkr.ecr.{stack.desired.contract.region}."
    repository, _, tag = uri.rpartition(":")
    if image.framework:
        return registry in uri and image.framework in repository and tag == image.version
    if image.repository_tag:
        own = uri.startswith(f"{stack.desired.account}{registry}")
        return own and repository.endswith(f"/{stack.desired.name}") and tag == image.repository_tag
    return uri == str(image.uri)


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


def _isolation(stack: Deployed, endpoint: EndpointSettings) -> Result:
    found = {model.get("EnableNetworkIsolation", False) for model in stack.models(endpoint.name)}
    return Result(f"EnableNetworkIsolation {joined(map(text, found))}", found == {endpoint.model.isolated})
