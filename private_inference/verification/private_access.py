"""The VPC's endpoints of AWS services: where they are, who reaches them, and what their policies let through."""

from collections.abc import Iterable, Iterator
from functools import partial

from private_inference.authorization.actions import BEARER
from private_inference.verification import listings
from private_inference.verification.checks import Assertion, Result, equal_sets, joined, result, short
from private_inference.verification.controls import BOUNDARY, LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item
from private_inference.verification.desired import ACCESS, FRONT_DOOR, S3, invoked
from private_inference.verification.exchange_permissions import FAILURES, INPUTS, OUTPUTS
from private_inference.verification.packages import served_by
from private_inference.verification.policies import Statement, statements

INVOKE = frozenset(
    {"sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointAsync", "sagemaker:InvokeEndpointWithResponseStream"}
)
READING = frozenset({"s3:GetObject", "s3:ListBucket"})
ACTION_PREFIXES = {"monitoring": "cloudwatch", "sagemaker.api": "sagemaker", "ecr.api": "ecr", "ecr.dkr": "ecr"}
"""Prefix of a service's actions, where it is not the name of its endpoint."""
NO_PRIVATE_DNS = frozenset({"dynamodb"})
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/privatelink-interface-endpoints.html"""
RESOURCELESS = frozenset(
    {
        "cloudwatch:PutMetricData",
        "ecr:GetAuthorizationToken",
        "sagemaker:ListEndpointConfigs",
        "sagemaker:ListEndpoints",
        "sts:GetCallerIdentity",
    }
)
"""Actions that take no resource, so that a policy has to say `*`.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Which endpoints there are, then each one's place and policy."""
    desired = stack.desired
    access = partial(Assertion, "Private access", controls=(*BOUNDARY, *LEAST_PRIVILEGE))
    wanted = [f"{kind} {name}" for kind, names in _kinds(stack).items() for name in names]
    if stack.existing:
        yield access(f"endpoints: {joined(wanted)}, among others", lambda: _among(stack, wanted))
    else:
        yield access(f"endpoints: {joined(wanted)}; no other", lambda: equal_sets(_present(stack), wanted))
    yield access("the runtime endpoint has the contract's name and address", lambda: _matches_contract(stack))
    for service in desired.interfaces:
        dns = "no private DNS" if service in NO_PRIVATE_DNS else "private DNS"
        whose = "its owner's groups" if desired.reuses(service) else "the access group"
        claim = f"{service}: available, {dns}, in each zone that offers it, behind {whose}"
        yield access(claim, partial(_interface, stack, service))
        if not desired.reuses(service) and not (
            service == desired.runtime and desired.settings.private_access.fips
        ):  # AWS supports no policy there
            yield access(f"{service}: {_bounds(stack, service)}", partial(_policy, stack, service, "Interface"))
    for gateway in desired.gateways:
        yield access(f"{gateway} gateway: available", partial(_gateway, stack, gateway))
        if gateway == S3 and stack.existing and stack.existing.s3_gateway:
            continue  # its policy is its owner's
        yield access(f"{gateway} gateway: {_bounds(stack, gateway)}", partial(_policy, stack, gateway, "Gateway"))


def _kinds(stack: Deployed) -> dict[str, tuple[str, ...]]:
    return {"Interface": stack.desired.interfaces, "Gateway": stack.desired.gateways}


def _present(stack: Deployed) -> Iterator[str]:
    for endpoint in stack.vpc_endpoints:
        yield f"{endpoint['VpcEndpointType']} {endpoint['ServiceName'].removeprefix(stack.desired.service(''))}"


def _among(stack: Deployed, wanted: list[str]) -> Result:
    present = set(_present(stack))
    return result(joined(present), [f"there is no {each}" for each in wanted if each not in present])


