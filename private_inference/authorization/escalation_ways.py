"""Ways in which a principal becomes another one, or gives itself what it hasn't: the calls that each takes.

The first 31 are those that IAM Vulnerable sets up (https://github.com/BishopFox/iam-vulnerable), under its names; the
others follow from the same mechanism, a role that a service takes
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html). What actions are for, and on what:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class On(StrEnum):
    """What a call is about, where it is no pattern of ARNs."""

    TARGET = "target"
    """The principal that is to be become."""
    OWN_USER = "own user"
    OWN_ROLE = "own role"
    OWN_GROUP = "own group"
    OWN_POLICY = "own policy"
    """A managed policy of the account's that is attached to it or a group of its."""


class Yields(StrEnum):
    """Whom a way leads to."""

    ROLE = "role"
    """A role of the account; with a service, one that the service takes."""
    USER = "user"
    ANYTHING = "itself with any permission"
    GROUP = "a member of any group that it may choose"


@dataclass(frozen=True)
class Way:
    """calls: action and what it is about, `On` or a pattern of ARNs; the service is who takes the role."""

    name: str
    yields: Yields
    calls: Sequence[tuple[str, str]]
    service: str = ""


def _given(name: str, action: str, on: On) -> Way:
    return Way(name, Yields.ANYTHING, [(f"iam:{action}", on)])


def _passing(name: str, service: str, on: str, *actions: str) -> Way:
    """A role is passed to a new resource of a service."""
    return Way(name, Yields.ROLE, [("iam:PassRole", On.TARGET), *((each, on) for each in actions)], service)


def _using(name: str, service: str, on: str, *actions: str) -> Way:
    """A resource is used that has a role already."""
    return Way(name, Yields.ROLE, [(each, on) for each in actions], service)


def _arns(service: str, resource: str) -> str:
    return f"arn:{{partition}}:{service}:*:{{account}}:{resource}"


_EC2, _LAMBDA, _GLUE, _CODEBUILD = (
    "ec2.amazonaws.com",
    "lambda.amazonaws.com",
    "glue.amazonaws.com",
    "codebuild.amazonaws.com",
)
_STACKS, _SAGEMAKER, _TASKS = "cloudformation.amazonaws.com", "sagemaker.amazonaws.com", "ecs-tasks.amazonaws.com"
_INSTANCE, _FUNCTION = _arns("ec2", "instance/*"), _arns("lambda", "function:*")
_DEV, _JOB, _PROJECT = _arns("glue", "devEndpoint/*"), _arns("glue", "job/*"), _arns("codebuild", "project/*")
_STACK, _NOTEBOOK = _arns("cloudformation", "stack/*"), _arns("sagemaker", "notebook-instance/*")

TAKING = Way("STS-AssumeRole", Yields.ROLE, [("sts:AssumeRole", On.TARGET)])

