"""What decides about requests for a deployed stack: the account's identities, and the documents of its resources.

docs/authorization.md has the least policy for whoever reads this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from components.contract import Contract, FrontDoor
from private_inference.authorization.from_account.described import Described, Endpoint, Guarded
from private_inference.verification.callers import contract_of, role_arn
from private_inference.verification.checks import AbsentError, UnreadableError
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item
from private_inference.verification.keys import PURPOSES
from private_inference.verification.logs import COMPONENTS, ENDPOINTS, flow_log
from private_inference.verification.policies import unescaped


def describe(stack: Deployed) -> Described:
    """The account of a stack. Raises AbsentError or UnreadableError for identities, or parts of the stack."""
    desired = stack.desired
    gaps: list[str] = []
    return Described(
        desired.account,
        desired.partition,
        _identities(stack, "UserDetailList", "User"),
        _identities(stack, "GroupDetailList", "Group"),
        _identities(stack, "RoleDetailList", "Role"),
        _identities(stack, "Policies", "LocalManagedPolicy", "AWSManagedPolicy"),
        tuple(_with_access_points(stack, each, gaps) if each.kind == "bucket" else each for each in _resources(stack)),
        tuple(_endpoints(stack)),
        _handed_out(desired.contract) | _of_callers(stack),
        tuple(gaps),
    )


def _handed_out(contract: Contract) -> dict[str, str]:
    """The policies for callers, by the names that the stack's intent has for them."""
    found = {name: endpoint.invoke_policy_arn for name, endpoint in contract.endpoints.items()}
    by_name = {f"front-door-{name}": endpoint.front_door_policy_arn for name, endpoint in contract.endpoints.items()}
    reading = {
        f"{name}-captured": each.captured.read_policy_arn for name, each in contract.endpoints.items() if each.captured
    }
    return found | {name: arn for name, arn in by_name.items() if arn} | reading


def _of_callers(stack: Deployed) -> dict[str, str]:
    """The policies for callers that live elsewhere."""
    callers = [caller for caller in stack.desired.settings.callers if not caller.account]
    found = {f"caller-{caller.name}": contract_of(stack, caller).invoke_policy_arn for caller in callers}
    return {name: arn for name, arn in found.items() if arn}


def _front_door(stack: Deployed, promised: FrontDoor) -> Iterator[Guarded]:
    desired = stack.desired
    role = f"arn:{desired.partition}:iam::{desired.account}:role{desired.iam_path}{desired.name}-front-door"
    yield Guarded("role front-door", "role", role)
    for authorizer in stack.aws.all("apigateway", "get_authorizers", "items", restApiId=promised.api_id):
        yield Guarded("role front-door-authorizer", "role", str(authorizer["authorizerCredentials"]))
    place = f"arn:{desired.partition}:execute-api:{desired.contract.region}:{desired.account}:{promised.api_id}"

    def read() -> list[Any]:
        policy = stack.aws.get("apigateway", "get_rest_api", restApiId=promised.api_id).get("policy")
        return [unescaped(policy)] if policy else []

    for name in desired.contract.endpoints:
        arn = f"{place}/*/POST/endpoints/{name}/invocations"
        yield _guarded(f"route front-door to {name}", "route", arn, read)


def _identities(stack: Deployed, member: str, *kinds: str) -> list[Any]:
    return stack.aws.all("iam", "get_account_authorization_details", member, Filter=list(kinds))


def _resources(stack: Deployed) -> Iterator[Guarded]:
    """What the stack's intent names, but for VPC endpoints."""
    desired = stack.desired
    for name, endpoint in desired.contract.endpoints.items():
        components = tuple((endpoint.components or {}).values())
        yield Guarded(f"endpoint {name}", "endpoint", endpoint.arn, components=components)
        for arn in sorted({str(model["ExecutionRoleArn"]) for model in stack.models(name)}):
            yield Guarded(f"role {name}", "role", arn)
        yield from _container_logs(stack, name, (endpoint.components or {}).values())
    for name in stack.exchanges:
        yield from _exchange(stack, name)
    for name, captured in stack.captures.items():
        arn = f"arn:{desired.partition}:s3:::{captured}"
        yield _guarded(f"bucket {name}-captured", "bucket", arn, partial(_bucket_policies, stack, captured))
    if desired.contract.front_door:
        yield from _front_door(stack, desired.contract.front_door)
    for caller in desired.settings.callers:
        if caller.account:
            yield Guarded(f"role caller-{caller.name}", "role", role_arn(stack, caller))
    yield Guarded("role network-flow-logs", "role", flow_log(stack)["DeliverLogsPermissionArn"])
    bucket = f"arn:{desired.partition}:s3:::{stack.bucket}"
    yield _guarded("bucket artifacts", "bucket", bucket, lambda: [_bucket_policy(stack, stack.bucket)])
    if desired.settings.logs_calls:
        log = stack.trail["S3BucketName"]
        arn = f"arn:{desired.partition}:s3:::{log}"
        yield _guarded("bucket calls", "bucket", arn, lambda: [_bucket_policy(stack, log)])
    yield _guarded("topic alarms", "topic", stack.topic, partial(_topic_policies, stack, stack.topic))
    yield _repository(stack)
    for purpose in PURPOSES:
        yield _key(stack, purpose, getattr(desired.contract.key_arns, purpose))