def _matches_contract(stack: Deployed) -> Result:
    promised, found = stack.desired.contract.runtime_endpoint, stack.runtime
    host = "runtime-fips" if stack.desired.settings.private_access.fips else "runtime"
    url = f"https://{host}.sagemaker.{stack.desired.contract.region}."
    faults = []
    if found["ServiceName"] != stack.desired.service(stack.desired.runtime):
        faults.append(f"{promised.id} is an endpoint of {found['ServiceName']}")
    if promised.dns_name not in (entry.get("DnsName") for entry in found.get("DnsEntries", [])):
        faults.append(f"{promised.dns_name} is not among its names")
    if not promised.url.startswith(url):
        faults.append(f"the contract's URL is {promised.url}")
    return result(f"{promised.id}, {promised.dns_name}", faults)


def _interface(stack: Deployed, service: str) -> Result:
    endpoint = stack.vpc_endpoint(service, "Interface")
    zones = {subnet["SubnetId"]: subnet["AvailabilityZone"] for subnet in stack.tiers[ACCESS]}
    subnets = endpoint.get("SubnetIds", [])
    offered = set(zones.values()) & _offered(stack, service)
    faults = _state(endpoint)
    if not endpoint.get("PrivateDnsEnabled") and service not in NO_PRIVATE_DNS:
        faults.append("private DNS is off")
    faults += [f"{subnet} is not of the access tier" for subnet in subnets if subnet not in zones]
    own = [zones[subnet] for subnet in subnets if subnet in zones]
    if sorted(own) != sorted(offered):
        faults.append(f"it is in {', '.join(sorted(own)) or 'no zone'}; offered in {joined(offered)}")
    if service == stack.desired.runtime and len(set(own)) < 2:
        faults.append("fewer than two zones")
    groups = {group["GroupId"] for group in endpoint.get("Groups", [])}
    if groups != {stack.groups[ACCESS]} and endpoint["VpcEndpointId"] not in stack.desired.reused:
        faults.append(f"its security groups are {joined(groups)}")
    dns = "private DNS on" if endpoint.get("PrivateDnsEnabled") else "private DNS off"
    return result(f"{endpoint['VpcEndpointId']} in {joined(own)}, {dns}, {joined(groups)}", faults)


def _offered(stack: Deployed, service: str) -> set[str]:
    names = sorted(map(stack.desired.service, stack.desired.interfaces))
    found = stack.aws.all("ec2", "describe_vpc_endpoint_services", "ServiceDetails", ServiceNames=names)
    wanted = stack.desired.service(service)
    return {zone for item in found if item["ServiceName"] == wanted for zone in item["AvailabilityZones"]}


def _gateway(stack: Deployed, gateway: str) -> Result:
    endpoint = stack.vpc_endpoint(gateway, "Gateway")
    return result(endpoint["VpcEndpointId"], _state(endpoint))


def _state(endpoint: Item) -> list[str]:
    state = endpoint["State"]
    return [] if state.lower() == "available" else [f"its state is {state}"]


# Policies


def _bounds(stack: Deployed, service: str) -> str:
    if service == stack.desired.runtime:
        return "its policy lets this account's principals invoke this stack's endpoints only"
    if service == S3 and stack.desired.settings.asynchronous:
        return "its policy lets roles read artifacts, and callers put requests and read answers, of this stack only"
    if service == S3 and _read(stack):
        return "its policy lets roles read artifacts, and this account's readers captured calls, of this stack only"
    if service == S3:
        return "its policy lets this stack's roles read its artifacts only"
    if service == FRONT_DOOR and _judged(stack):
        return "its policy lets calls to this stack's API pass, and no others"
    return "its policy is bounded to this account and the service's own actions"


def _policy(stack: Deployed, service: str, kind: str) -> Result:
    allowing = [s for s in statements(stack.vpc_endpoint(service, kind).get("PolicyDocument") or "{}") if s.allows]
    said = f"allows {joined(action for s in allowing for action in s.actions)}"
    said += f" on {joined(short(resource) for s in allowing for resource in s.resources)}"
    if service == stack.desired.runtime:
        return result(said, _beyond_runtime(stack, allowing))
    if service == S3:
        return result(said, _beyond_artifacts(stack, allowing))
    if service == FRONT_DOOR and _judged(stack):
        return result(said, _beyond_the_api(stack, allowing))
    return result(said, _beyond_service(stack, service, allowing))


