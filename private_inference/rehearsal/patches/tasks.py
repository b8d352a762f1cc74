"""Amazon ECS on Fargate: services whose tasks have network interfaces, and are the targets of a balancer."""

from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.models import Task as RunningTask
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.elbv2.models import elbv2_backends

from private_inference.rehearsal.embedded_aws import clients_at
from private_inference.rehearsal.patches import callers, model_interfaces
from private_inference.rehearsal.patches.fleet_facts import find_role, image_at
from private_inference.rehearsal.patches.own_account import own_address
from private_inference.rehearsal.patches.patch import patch
from private_inference.rehearsal.task_needs import Task, lacking

KEPT = (
    "availabilityZoneRebalancing",
    "deploymentConfiguration",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
)
"""What a service keeps and moto does not: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Service.html"""


def tasks_of(backend: Any, service: Any) -> list[Any]:
    """moto's running tasks of a service."""
    tasks = backend.tasks.get(service.cluster_name, {}).values()
    return [each for each in tasks if each.group == f"service:{service.name}" and each.desired_status == "RUNNING"]


def placed(service: Any) -> dict[str, Any]:
    """Where a service's tasks lie, as Lambda tells it of functions (reach.reached_endpoints)."""
    network = (service.network_configuration or {}).get("awsvpcConfiguration", {})
    subnets = network.get("subnets", [])
    ec2 = ec2_backends[service._account_id][service.region_name]
    found = {"SubnetIds": subnets, "SecurityGroupIds": network.get("securityGroups", [])}
    return {"VpcConfig": found | {"VpcId": ec2.get_subnet(subnets[0]).vpc_id if subnets else ""}}


def service_of(backend: Any, target_group: str) -> Any:
    """moto's active service behind a target group, or None."""
    active = (each for each in backend.services.values() if each.status == "ACTIVE")
    return next((each for each in active if target_group in _targets(each)), None)


def _targets(service: Any) -> dict[str, int]:
    """The port of the tasks, by target group."""
    return {each["targetGroupArn"]: each["containerPort"] for each in service.load_balancers}


def _lacking(backend: Any, service: Any) -> list[str]:
    """Why its tasks can't start."""
    from flask import request

    from private_inference.rehearsal import reach  # the reachability engine, which nothing else here needs

    region, account = backend.region_name, backend.account_id
    with request.environ["rehearsal.aside"]():
        reached = reach.reached_endpoints(clients_at(own_address(), region, account), placed(service)) or {}
    ways = {name: callers.by(region, account, endpoint) for name, endpoint in reached.items()}
    definition = backend.describe_task_definition(service.task_definition)
    container = definition.container_definitions[0]
    group = container.get("logConfiguration", {}).get("options", {}).get("awslogs-group")
    execution = getattr(definition, "execution_role_arn", None)
    named = {arn: find_role(backend, arn) for arn in (execution, getattr(definition, "task_role_arn", None)) if arn}
    logs = f"arn:{backend.partition}:logs:{region}:{account}:log-group:{group}" if group else None
    image = image_at(backend, container["image"])
    needs = Task(named, named.get(execution), image, logs, {name: way for name, way in ways.items() if way})
    return [*lacking(needs)]


def _start(backend: Any, service: Any) -> None:
    """Its tasks, over its subnets in turn; they are healthy targets at once. Where they can't start there are none."""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    network = (service.network_configuration or {}).get("awsvpcConfiguration", {})
    reasons = _lacking(backend, service) if network and service.desired_count else []
    count = 0 if reasons or not network else service.desired_count
    for number in range(count):
        subnet = network["subnets"][number % len(network["subnets"])]
        task: Any = RunningTask(
            backend._get_cluster(service.cluster_name),
            backend.describe_task_definition(service.task_definition),
            None,
            None,  # what it takes of an instance that it does not run on
            backend,
            f"service:{service.name}",
            "FARGATE",
            started_by=f"ecs-svc/{service.name}",
            networking_configuration={"awsvpcConfiguration": {**network, "subnets": [subnet]}},
        )
        backend.tasks.setdefault(service.cluster_name, {})[task.task_arn] = task
        details = {each["name"]: each for each in task.attachments[0]["details"]}
        ec2.delete_network_interface(details["networkInterfaceId"]["value"])
        made = model_interfaces.place(ec2, ec2.get_subnet(subnet), network["securityGroups"], f"ECS task {task.id}")
        details["networkInterfaceId"]["value"] = task.interface = made.id
        details["privateIPv4Address"]["value"] = task.address = made.private_ip_address
        for group, port in _targets(service).items():
            elbv2_backends[backend.account_id][backend.region_name].register_targets(
                group, [{"Id": task.address, "Port": port}]
            )
    service.running_count, service.pending_count = count, service.desired_count - count
    service.events = [{"id": "1", "createdAt": utcnow(), "message": each} for each in reasons]
    state = "COMPLETED" if not service.pending_count else "FAILED" if reasons else "IN_PROGRESS"
    for deployment in service.deployments:
        told = {"runningCount": count, "pendingCount": service.pending_count, "rolloutState": state}
        reason = {"rolloutStateReason": f"ECS deployment {deployment['id']} {state.lower().replace('_', ' ')}."}
        deployment |= told | reason | {"desiredCount": service.desired_count, "taskDefinition": service.task_definition}


