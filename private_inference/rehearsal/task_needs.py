"""What a task on Fargate needs to start: its roles, its image and its log, by the VPC endpoints that it reaches.

Only facts come in, as for fleets (`fleet_needs`). Sources:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from private_inference.rehearsal.fleet_needs import Image
from private_inference.rehearsal.iam_decision import Request, Role, Way, refusal, trusts

SERVICE = "ecs-tasks.amazonaws.com"
LAYERS = "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"
WRITES = "logs:CreateLogStream", "logs:PutLogEvents"


@dataclass(frozen=True)
class Task:
    """The facts about one task definition, and where its tasks lie."""

    roles: Mapping[str, Role | None]
    """Those that it names, by ARN."""
    execution_role: Role | None
    image: Image | None
    """In Amazon ECR; None if it is from elsewhere."""
    log_group: str | None
    """Its ARN, if it logs into one."""
    ways: Mapping[str, Way]
    """The VPC endpoints that its tasks reach, by service."""


def lacking(task: Task) -> Iterator[str]:
    """Why its tasks can't start, as ECS says it."""
    for arn, role in task.roles.items():
        if role is None or not trusts(role, SERVICE):
            yield f"ECS was unable to assume the role '{arn}'"
    if task.image:
        yield from _pulling(task, task.image)
    if task.log_group:
        for action in WRITES:
            yield from _refused(task, "logs", Request(action, f"{task.log_group}:log-stream:forwarder"))


def _pulling(task: Task, image: Image) -> Iterator[str]:
    failed = f"CannotPullContainerError: {image.uri}"
    if not image.exists:
        yield f"{failed}: not found"
    yield from _refused(task, "ecr.api", Request("ecr:GetAuthorizationToken", "*"))
    for action in LAYERS:
        yield from _refused(task, "ecr.dkr", Request(action, image.repository_arn))
    if "s3" not in task.ways:
        yield f"{failed}: its layers are in S3, which is not reached"


def _refused(task: Task, service: str, request: Request) -> Iterator[str]:
    way = task.ways.get(service)
    if way is None:
        yield f"ResourceInitializationError: {request.action}: there is no path to {service}"
    elif task.execution_role is None:
        yield f"ResourceInitializationError: {request.action}: there is no execution role"
    elif why := refusal(task.execution_role, Request(request.action, request.resource, way.context), None, way):
        yield f"ResourceInitializationError: AccessDeniedException: {request.action} on {request.resource} {why}"
