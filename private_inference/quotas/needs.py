"""What a stack needs of each quota, counted from the resources that its program declares."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from private_inference.graph import types
from private_inference.graph.resources import Graph, Resource
from private_inference.graph.security_groups import RULE_TYPES, rules_of
from private_inference.graph.values import Unknown
from private_inference.quotas.published import Quota, instances_of, quota

ADDRESSES_OF_AN_INSTANCE = 2
"""In the subnets of its model: https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html"""

_COUNTED = {
    "L-F678F1CE": types.VPC,
    "L-C2F1777E": types.KMS_KEY,
    "L-FE177D64": types.IAM_ROLE,
    "L-E95E4862": types.IAM_POLICY,
    "L-DC2B2D3D": types.BUCKET,
    "L-61103206": types.SNS_TOPIC,
    "L-C3B871CB": "aws:ssm/parameter:Parameter",
    "L-244521F2": "aws:cloudwatch/eventRule:EventRule",
    "L-1568E18E": types.TRAIL,
    "L-1AAF0700": types.SCALING_TARGET,
    "L-53DA6B97": types.LOAD_BALANCER,
}
"""Quotas of the whole account: the type of resource that each counts."""

VARIANTS = ("productionVariants", "shadowProductionVariants")
"""Where an endpoint's configuration lists what has instances."""

CPU_UNITS = 1024
"""Of a vCPU, in a task definition.

https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskDefinition.html
"""

_PER_VPC = {"L-407747CB": types.SUBNET, "L-589F43AA": types.ROUTE_TABLE, "L-B4A6D682": types.NETWORK_ACL}


@dataclass(frozen=True)
class Need:
    """How much of a quota the stack needs; `of` is the resource that needs most, empty for all together."""

    quota: Quota
    amount: int
    of: str = ""


def needs(resources: Iterable[Resource]) -> list[Need]:
    """Every quota that the stack counts against, by what its program declares."""
    graph = Graph(resources)
    found = [Need(quota(code), len(graph.all(type_))) for code, type_ in _COUNTED.items()]
    return [
        need
        for need in [*_instances(graph), *_tasks(graph), *_network(graph), *found, *_documents(graph)]
        if need.amount
    ]


def _instances(graph: Graph[Resource]) -> Iterator[Need]:
    """Instances with the headroom of an update, at the most that scaling may start."""
    by_type: Counter[str] = Counter()
    by_endpoint: Counter[str] = Counter()
    most = _most_by_variant(graph)
    for endpoint in graph.all(types.SAGEMAKER_ENDPOINT):
        for configuration in _referred(graph, endpoint, "endpointConfigName", types.SAGEMAKER_ENDPOINT_CONFIGURATION):
            for _, variant in (each for key in VARIANTS for each in configuration.entries(key)):
                if not variant.get("instanceType"):
                    continue
                name = f"endpoint/{endpoint.get('name')}/variant/{variant['variantName']}"
                serving = most.get(name, int(variant.get("initialInstanceCount") or 1))
                by_endpoint[endpoint.name] += serving
                by_type[variant["instanceType"]] += serving + _beside(endpoint, serving)
    for instance_type, count in sorted(by_type.items()):
        yield Need(instances_of(instance_type), count)
    yield Need(quota("L-7A3DF611"), by_type.total())
    yield _largest("L-ED8DEE9B", by_endpoint)
    addresses = sum(len(each.entries("subnetIds")) for each in _interface_endpoints(graph))
    yield Need(quota("L-DF5E4CA3"), addresses + ADDRESSES_OF_AN_INSTANCE * by_type.total())


def _tasks(graph: Graph[Resource]) -> Iterator[Need]:
    """vCPUs of Fargate, at the most tasks that a deployment runs: by ECS's default old and new ones together.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
    """
    units = 0
    for service in graph.all(types.CONTAINER_SERVICE):
        most = int(service.get("desiredCount") or 0) * int(service.get("deploymentMaximumPercent") or 200) // 100
        definitions = _referred(graph, service, "taskDefinition", types.TASK_DEFINITION)
        units += most * max((int(each.get("cpu")) for each in definitions), default=0)
    yield Need(quota("L-3032A538"), math.ceil(units / CPU_UNITS))


def _referred(graph: Graph[Resource], resource: Resource, key: str, type_: str) -> list[Resource]:
    """The resources of a type that a property may name."""
    meant = graph.reference(resource, key, [resource.get(key)], type_)
    return [each for each in (*meant.named, *meant.candidates) if isinstance(each, Resource)]


def _most_by_variant(graph: Graph[Resource]) -> Mapping[str, int]:
    known = [each for each in graph.all(types.SCALING_TARGET) if isinstance(each.get("resourceId"), str)]
    return {each.get("resourceId"): int(each.get("maxCapacity")) for each in known}


def _beside(endpoint: Resource, serving: int) -> int:
    """The instances that an update starts while the old ones serve: as many again, or a batch of a rolling one.

    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
    """
    batch = endpoint.get("deploymentConfig", "rollingUpdatePolicy", "maximumBatchSize")
    if not batch:
        return serving
    return int(batch["value"]) if batch["type"] == "INSTANCE_COUNT" else math.ceil(serving * int(batch["value"]) / 100)


