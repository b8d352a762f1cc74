"""What happens to an account without any call of its owner's, on request: the server's side of `Operations`."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.ec2.models import ec2_backends, route_tables, subnets, vpcs
from moto.kms.models import kms_backends
from moto.route53.models import FakeZone, route53_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends
from moto.utilities.utils import get_partition

from private_inference.rehearsal import authority
from private_inference.rehearsal.patches import (
    balanced,
    callers,
    captures,
    certificates,
    endpoints,
    fleets,
    model_interfaces,
    model_packages,
    private_apis,
    scans,
    web_acls,
)
from private_inference.rehearsal.patches.fleet_facts import s3_prefix_list
from private_inference.rehearsal.patches.fleets import Fleet, NotStartedError
from private_inference.rehearsal.patches.own_account import own_account
from private_inference.rehearsal.patches.shadows import hosted

PORTS: dict[str, int] = {}
"""Where names of private APIs are answered for by TLS, by region."""


def answer(operation: str, region: str, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Carry out an operation with the parameters in the request's JSON body, and answer with its result as JSON."""
    parameters = json.loads(environ["wsgi.input"].read() or b"{}")
    try:
        status, result = "200 OK", OPERATIONS[operation](region, **parameters)
    except (KeyError, ValueError) as error:
        status, result = "400 Bad Request", {"error": str(error.args[0] if error.args else error)}
    body = json.dumps(result).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _endpoint(region: str, name: str) -> tuple[Any, Any]:
    backend = sagemaker_backends[own_account()][region]
    if name not in backend.endpoints:
        raise ValueError(f"there is no endpoint {name}; there are: {', '.join(sorted(backend.endpoints)) or 'none'}")
    return backend, backend.endpoints[name]


def needs(region: str, endpoint: str) -> list[dict[str, str]]:
    backend, found = _endpoint(region, endpoint)
    return [
        {"variant": variant, "name": lacking.name, "reason": lacking.reason}
        for variant, fleet in found.fleets.items()
        for lacking in fleets.needs(backend, found.endpoint_config_name, fleet.variant)
    ]


def uncaptured(region: str, endpoint: str) -> dict[str, str]:
    backend, found = _endpoint(region, endpoint)
    reasons = {variant: captures.refusal(backend, found, fleet) for variant, fleet in found.fleets.items()}
    return {variant: reason for variant, reason in reasons.items() if reason}


def stranded(region: str) -> list[str]:
    return model_interfaces.stranded(ec2_backends[own_account()][region])


def heal(region: str, endpoint: str) -> list[dict[str, str]]:
    backend, found = _endpoint(region, endpoint)
    for fleet in found.fleets.values():
        if fleet.instances:
            fleets.lose(fleet, fleet.instances[0])
    _refill(backend, found)
    return needs(region, endpoint)


def scale(region: str, endpoint: str, count: int, variant: str | None) -> dict[str, int]:
    backend, found = _endpoint(region, endpoint)
    asked = {}
    for name in [summary["VariantName"] for summary in hosted(found)]:
        if variant not in (None, name):
            continue
        target = endpoints.scalable_target(backend, endpoint, name)
        if target:
            asked[name] = min(max(count, target.min_capacity), target.max_capacity)
    if not asked:
        which = f"the variant {variant}" if variant else "any variant"
        raise ValueError(f"there is no scalable target for {which} of {endpoint}")
    for name, bounded in asked.items():
        change = {"VariantName": name, "DesiredInstanceCount": bounded}
        backend.update_endpoint_weights_and_capacities(endpoint, [change])
    counts = {item["VariantName"]: item["CurrentInstanceCount"] for item in hosted(found)}
    return {name: counts[name] for name in asked}


def fail_next_update(region: str, endpoint: str, reason: str) -> None:
    sagemaker_backends[own_account()][region].__dict__.setdefault("next_failures", {})[endpoint] = reason


def prefix_list_grows(region: str, cidr: str) -> list[str]:
    entries = next(reversed(s3_prefix_list(ec2_backends[own_account()][region]).entries.values()))
    entries.append({"Cidr": cidr, "Description": "default"})
    return [entry["Cidr"] for entry in entries]