WAYS: Sequence[Way] = (
    _given("IAM-CreateNewPolicyVersion", "CreatePolicyVersion", On.OWN_POLICY),
    _given("IAM-SetExistingDefaultPolicyVersion", "SetDefaultPolicyVersion", On.OWN_POLICY),
    _given("IAM-AttachUserPolicy", "AttachUserPolicy", On.OWN_USER),
    _given("IAM-AttachGroupPolicy", "AttachGroupPolicy", On.OWN_GROUP),
    _given("IAM-AttachRolePolicy", "AttachRolePolicy", On.OWN_ROLE),
    _given("IAM-PutUserPolicy", "PutUserPolicy", On.OWN_USER),
    _given("IAM-PutGroupPolicy", "PutGroupPolicy", On.OWN_GROUP),
    _given("IAM-PutRolePolicy", "PutRolePolicy", On.OWN_ROLE),
    Way("IAM-AddUserToGroup", Yields.GROUP, [("iam:AddUserToGroup", "arn:{partition}:iam::{account}:group/*")]),
    Way("IAM-CreateAccessKey", Yields.USER, [("iam:CreateAccessKey", On.TARGET)]),
    Way("IAM-CreateLoginProfile", Yields.USER, [("iam:CreateLoginProfile", On.TARGET)]),
    Way("IAM-UpdateLoginProfile", Yields.USER, [("iam:UpdateLoginProfile", On.TARGET)]),
    Way("IAM-UpdatingAssumeRolePolicy", Yields.ROLE, [("iam:UpdateAssumeRolePolicy", On.TARGET)]),
    TAKING,
    _passing("EC2-CreateInstanceWithExistingProfile", _EC2, _INSTANCE, "ec2:RunInstances"),
    _passing(
        "Lambda-PassExistingRoleToNewLambdaThenInvoke",
        _LAMBDA,
        _FUNCTION,
        "lambda:CreateFunction",
        "lambda:InvokeFunction",
    ),
    Way(
        "Lambda-PassRoleToNewLambdaThenTrigger",
        Yields.ROLE,
        [
            ("iam:PassRole", On.TARGET),
            ("lambda:CreateFunction", _FUNCTION),
            ("lambda:CreateEventSourceMapping", _arns("lambda", "event-source-mapping:*")),
        ],
        _LAMBDA,
    ),
    _passing("Glue-PassExistingRoleToNewGlueDevEndpoint", _GLUE, _DEV, "glue:CreateDevEndpoint"),
    _passing("CloudFormation-PassExistingRoleToCloudFormation", _STACKS, _STACK, "cloudformation:CreateStack"),
    _passing(
        "DataPipeline-PassExistingRoleToNewDataPipeline",
        "datapipeline.amazonaws.com",
        _arns("datapipeline", "pipeline/*"),
        "datapipeline:CreatePipeline",
        "datapipeline:PutPipelineDefinition",
        "datapipeline:ActivatePipeline",
    ),
    _passing(
        "CodeBuild-CreateProjectPassRole", _CODEBUILD, _PROJECT, "codebuild:CreateProject", "codebuild:StartBuild"
    ),
    _passing(
        "SageMaker-CreateNotebookPassRole",
        _SAGEMAKER,
        _NOTEBOOK,
        "sagemaker:CreateNotebookInstance",
        "sagemaker:CreatePresignedNotebookInstanceUrl",
    ),
    _passing(
        "SageMaker-CreateTrainingJobPassRole",
        _SAGEMAKER,
        _arns("sagemaker", "training-job/*"),
        "sagemaker:CreateTrainingJob",
    ),
    _passing(
        "SageMaker-CreateProcessingJobPassRole",
        _SAGEMAKER,
        _arns("sagemaker", "processing-job/*"),
        "sagemaker:CreateProcessingJob",
    ),
    _using("EC2InstanceConnect-SendSSHPublicKey", _EC2, _INSTANCE, "ec2-instance-connect:SendSSHPublicKey"),
    _using("CloudFormation-UpdateStack", _STACKS, _STACK, "cloudformation:UpdateStack"),
    _using("Glue-UpdateExistingGlueDevEndpoint", _GLUE, _DEV, "glue:UpdateDevEndpoint"),
    _using("Lambda-EditExistingLambdaFunctionWithRole", _LAMBDA, _FUNCTION, "lambda:UpdateFunctionCode"),
    _using(
        "SageMakerCreatePresignedNotebookURL", _SAGEMAKER, _NOTEBOOK, "sagemaker:CreatePresignedNotebookInstanceUrl"
    ),
    _using("SSM-SendCommand", _EC2, _INSTANCE, "ssm:SendCommand"),
    _using("SSM-StartSession", _EC2, _INSTANCE, "ssm:StartSession"),
    _using("Lambda-layer of an existing function", _LAMBDA, _FUNCTION, "lambda:UpdateFunctionConfiguration"),
    _using("CodeBuild-build of an existing project", _CODEBUILD, _PROJECT, "codebuild:StartBuild"),
    _passing("Glue-new job", _GLUE, _JOB, "glue:CreateJob", "glue:StartJobRun"),
    _passing("Glue-existing job", _GLUE, _JOB, "glue:UpdateJob", "glue:StartJobRun"),
    Way(
        "ECS-new task",
        Yields.ROLE,
        [
            ("iam:PassRole", On.TARGET),
            ("ecs:RegisterTaskDefinition", _arns("ecs", "task-definition/*")),
            ("ecs:RunTask", _arns("ecs", "task-definition/*")),
        ],
        _TASKS,
    ),
    _passing(
        "StepFunctions-new state machine",
        "states.amazonaws.com",
        _arns("states", "stateMachine:*"),
        "states:CreateStateMachine",
        "states:StartExecution",
    ),
)
