"""What the forwarder behind the load balancer may do: call the stack's models through the VPC, load its image, log.

Who takes its roles is ECS alone, for this account:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""

from collections.abc import Sequence

import pulumi

from components.iam import INVOKE, INVOKE_STREAM, PULL_IMAGE, Account, Arn, Document, allow, document

SERVICE = "ecs-tasks.amazonaws.com"


def calls_of_models(
    account: Account, endpoints: Sequence[str], streaming: Sequence[str], runtime_endpoint_id: pulumi.Input[str]
) -> Document:
    """Calls of these SageMaker endpoints, of which some stream, through the VPC's runtime endpoint only."""
    through = {"StringEquals": {"aws:SourceVpce": runtime_endpoint_id}}
    calls = [(INVOKE, "InvokeThroughVpc", endpoints), (INVOKE_STREAM, "StreamThroughVpc", streaming)]
    return document(
        *(
            allow(sid, [action], [account.arn("sagemaker", f"endpoint/{name}") for name in names], through)
            for action, sid, names in calls
            if names
        )
    )


def start(repository: Arn, log_group: Arn, vpc_id: pulumi.Input[str]) -> Document:
    """What Fargate does before and beside the container: loads the image, from within the VPC, and writes the log.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    """
    within = {"StringEquals": {"aws:SourceVpc": vpc_id}}
    return document(
        allow("Image", PULL_IMAGE, [repository], within),
        allow("RegistryLogin", ["ecr:GetAuthorizationToken"], ["*"], within),
        allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(log_group, ":*")]),
    )
