"""Builds an account's principals, resources and paths from the resources of a Pulumi program.

What a document is attached to is resolved by the graph; a document that can't be read, or that is attached to what
isn't known, stays in the account as a gap, by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from private_inference.authorization.access_points import ways_to
from private_inference.authorization.elsewhere import elsewhere
from private_inference.authorization.from_graph.attachments import Attachments
from private_inference.authorization.model import (
    HOLDERS,
    OTHER_ENDPOINT,
    PUBLIC,
    Account,
    Guard,
    Kind,
    Path,
    Policy,
    Principal,
    Resource,
    component_on,
    read_policy,
)
from private_inference.graph import types
from private_inference.graph.cloudformation import with_held
from private_inference.graph.endpoint_services import short_service
from private_inference.graph.resources import Graph
from private_inference.graph.resources import Resource as Declared
from private_inference.graph.values import Unknown


def load(resources: Iterable[Declared], account_id: str, partition: str) -> Account:
    """The account that a program's resources are in."""
    graph = Graph(sorted(with_held(resources), key=lambda resource: resource.urn))
    attached = Attachments(graph)
    found = Account(
        account_id,
        partition,
        (*_roles(graph, attached, account_id, partition), *_holders(graph, account_id, partition)),
        tuple(_resources(graph, attached, account_id, partition)),
        (*_paths(graph, attached), OTHER_ENDPOINT, PUBLIC),
        attached.organization(account_id),
        attached.gaps(),
    )
    return replace(found, paths=(*found.paths, *elsewhere(found.documents, found.paths)))


def _text(resource: Declared, *keys: str) -> str:
    """The first of some properties that is known, or else a name that stands for it."""
    return next(
        (value for key in keys if isinstance(value := resource.get(key), str) and value), f"unknown:{resource.name}"
    )


def _arn(resource: Declared, partition: str) -> str:
    """A resource's ARN, or a pattern for whatever it may be."""
    found = resource.get("arn")
    return found if isinstance(found, str) else f"arn:{partition}:*"


def _roles(graph: Graph[Declared], attached: Attachments, account: str, partition: str) -> Iterator[Principal]:
    for role in graph.all(types.IAM_ROLE):
        yield Principal(
            f"role {role.name}",
            Kind.ROLE,
            _arn(role, partition),
            account,
            tuple(attached.identity(role)),
            attached.boundary(role),
            trust=read_policy(f"trust of {role.name}", role.get("assumeRolePolicy")),
            holds=tuple(sorted({each.name for each in attached.managed(role)})),
            policies=tuple(arn for each in attached.managed(role) if isinstance(arn := each.get("arn"), str)),
        )


def _holders(graph: Graph[Declared], account: str, partition: str) -> Iterator[Principal]:
    """Whoever holds a policy of the program and nothing else: anybody of the account may be given it."""
    for policy in graph.all(types.IAM_POLICY):
        document = read_policy(f"policy {policy.name}", policy.get("policy"))
        yield Principal(
            f"{HOLDERS}{policy.name}", Kind.ROLE, f"arn:{partition}:iam::{account}:?*", account, (document,)
        )


_KINDS = {
    types.SAGEMAKER_ENDPOINT: "endpoint",
    types.SNS_TOPIC: "topic",
    types.SQS_QUEUE: "queue",
    types.SECRET: "secret",
    types.ECR_REPOSITORY: "repository",
    types.FUNCTION: "function",
    types.LOG_GROUP: "log group",
    types.VPC_ENDPOINT: "VPC endpoint",
}


def _resources(graph: Graph[Declared], attached: Attachments, account: str, partition: str) -> Iterator[Resource]:
    for type_, kind in _KINDS.items():
        for each in graph.all(type_):
            policy = attached.of_resource(each) if type_ != types.VPC_ENDPOINT else None
            yield Resource(f"{kind} {each.name}", _arn(each, partition), account, policy, kind=kind)
    for component in graph.all(types.INFERENCE_COMPONENT):
        hosts = (e for e in graph.all(types.SAGEMAKER_ENDPOINT) if e.get("name") == component.get("endpointName"))
        arn = next((_arn(each, partition) for each in hosts), f"arn:{partition}:*")
        endpoint = Resource(f"endpoint of {component.name}", arn, account, kind="endpoint")
        yield component_on(endpoint, _text(component, "name"))
    yield from _routes(graph, attached, account)
    for bucket in graph.all(types.BUCKET):
        policy, arn = attached.of_resource(bucket), _arn(bucket, partition)
        objects = Resource(f"objects of {bucket.name}", f"{arn}/*", account, policy, kind="objects")
        yield from ways_to(objects, attached.access_points(bucket, account), partition)
        yield Resource(f"bucket {bucket.name}", arn, account, policy, kind="bucket")
    for key in graph.all(types.KMS_KEY):
        policy = attached.of_resource(key) or _default_key_policy(key.name, account, partition)
        yield Resource(f"key {key.name}", _arn(key, partition), account, policy, Guard.NEEDED, "key")
    for role in graph.all(types.IAM_ROLE):
        arn, name = _arn(role, partition), f"role {role.name}"
        trust = read_policy(f"trust of {role.name}", role.get("assumeRolePolicy"))
        yield Resource(name, arn, account, trust, Guard.NEEDED, "trust")
        yield Resource(name, arn, account, kind="role")


def _routes(graph: Graph[Declared], attached: Attachments, account: str) -> Iterator[Resource]:
    """The calls of each SageMaker endpoint through an API, which has SageMaker Runtime's own paths."""
    for api in graph.all(types.REST_API):
        policy, execution = attached.of_resource(api), _text(api, "executionArn")
        for endpoint in graph.all(types.SAGEMAKER_ENDPOINT):
            arn = f"{execution}/*/POST/endpoints/{_text(endpoint, 'name')}/invocations"
            yield Resource(f"route {api.name} to {endpoint.name}", arn, account, policy, kind="route")


def _default_key_policy(name: str, account: str, partition: str) -> Policy:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""
    root = {"AWS": f"arn:{partition}:iam::{account}:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return read_policy(f"default policy of key {name}", {"Version": "2012-10-17", "Statement": [statement]})


def _paths(graph: Graph[Declared], attached: Attachments) -> Iterator[Path]:
    for endpoint in graph.all(types.VPC_ENDPOINT):
        kind: Any = endpoint.get("vpcEndpointType")
        path = Path(
            f"endpoint {endpoint.name}",
            _text(endpoint, "id"),
            _text(endpoint, "vpcId"),
            short_service(_text(endpoint, "serviceName")),
            not isinstance(kind, Unknown) and kind in (None, "Gateway"),
        )
        yield replace(path, policy=attached.of_resource(endpoint))
