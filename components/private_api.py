"""The front door's API: calls of models over HTTPS, signed for API Gateway, which calls SageMaker Runtime for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import pulumi_aws as aws

from components import front_door_policies as policies
from components import iam
from components.authorizer import authorizer
from components.caller_table import caller_table
from components.endpoint_services import FRONT_DOOR
from components.iam import Account
from components.names import name_tag, stack_name
from components.settings.front_door import FrontDoorSettings

PATH = ("endpoints", "{name}", "invocations")
"""SageMaker Runtime's own: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html"""
HEADERS = ("Accept", "Content-Type")
ANSWERS = {"200": r"2\d{2}", "400": "400", "424": "424", "429": "429", "503": "503", "502": None}
"""The statuses that callers get, each with those of SageMaker that it stands for; None: of all the rest.

A model's own error is 424. What else goes wrong between API Gateway and SageMaker is no caller's fault.
"""
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.identity.userArn",
    "account": "$context.identity.accountId",
    "sourceIp": "$context.identity.sourceIp",
    "vpcEndpoint": "$context.identity.vpceId",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "error": "$context.error.message",
    "integrationStatus": "$context.integrationStatus",
    "latencyMs": "$context.responseLatency",
    "bytes": "$context.responseLength",
}
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html"""
WHOM_THE_AUTHORIZER_LETS_IN = {"caller": "$context.authorizer.principalId"}
"""The same of calls that are not signed."""


@dataclass(frozen=True, kw_only=True)
class PrivateApiArgs:
    """What is called through the API, from where, and how calls are logged."""

    settings: FrontDoorSettings
    account: Account
    iam_path: str
    endpoints: Mapping[str, pulumi.Resource]
    """The SageMaker endpoints by name."""
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    """Subnets of the access tier, in the zones that offer the service."""
    security_group_id: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int
    hooks: pulumi.ResourceHookBinding
    """Of the callers' policies."""
    protect: bool
    """Whether Pulumi refuses to delete the log group."""