def _network(graph: Graph[Resource]) -> Iterator[Need]:
    vpcs, endpoints = graph.all(types.VPC), graph.all(types.VPC_ENDPOINT)
    interfaces = _interface_endpoints(graph)
    # Each VPC comes with a group, a table and an ACL of its own.
    yield Need(quota("L-E79EC296"), len(graph.all(types.SECURITY_GROUP)) + len(vpcs))
    yield Need(quota("L-1B52E74A"), len(endpoints) - len(interfaces))
    yield _largest("L-29B6F2EB", Counter(_owner(each, "vpcId") for each in interfaces))
    for code, type_ in _PER_VPC.items():
        of_its_own = 0 if type_ == types.SUBNET else 1
        yield _largest(code, Counter(_owner(each, "vpcId") for each in graph.all(type_)), of_its_own)
    yield _largest("L-0EA8095F", _group_rules(graph))
    yield _largest("L-2AEEBF1A", _acl_rules(graph), 1)
    gateways = len(endpoints) - len(interfaces)
    yield _largest("L-93826ACB", Counter(_owner(each, "routeTableId") for each in graph.all(types.ROUTE)), 1 + gateways)
    groups = Counter({each.name: len(_groups(each)) for each in graph if _groups(each)})
    yield _largest("L-2AFB9258", groups)


def _interface_endpoints(graph: Graph[Resource]) -> list[Resource]:
    return [each for each in graph.all(types.VPC_ENDPOINT) if each.get("vpcEndpointType") == "Interface"]


def _groups(resource: Resource) -> Sequence[Any]:
    return [
        *(resource.entries("securityGroupIds") if resource.type == types.VPC_ENDPOINT else ()),
        *resource.entries("vpcConfig", "securityGroupIds"),
    ]


def _group_rules(graph: Graph[Resource]) -> Counter[str]:
    """Rules by group and direction. AWS counts a managed prefix list of its own as one entry for S3 and DynamoDB.

    https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html
    """
    return Counter(
        f"{_owner(each, 'securityGroupId') if each.type in RULE_TYPES else each.name} {rule.direction}"
        for each in graph.all(*RULE_TYPES, types.SECURITY_GROUP)
        for rule in rules_of(each)
    )


def _acl_rules(graph: Graph[Resource]) -> Counter[str]:
    """Rules by ACL and direction, without the one that denies the rest."""
    found = Counter(
        f"{_owner(each, 'networkAclId')} {'egress' if each.get('egress') else 'ingress'}"
        for each in graph.all(types.NETWORK_ACL_RULE)
    )
    for acl in graph.all(types.NETWORK_ACL):
        for direction in ("ingress", "egress"):
            found[f"{acl.name} {direction}"] += len(acl.inputs(direction))
    return found


def _documents(graph: Graph[Resource]) -> Iterator[Need]:
    inline: Counter[str] = Counter()
    for each in graph.all(types.IAM_ROLE_POLICY):
        inline[_owner(each, "role")] += _length(each.get("policy"))
    attached = Counter(_owner(each, "role") for each in graph.all(types.IAM_ROLE_POLICY_ATTACHMENT))
    for role in graph.all(types.IAM_ROLE):
        attached[role.name] += len(role.inputs("managedPolicyArns"))
    yield _largest("L-0DA4ABF3", attached)
    yield _largest("inline-policies-length", inline)
    for code, type_, key in (
        ("managed-policy-length", types.IAM_POLICY, "policy"),
        ("L-C07B4B0D", types.IAM_ROLE, "assumeRolePolicy"),
    ):
        yield _largest(code, Counter({each.name: _length(each.get(key)) for each in graph.all(type_)}))
    rules = {each.name: each.get("eventPattern") for each in graph.all("aws:cloudwatch/eventRule:EventRule")}
    yield _largest("L-664C5505", Counter({name: _length(pattern) for name, pattern in rules.items()}))
    yield _largest("advanced-selector-values", Counter({each.name: _values(each) for each in graph.all(types.TRAIL)}))
    policies = {each.name: each.get("policy") for each in graph.all(types.VPC_ENDPOINT)}
    # AWS counts an endpoint policy with its white space.
    yield _largest("L-3248932A", Counter({name: len(text) for name, text in policies.items() if isinstance(text, str)}))


def _values(trail: Resource) -> int:
    return sum(
        len(value)
        for _, selector in trail.entries("advancedEventSelectors")
        for field in selector.get("fieldSelectors") or ()
        for value in field.values()
        if isinstance(value, list)
    )


def _length(document: Any) -> int:
    """The characters of a JSON document without white space, as IAM counts them; 0 for one that isn't known.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    return len(json.dumps(json.loads(document), separators=(",", ":"))) if isinstance(document, str) else 0


def _owner(resource: Resource, key: str) -> str:
    """What a resource belongs to: the name of the resource that the property comes from, or its value."""
    sources = resource.sources.get(key) or ()
    value = resource.get(key)
    return sources[0].rpartition("::")[2] if sources else str("" if isinstance(value, Unknown) else value)


def _largest(code: str, amounts: Counter[str], further: int = 0) -> Need:
    """The need of the owner that needs most; `further` is what each has besides."""
    if not amounts:
        return Need(quota(code), 0)
    ((owner, amount),) = amounts.most_common(1)
    return Need(quota(code), amount + further, owner)