def _beyond_runtime(stack: Deployed, allowing: list[Statement]) -> Iterator[str]:
    yield from _foreign(stack, allowing)
    if any(endpoint.openai for endpoint in stack.desired.settings.endpoints):
        bearing = [s for s in allowing if s.actions == {BEARER}]
        allowing = [s for s in allowing if s not in bearing]
        if not bearing:
            yield f"{BEARER} is missing"
    yield from _excess("action", (a for s in allowing for a in s.actions if a not in INVOKE))
    promised = stack.desired.contract.endpoints
    endpoints = [each for each in stack.desired.settings.endpoints if each.name in promised]
    wanted = {arn for endpoint in endpoints for arn in invoked(endpoint, promised[endpoint.name].arn)}
    resources = equal_sets((short(r) for s in allowing for r in s.resources), map(short, wanted))
    yield from resources.faults


def _beyond_artifacts(stack: Deployed, allowing: list[Statement]) -> Iterator[str]:
    desired = stack.desired
    layers = f"arn:{desired.partition}:s3:::prod-{desired.contract.region}-starport-layer-bucket/*"
    if "ecr.dkr" in desired.settings.private_access.interface_endpoints:
        # ECR's own bucket, which whoever pulls through the VPC reads:
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
        allowing = [s for s in allowing if s.resources != {layers}]
    requests = [s for s in allowing if s.resources & _exchanged(stack).keys()]
    captured = [s for s in allowing if s.resources & {*_captured(stack), *_readable(stack)}]
    allowing = [s for s in allowing if s not in (*requests, *captured)]
    yield from _foreign(stack, [*allowing, *requests, *captured])
    yield from _beyond_captures(stack, captured)
    yield from _beyond_exchanges(stack, requests)
    if any(not _is_for_roles(stack, s) for s in allowing):
        yield "it is not bounded to this stack's roles"
    yield from _excess("action", (a for s in allowing for a in s.actions if a not in ("s3:GetObject", listings.LIST)))
    served = served_by(stack.aws, desired.settings.endpoints)
    yield from listings.faults(stack, served, allowing)
    wanted = [*map(stack.readable, served), *listings.listed(stack, served)]
    resources = equal_sets((short(r) for s in allowing for r in s.resources), wanted)
    yield from resources.faults


def _exchanged(stack: Deployed) -> dict[str, frozenset[str]]:
    """What may be done in asynchronous endpoints' buckets, by resource: by callers, or by roles."""
    found: dict[str, frozenset[str]] = {}
    for bucket in stack.exchanges.values():
        arn = f"arn:{stack.desired.partition}:s3:::{bucket}"
        found[arn] = frozenset({"s3:ListBucket"})
        for prefix in (INPUTS, OUTPUTS, FAILURES):
            found[f"{arn}/{prefix}/*"] = frozenset({"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"})
    return found


def _beyond_exchanges(stack: Deployed, requests: list[Statement]) -> Iterator[str]:
    """Callers put inputs and read answers; roles of the stack read inputs and write answers."""
    known = _exchanged(stack)
    yield from (f"{resource} is out of reach" for resource in known.keys() - {r for s in requests for r in s.resources})
    for statement in requests:
        yield from _excess("resource", statement.resources - known.keys())
        for resource in statement.resources & known.keys():
            yield from _excess("action", statement.actions - known[resource])
        inputs = any(f"/{INPUTS}/" in resource for resource in statement.resources)
        role_s = "s3:GetObject" in statement.actions if inputs else "s3:PutObject" in statement.actions
        if role_s and not _is_for_roles(stack, statement):
            yield f"{joined(statement.actions)} on {joined(map(short, statement.resources))} is not for roles alone"


def _captured(stack: Deployed) -> frozenset[str]:
    """The objects of captured calls."""
    return frozenset(f"arn:{stack.desired.partition}:s3:::{bucket}/*" for bucket in stack.captures.values())