class PrivateApi(pulumi.ComponentResource):
    """A REST API that one VPC endpoint leads to, with a policy for the callers of each SageMaker endpoint."""

    api: aws.apigateway.RestApi
    stage: aws.apigateway.Stage
    vpc_endpoint: aws.ec2.VpcEndpoint
    invoke_policies: Mapping[str, aws.iam.Policy]
    """By the SageMaker endpoint's name; none where an authorizer judges calls."""

    def __init__(self, name: str, args: PrivateApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:access:PrivateApi", name, None, opts)
        self._name = name
        self._args = args
        self._child = partial(pulumi.ResourceOptions, parent=self, protect=False)
        self.api = aws.apigateway.RestApi(
            name,
            name=stack_name(name),
            description=f"Calls of the models of {pulumi.get_project()}/{pulumi.get_stack()}",
            # Requests and answers pass as they are, whatever their media type.
            binary_media_types=["*/*"],
            endpoint_configuration=aws.apigateway.RestApiEndpointConfigurationArgs(types="PRIVATE"),
            opts=self._child(),
        )
        self.vpc_endpoint = self._vpc_endpoint()
        arn, through = self.api.execution_arn, self.vpc_endpoint.id
        document = iam.json_document(policies.api(args.account, arn, through, signed=self._signed))
        policy = aws.apigateway.RestApiPolicy(name, rest_api_id=self.api.id, policy=document, opts=self._child())
        self.stage = self._stage(self._deployment(self._route(), policy, document))
        callers = args.endpoints if self._signed else ()  # who doesn't sign has no role to attach a policy to
        self.invoke_policies = {endpoint: self._invoke_policy(endpoint) for endpoint in callers}
        self.register_outputs({"apiId": self.api.id, "vpcEndpointId": self.vpc_endpoint.id})

    @property
    def authorization_header(self) -> str:
        """What callers say in it is judged by the authorizer; empty where they sign."""
        settings = self._args.settings.authorizer
        return settings.header if settings else ""

    @property
    def _signed(self) -> bool:
        return not self.authorization_header

    def _vpc_endpoint(self) -> aws.ec2.VpcEndpoint:
        args = self._args
        arn, name = self.api.execution_arn, args.settings.domain_name
        document = policies.endpoint_policy(args.account, arn, name, signed=self._signed)
        return aws.ec2.VpcEndpoint(
            FRONT_DOOR,
            vpc_id=args.vpc_id,
            service_name=f"com.amazonaws.{args.account.region}.{FRONT_DOOR}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=args.subnet_ids,
            security_group_ids=[args.security_group_id],
            policy=iam.json_document(document),
            tags=name_tag(FRONT_DOOR),
            opts=self._child(),
        )

    def _role(self) -> aws.iam.Role:
        """API Gateway's, for this account: it calls SageMaker with it, from its own network."""
        args = self._args
        role = aws.iam.Role(
            self._name,
            name=policies.role_name(stack_name()),
            path=args.iam_path,
            description=f"Calls the models of {pulumi.get_project()}/{pulumi.get_stack()} for API Gateway",
            assume_role_policy=iam.json_document(iam.trust(args.account, "apigateway.amazonaws.com")),
            opts=self._child(),
        )
        document = iam.json_document(policies.calls_of_models(args.account, list(args.endpoints)))
        aws.iam.RolePolicy(self._name, role=role.id, policy=document, opts=self._child())
        return role

    def _route(self) -> Sequence[pulumi.Resource]:
        """POST /endpoints/{name}/invocations; what a deployment has to wait for."""
        args = self._args
        parent = self.api.root_resource_id
        for part in PATH:
            resource = aws.apigateway.Resource(
                f"{self._name}-{part.strip('{}')}",
                rest_api=self.api.id,
                parent_id=parent,
                path_part=part,
                opts=self._child(),
            )
            parent = resource.id
        at: dict[str, Any] = {"rest_api": self.api.id, "resource_id": parent, "http_method": policies.METHOD}
        method = aws.apigateway.Method(
            self._name,
            **at,
            **self._authorization(),
            request_parameters={
                "method.request.path.name": True,
                **{f"method.request.header.{header}": False for header in HEADERS},
            },
            opts=self._child(),
        )
        integration = aws.apigateway.Integration(
            self._name,
            **at,
            type="AWS",
            integration_http_method=policies.METHOD,
            uri=f"arn:{args.account.partition}:apigateway:{args.account.region}:runtime.sagemaker:path/{'/'.join(PATH)}",
            credentials=self._role().arn,
            passthrough_behavior="WHEN_NO_MATCH",
            request_parameters={
                "integration.request.path.name": "method.request.path.name",
                **{f"integration.request.header.{each}": f"method.request.header.{each}" for each in HEADERS},
            },
            timeout_milliseconds=args.settings.timeout_seconds * 1000,
            opts=self._child(depends_on=[method]),
        )
        return [integration, *(self._answer(at, status, integration) for status in ANSWERS)]

    def _authorization(self) -> dict[str, Any]:
        args = self._args
        if args.settings.authorizer is None:
            return {"authorization": "AWS_IAM"}
        judge = authorizer(self._name, args.settings.authorizer, self.api, args.account, args.iam_path, self._child)
        return {"authorization": "CUSTOM", "authorizer_id": judge.id}

    def _answer(self, at: Mapping[str, Any], status: str, integration: pulumi.Resource) -> pulumi.Resource:
        kind = "method.response.header.Content-Type"
        response = aws.apigateway.MethodResponse(
            f"{self._name}-{status}",
            **at,
            status_code=status,
            response_parameters={kind: True},
            opts=self._child(depends_on=[integration]),
        )
        return aws.apigateway.IntegrationResponse(
            f"{self._name}-{status}",
            **at,
            status_code=status,
            selection_pattern=ANSWERS[status],
            response_parameters={kind: "integration.response.header.Content-Type"},
            opts=self._child(depends_on=[response]),
        )

    def _deployment(
        self, route: Sequence[pulumi.Resource], policy: pulumi.Resource, document: pulumi.Output[str]
    ) -> aws.apigateway.Deployment:
        """What of the API is in force. Another definition, or another policy, is another deployment."""
        settings = self._args.settings
        defined: dict[str, Any] = {"answers": ANSWERS, "headers": HEADERS, "timeout": settings.timeout_seconds}
        if settings.authorizer:
            defined["authorizer"] = [settings.authorizer.function_arn, settings.authorizer.header]
        return aws.apigateway.Deployment(
            self._name,
            rest_api=self.api.id,
            triggers={"definition": json.dumps(defined, sort_keys=True), "policy": document},
            opts=self._child(depends_on=[*route, policy]),
        )

    def _stage(self, deployment: aws.apigateway.Deployment) -> aws.apigateway.Stage:
        args = self._args
        group = aws.cloudwatch.LogGroup(
            self._name,
            kms_key_id=args.logs_key_arn,
            retention_in_days=args.log_retention_days,
            opts=self._child(protect=args.protect),
        )
        if args.settings.count_callers:
            caller_table(group.name, self._child())
        stage = aws.apigateway.Stage(
            self._name,
            rest_api=self.api.id,
            deployment=deployment.id,
            stage_name=policies.STAGE,
            access_log_settings=aws.apigateway.StageAccessLogSettingsArgs(
                destination_arn=group.arn,
                format=json.dumps(ACCESS_LOG if self._signed else ACCESS_LOG | WHOM_THE_AUTHORIZER_LETS_IN),
            ),
            opts=self._child(),
        )
        aws.apigateway.MethodSettings(
            self._name,
            rest_api=self.api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings=aws.apigateway.MethodSettingsSettingsArgs(
                throttling_rate_limit=args.settings.requests_per_second,
                throttling_burst_limit=args.settings.burst,
                metrics_enabled=True,
                data_trace_enabled=False,  # it would log what callers send
                logging_level="OFF",
            ),
            opts=self._child(),
        )
        return stage

    def _invoke_policy(self, endpoint: str) -> aws.iam.Policy:
        routes = [policies.route(self.api.execution_arn, endpoint)]
        return aws.iam.Policy(
            f"{self._name}-{endpoint}",
            path=self._args.iam_path,
            description=f"Calls {endpoint} through the front door",
            policy=iam.json_document(policies.callers(routes, self.vpc_endpoint.id)),
            # Deleted first: as long as somebody holds the policy, the endpoint stays as it is.
            opts=self._child(depends_on=[self._args.endpoints[endpoint]], hooks=self._args.hooks),
        )