def _stop(backend: Any, service: Any) -> None:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    balancers = elbv2_backends[backend.account_id][backend.region_name]
    for task in tasks_of(backend, service):
        for group in set(_targets(service)) & set(balancers.target_groups):
            balancers.deregister_targets(group, [{"Id": task.address}])
        ec2.delete_network_interface(task.interface)
        backend.stop_task(service.cluster_name, task.task_arn, "The service has no use for it")


@patch(EC2ContainerServiceResponse, "create_service")
def service_details(original: Any, response: Any) -> Any:
    """CreateService keeps deployment, grace period and the like, and takes target groups that a balancer uses alone.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html.
    """
    balancers = elbv2_backends[response.current_account][response.region]
    for each in response._get_param("loadBalancers") or []:
        group = balancers.target_groups.get(each.get("targetGroupArn"))
        if group is None or not group.load_balancer_arns:
            message = f"The target group with targetGroupArn {each.get('targetGroupArn')} "
            raise InvalidParameterException(message + "does not have an associated load balancer.")
    answer = original(response)
    made = answer.result["service"]
    for name in KEPT:
        if (value := response._get_param(name)) is not None:
            setattr(made, name, value)
    _start(response.ecs_backend, made)
    return answer


@patch(EC2ContainerServiceBackend, "update_service")
def service_updated(original: Any, backend: Any, service_properties: dict[str, Any]) -> Any:
    """UpdateService replaces the tasks."""
    asked = dict(service_properties)
    made = original(backend, service_properties)
    if made.task_definition:
        made.task_definition = backend.describe_task_definition(made.task_definition).arn
    if asked.get("network_configuration"):
        made.network_configuration = asked["network_configuration"]
    _stop(backend, made)
    _start(backend, made)
    return made


@patch(EC2ContainerServiceBackend, "delete_service")
def service_deleted(original: Any, backend: Any, *given: Any, **asked: Any) -> Any:
    """DeleteService stops the tasks, whose interfaces go with them."""
    made = original(backend, *given, **asked)
    _stop(backend, made)
    made.running_count = made.desired_count = 0
    return made


def environment_of(definition: Any) -> dict[str, str]:
    """What the first container of a task definition is told."""
    return {each["name"]: each["value"] for each in definition.container_definitions[0].get("environment", [])}


def _deployments(backend: Any, service: Any) -> list[dict[str, Any]]:
    """The deployments of a service, as they ended: each is over when the call that began it is answered."""
    return [
        {
            "serviceDeploymentArn": f"{service.arn.replace(':service/', ':service-deployment/')}/{service.name}",
            "serviceArn": service.arn,
            "clusterArn": service.cluster_arn,
            "createdAt": each["createdAt"],
            "startedAt": each["createdAt"],
            "finishedAt": each["updatedAt"],
            "status": "IN_PROGRESS" if service.pending_count else "SUCCESSFUL",
        }
        for each in service.deployments
    ]


@patch(EC2ContainerServiceResponse, "list_service_deployments")
def service_deployments(original: Any, response: Any) -> ActionResult:
    """ListServiceDeployments, by which the AWS provider sees that a service is steady; moto lacks it."""
    service = response.ecs_backend._get_service(response._get_param("cluster"), response._get_param("service"))
    return ActionResult({"serviceDeployments": _deployments(response.ecs_backend, service)})


@patch(EC2ContainerServiceResponse, "describe_service_deployments")
def service_deployments_described(original: Any, response: Any) -> ActionResult:
    """DescribeServiceDeployments, likewise."""
    backend, asked = response.ecs_backend, response._get_param("serviceDeploymentArns")
    found = [one for service in backend.services.values() for one in _deployments(backend, service)]
    return ActionResult({"serviceDeployments": [one for one in found if one["serviceDeploymentArn"] in asked]})