def _read(stack: Deployed) -> set[str]:
    """The endpoints whose captured calls the settings give somebody to read."""
    captured = {each.name: each.data_capture for each in stack.desired.settings.endpoints}
    return {name for name, capture in captured.items() if capture and capture.read_policy}


def _readable(stack: Deployed) -> frozenset[str]:
    """The buckets of those, and their objects."""
    read = [bucket for name, bucket in stack.captures.items() if name in _read(stack)]
    buckets = [f"arn:{stack.desired.partition}:s3:::{bucket}" for bucket in read]
    return frozenset(each for bucket in buckets for each in (bucket, f"{bucket}/*"))


def _beyond_captures(stack: Deployed, captured: list[Statement]) -> Iterator[str]:
    """Roles of the stack write what they capture; this account's principals read what somebody has a policy for."""
    writing = [s for s in captured if not s.actions <= READING]
    lacking = _captured(stack) - {resource for s in writing for resource in s.resources}
    yield from (f"{short(resource)} is out of reach" for resource in lacking)
    read = {resource for s in captured if s not in writing for resource in s.resources}
    yield from equal_sets(map(short, read), map(short, _readable(stack))).faults
    for statement in writing:
        yield from _excess("resource", statement.resources - _captured(stack))
        yield from _excess("action", statement.actions - {"s3:PutObject", "s3:AbortMultipartUpload"})
        if not _is_for_roles(stack, statement):
            yield f"{joined(statement.actions)} on {joined(map(short, statement.resources))} is not for roles alone"


def _is_for_roles(stack: Deployed, statement: Statement) -> bool:
    """Whether a statement is bounded to this stack's roles."""
    roles = f"arn:{stack.desired.partition}:iam::{stack.desired.account}:role{stack.desired.iam_path}*"
    return statement.requires("ArnLike", "aws:PrincipalArn", roles)


def _beyond_service(stack: Deployed, service: str, allowing: list[Statement]) -> Iterator[str]:
    yield from _foreign(stack, allowing)
    if not allowing:
        yield "it allows nothing"
    prefix = f"{ACTION_PREFIXES.get(service, service)}:"
    yield from _excess(
        "action", (a for s in allowing for a in s.actions if not a.startswith(prefix) or a == f"{prefix}*")
    )
    for statement in allowing:
        unbounded = statement.actions - RESOURCELESS if "*" in statement.resources else set()
        yield from (f"{action} on every resource" for action in sorted(unbounded))
    named = {resource for s in allowing for resource in s.resources if resource != "*"}
    yield from _excess("resource", (arn for arn in named if arn.split(":")[4:5] != [stack.desired.account]))


def _judged(stack: Deployed) -> bool:
    """Whether an authorizer judges calls, which are nobody's to IAM."""
    api = stack.desired.settings.private_api
    return api is not None and api.authorizer is not None


def _beyond_the_api(stack: Deployed, allowing: list[Statement]) -> Iterator[str]:
    desired, promised, api = stack.desired, stack.desired.contract.front_door, stack.desired.settings.private_api
    place = f"arn:{desired.partition}:execute-api:{desired.contract.region}:{desired.account}:"
    wanted = [f"{place}{promised.api_id}/*", f"{place}/domainnames/{api.domain_name}+*"] if promised and api else []
    yield from equal_sets((r for s in allowing for r in s.resources), wanted).faults
    yield from equal_sets((a for s in allowing for a in s.actions), ["execute-api:Invoke"]).faults


def _foreign(stack: Deployed, allowing: list[Statement]) -> Iterator[str]:
    account = stack.desired.account
    if any(not s.requires("StringEquals", "aws:PrincipalAccount", account) for s in allowing):
        yield "it is not bounded to this account's principals"


def _excess(kind: str, items: Iterable[str]) -> Iterator[str]:
    for item in sorted(set(items)):
        yield f"{kind} not asked for: {short(item)}"
