"""The resources that requests to Elastic Load Balancing and to ECS are about.

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html and
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.ecs.models import ecs_backends
from moto.elbv2.models import elbv2_backends

from private_inference.graph.iam_documents import as_list
from private_inference.rehearsal.patches.iam_resources import Named, Parameters, arn_of

ELB = "elasticloadbalancing"
MADE = {"CreateLoadBalancer": "loadbalancer/app", "CreateTargetGroup": "targetgroup", "CreateTrustStore": "truststore"}
NAMED = ("ListenerArn", "TrustStoreArn", "TargetGroupArn", "LoadBalancerArn", "ResourceArns")
"""Parameters that say what a request is about, the first that is given."""


def _balancing(response: Any, operation: str, asked: Parameters) -> Named:
    if operation.startswith("Describe"):
        yield "*", {}
    elif operation in MADE:
        yield arn_of(response, ELB, f"{MADE[operation]}/{asked['Name']}/new"), {}
    else:
        tagging = elbv2_backends[response.current_account][response.region].tagging_service
        arns = next(as_list(asked[key]) for key in NAMED if asked.get(key))
        yield from ((arn, tagging.get_tag_dict_for_resource(arn)) for arn in arns)


def _containers(response: Any, operation: str, asked: Parameters) -> Named:
    kept = dict(_tags(ecs_backends[response.current_account][response.region]))
    if operation in ("DeregisterTaskDefinition", "DescribeTaskDefinition"):
        yield "*", {}
        return
    for rest in _asked(operation, asked):
        arn = rest if rest.startswith("arn:") else arn_of(response, "ecs", rest)
        yield arn, kept.get(arn, {})


def _asked(operation: str, asked: Parameters) -> Iterator[str]:
    """ARNs, or what ends them."""
    if asked.get("resourceArn"):
        yield asked["resourceArn"]
    elif operation == "RegisterTaskDefinition":
        yield f"task-definition/{asked['family']}:1"
    elif operation.endswith(("Service", "Services")):
        cluster = str(asked.get("cluster", "default")).rpartition("/")[2]
        named = as_list(asked.get("services") or asked.get("service") or asked["serviceName"])
        yield from (each if each.startswith("arn:") else f"service/{cluster}/{each}" for each in named)
    else:
        named = as_list(asked.get("clusters") or asked.get("cluster") or asked["clusterName"])
        yield from (each if each.startswith("arn:") else f"cluster/{each}" for each in named)


def _tags(backend: Any) -> Iterator[tuple[str, Mapping[str, str]]]:
    definitions = [each for family in backend.task_definitions.values() for each in family.values()]
    for each in (*backend.clusters.values(), *backend.services.values(), *definitions):
        yield each.arn, {tag["key"]: tag["value"] for tag in each.tags or []}


def tagged_arn(operation: str, arn: str) -> str:
    """What a request tags that makes something: a listener is made on its balancer."""
    return f"{arn.replace(':loadbalancer/', ':listener/')}/new" if operation == "CreateListener" else arn


RESOURCES: Mapping[str, Callable[[Any, str, Parameters], Named]] = {"elbv2": _balancing, "ecs": _containers}
ACTIONS = {"elbv2": ELB}
"""What a service is called in actions, where that is not its name in moto."""