def zone_lost(region: str, zone: str) -> None:
    zones = {item.name: item for item in ec2_backends[own_account()][region].describe_availability_zones()}
    if zone not in zones:
        raise ValueError(f"there is no zone {zone}; there are: {', '.join(sorted(zones))}")
    zones[zone].state = "impaired"
    backend: Any = sagemaker_backends[own_account()][region]
    for endpoint in backend.endpoints.values():
        for fleet in endpoint.fleets.values():
            for instance in [item for item in fleet.instances if item.zone == zone]:
                fleets.lose(fleet, instance)
        _refill(backend, endpoint)


def credentials(region: str, role: str, service: str, reached: Mapping[str, str] | None) -> dict[str, str]:
    return callers.credentials(role.split(":")[4], region, role, service, reached)


def certificate(region: str, arn: str, name: str) -> None:
    certificates.keep(own_account(), region, arn, name)


def web_acl(region: str, arn: str) -> None:
    web_acls.keep(own_account(), region, arn)


def model_package(region: str, made: str, arn: str) -> None:
    model_packages.keep(sagemaker_backends[own_account()][region], made, arn)


def zone(region: str, identity: str, name: str, private: bool) -> None:
    zones: Any = route53_backends[own_account()][get_partition(region)].zones
    made: Any = FakeZone
    zones.setdefault(identity, made(name, identity, private, identity))


def names(region: str, vpc: str) -> dict[str, int]:
    return dict.fromkeys(private_apis.names_in(own_account(), region, vpc), PORTS[region]) if region in PORTS else {}


def balanced_names(region: str, vpc: str) -> dict[str, tuple[int, list[str]]]:
    return balanced.names_in(region, vpc)


def client_certificate(region: str, name: str) -> dict[str, str]:
    made = authority.issue_to_client(name)
    return {"certificate": made.certificate.decode(), "key": made.key.decode()}


IDS: dict[str, tuple[Any, str]] = {
    "vpc": (vpcs, "random_vpc_id"),
    "subnet": (subnets, "random_subnet_id"),
    "rtb": (route_tables, "random_route_table_id"),
    "vpce": (vpcs, "random_vpc_ep_id"),
}
"""By the beginning of an id: where moto makes it up."""


def next_id(region: str, identity: str) -> None:
    module, name = IDS[identity.partition("-")[0]]
    made_up = getattr(module, name)

    def chosen() -> str:
        setattr(module, name, made_up)
        return identity

    setattr(module, name, chosen)


def scans_find(region: str, repository: str, findings: Mapping[str, str], status: str) -> None:
    scans.scans_find(own_account(), region, repository, findings, status)


def called_by(region: str, arn: str) -> None:
    s3_backends[own_account()]["aws"].__dict__["caller"] = arn


def _refill(backend: Any, endpoint: Any) -> None:
    """Start what is wanted and not there, where it can start."""
    wanted = {item["VariantName"]: item.get("DesiredInstanceCount", 0) for item in hosted(endpoint)}
    for variant, fleet in endpoint.fleets.items():
        _fill_quietly(backend, endpoint, fleet, wanted[variant])
    fleets.show(endpoint)


def _fill_quietly(backend: Any, endpoint: Any, fleet: Fleet, count: int) -> None:
    try:
        endpoints.fill(backend, endpoint, fleet, count)
    except NotStartedError:
        return  # CurrentInstanceCount tells: AWS has no other sign of an instance that it can't replace


def has_key(region: str, arn: str) -> None:
    backend = kms_backends[own_account()][region]
    key = backend.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "made outside of the stack", None)
    del backend.keys[key.id]
    key.id, key.arn = arn.rpartition("/")[2], arn
    backend.keys[key.id] = key


OPERATIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        needs,
        uncaptured,
        stranded,
        heal,
        scale,
        fail_next_update,
        prefix_list_grows,
        scans_find,
        zone_lost,
        credentials,
        called_by,
        has_key,
        certificate,
        web_acl,
        model_package,
        names,
        balanced_names,
        client_certificate,
        next_id,
        zone,
    )
}
