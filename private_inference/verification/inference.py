"""An endpoint, the configuration it is on, and the models behind it."""

from collections.abc import Iterator
from functools import partial

from components.settings import EndpointSettings
from private_inference.verification.checks import Finding, Question, exactly, listed, sound, text, values
from private_inference.verification.deployed import Deployed, Item, containers
from private_inference.verification.desired import MODEL, VARIANT


def questions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Question]:
    """What serves one endpoint; `endpoint` is its settings."""
    ask = partial(Question, f"Endpoint {endpoint.name}")
    count, kind = endpoint.instances.at_creation, endpoint.instance_type
    least, most = endpoint.instances.min, endpoint.instances.max
    yield ask("in service, by the contract's ARN", partial(_in_service, stack, endpoint))
    yield ask(f"on a configuration with {VARIANT} alone: {count} x {kind}", partial(_configuration, stack, endpoint))
    yield ask(f"{least} to {most} instances run", partial(_instances, stack, endpoint))
    key = "without a volume key, as set" if endpoint.volume_key_off_because else "volumes under the data key"
    yield ask(key, partial(_volume_key, stack, endpoint))
    yield ask(f"serves {endpoint.model.artifact} by {_image_in_words(endpoint)}", partial(_model, stack, endpoint))
    yield ask("its model lies in the model subnets and group", partial(_placement, stack, endpoint))
    isolated = endpoint.model.isolated
    asked = "its containers have no network" if isolated else "its containers have the VPC's network, as set"
    yield ask(asked, partial(_isolation, stack, endpoint))


def _in_service(stack: Deployed, endpoint: EndpointSettings) -> Finding:
    found = stack.endpoint(endpoint.name)
    promised = stack.desired.contract.endpoints.get(endpoint.name)
    status = found["EndpointStatus"]
    wrong = [] if status == "InService" else [f"{status} {found.get('FailureReason', '')}".strip()]
    if promised is None or (promised.name, promised.arn) != (endpoint.name, found["EndpointArn"]):
        wrong.append("the contract names another one" if promised else "the contract does not name it")
    return sound(status, wrong)


def _configuration(stack: Deployed, endpoint: EndpointSettings) -> Finding:
    configuration = stack.configuration(endpoint.name)
    variants = [*configuration["ProductionVariants"], *configuration.get("ShadowProductionVariants", [])]
    found = exactly(
        map(_variant, variants), [f"{VARIANT}: {endpoint.instances.at_creation} x {endpoint.instance_type}"]
    )
    running = exactly((item["VariantName"] for item in _running(stack, endpoint)), [VARIANT])
    wrong = [finding.seen for finding in (found, running) if not finding.good]
    return sound(f"{configuration['EndpointConfigName']}: {found.seen}", wrong)


def _variant(variant: Item) -> str:
    return f"{variant['VariantName']}: {variant.get('InitialInstanceCount')} x {variant.get('InstanceType')}"


def _running(stack: Deployed, endpoint: EndpointSettings) -> list[Item]:
    return list(stack.endpoint(endpoint.name).get("ProductionVariants", []))


def _instances(stack: Deployed, endpoint: EndpointSettings) -> Finding:
    counts = [variant.get("CurrentInstanceCount", 0) for variant in _running(stack, endpoint)]
    good = bool(counts) and all(endpoint.instances.min <= count <= endpoint.instances.max for count in counts)
    return Finding(listed(map(str, counts)), good)


def _volume_key(stack: Deployed, endpoint: EndpointSettings) -> Finding:
    wanted = None if endpoint.volume_key_off_because else stack.desired.contract.key_arns.data
    return values(stack.configuration(endpoint.name), {"KmsKeyId": wanted})


def _image_in_words(endpoint: EndpointSettings) -> str:
    image = endpoint.model.image
    if image.framework:
        return f"{image.framework} {image.version}"
    return f"{image.repository_tag} of this stack's registry" if image.repository_tag else str(image.uri)


def _model(stack: Deployed, endpoint: EndpointSettings) -> Finding:
    found = [container for model in stack.models(endpoint.name) for container in containers(model)]
    uris = exactly((container.get("ModelDataUrl", "") for container in found), [stack.artifact(endpoint).uri])
    wrong = [] if uris.good else [uris.seen]
    wrong += [f"image: {c['Image']}" for c in found if not _is_image(stack, endpoint, c["Image"])]
    environments = [c.get("Environment", {}) for c in found]
    # The values may be nobody's business here; that they differ is.
    wrong += ["its environment differs from the settings" for e in environments if e != endpoint.model.environment]
    return sound(f"{listed(c['Image'].rpartition('/')[2] for c in found)}, {uris.seen}", wrong)


def _is_image(stack: Deployed, endpoint: EndpointSettings, uri: str) -> bool:
    image, registry = endpoint.model.image, f".dkr.ecr.{stack.desired.contract.region}."
    repository, _, tag = uri.rpartition(":")
    if image.framework:
        return registry in uri and image.framework in repository and tag == image.version
    if image.repository_tag:
        own = uri.startswith(f"{stack.desired.account}{registry}")
        return own and repository.endswith(f"/{stack.desired.name}") and tag == image.repository_tag
    return uri == str(image.uri)


def _placement(stack: Deployed, endpoint: EndpointSettings) -> Finding:
    zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in stack.tiers[MODEL]}
    wrong, said = [], []
    for model in stack.models(endpoint.name):
        vpc = model.get("VpcConfig", {})
        subnets = exactly(vpc.get("Subnets", []), zones)
        groups = exactly(vpc.get("SecurityGroupIds", []), [stack.groups[MODEL]])
        wrong += [finding.seen for finding in (subnets, groups) if not finding.good]
        said.append(f"{subnets.seen} in {listed(zones.values())}, {groups.seen}")
    if len(set(zones.values())) < 2:
        wrong.append("fewer than two zones")
    return sound("; ".join(said), wrong)


def _isolation(stack: Deployed, endpoint: EndpointSettings) -> Finding:
    found = {model.get("EnableNetworkIsolation", False) for model in stack.models(endpoint.name)}
    return Finding(f"EnableNetworkIsolation {listed(map(text, found))}", found == {endpoint.model.isolated})