def _container_logs(stack: Deployed, endpoint: str, components: Iterable[str]) -> Iterator[Guarded]:
    """The log groups of an endpoint and of its inference components."""

    def read() -> list[Any]:
        found = stack.aws.all("logs", "describe_resource_policies", "resourcePolicies")
        return [policy["policyDocument"] for policy in found]

    for place, name in ((ENDPOINTS, endpoint), *((COMPONENTS, each) for each in components)):
        group = stack.log_groups(place)[f"{place}{name}"]
        yield _guarded(f"log group {name}", "log group", group["arn"], read)


def _exchange(stack: Deployed, endpoint: str) -> Iterator[Guarded]:
    """The bucket and topics of an asynchronous endpoint."""
    bucket, promised = stack.exchanges[endpoint], stack.desired.contract.endpoints[endpoint]
    arn = f"arn:{stack.desired.partition}:s3:::{bucket}"
    yield _guarded(f"bucket {endpoint}-requests", "bucket", arn, lambda: [_bucket_policy(stack, bucket)])
    for outcome, topic in (promised.async_topic_arns or {}).items():
        yield _guarded(f"topic {endpoint}-{outcome}", "topic", topic, partial(_topic_policies, stack, topic))


def _topic_policies(stack: Deployed, arn: str) -> list[Any]:
    return [stack.aws.get("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]["Policy"]]


def _with_access_points(stack: Deployed, bucket: Guarded, gaps: list[str]) -> Guarded:
    """A bucket with the account's access points of it and their policies; what can't be read is a further gap."""
    account, name = stack.desired.account, bucket.arn.rpartition(":")[2]
    found: list[tuple[Item, str | None]] = []
    try:
        listed = stack.aws.all("s3control", "list_access_points", "AccessPointList", AccountId=account, Bucket=name)
        found += ((each, _access_point_policy(stack, each["Name"])) for each in listed)
    except UnreadableError as error:
        gaps.append(f"access points of the bucket {name} {error}")
    return replace(bucket, access_points=found)


def _access_point_policy(stack: Deployed, name: str) -> str | None:
    try:
        document = stack.aws.get("s3control", "get_access_point_policy", AccountId=stack.desired.account, Name=name)
    except AbsentError:
        return None
    return str(document["Policy"])


def _bucket_policies(stack: Deployed, bucket: str) -> list[Any]:
    return [_bucket_policy(stack, bucket)]


def _bucket_policy(stack: Deployed, bucket: str) -> Any:
    return stack.aws.get("s3", "get_bucket_policy", Bucket=bucket)["Policy"]


def _repository(stack: Deployed) -> Guarded:
    """With what the registry's policy says of all repositories.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry-permissions.html
    """
    name, get = stack.desired.name, stack.aws.get
    found = stack.aws.all("ecr", "describe_repositories", "repositories", repositoryNames=[name])
    if not found:
        raise AbsentError(f"there is no repository {name}")
    own = partial(get, "ecr", "get_repository_policy", repositoryName=name)
    read = [lambda: [own()["policyText"]], lambda: [get("ecr", "get_registry_policy")["policyText"]]]
    return _guarded("repository images", "repository", found[0]["repositoryArn"], *read)


def _key(stack: Deployed, purpose: str, arn: str) -> Guarded:
    policy = partial(stack.aws.get, "kms", "get_key_policy", KeyId=arn, PolicyName="default")
    grants: list[Item] = []

    def read() -> list[Any]:
        grants.extend(stack.aws.all("kms", "list_grants", "Grants", KeyId=arn))
        return [policy()["Policy"]]

    found = _guarded(f"key {purpose}", "key", arn, read)
    return Guarded(found.name, found.kind, found.arn, found.policies, tuple(grants), found.gap)


def _guarded(name: str, kind: str, arn: str, *reads: Callable[[], list[Any]]) -> Guarded:
    """A resource with its documents; one that AWS doesn't let us see is its gap."""
    documents: list[Any] = []
    gaps: list[str] = []
    for read in reads:
        try:
            documents += read()
        except AbsentError:
            pass
        except UnreadableError as error:
            gaps.append(f"policy of {name} {error}")
    return Guarded(name, kind, arn, tuple(documents), gap="; ".join(gaps))


def _endpoints(stack: Deployed) -> Iterator[Endpoint]:
    """The VPC's endpoints, named for their services as the stack names them."""
    desired = stack.desired
    found = stack.vpc_endpoints
    gateways = {each["ServiceName"] for each in found if each["VpcEndpointType"] == "Gateway"}
    for each in found:
        service = str(each["ServiceName"]).removeprefix(desired.service(""))
        name = "sagemaker.runtime" if service == desired.runtime else service
        both = each["VpcEndpointType"] == "Interface" and each["ServiceName"] in gateways
        arn = f"arn:{desired.partition}:ec2:{desired.contract.region}:{desired.account}:vpc-endpoint/"
        yield Endpoint(
            f"endpoint {name}-interface" if both else f"endpoint {name}", f"{arn}{each['VpcEndpointId']}", each
        )
