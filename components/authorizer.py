"""A Lambda function of yours that says, in IAM's place, who may call the front door's API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

from collections.abc import Callable

import pulumi
import pulumi_aws as aws

from components import iam
from components.iam import Account
from components.settings.authorizer import AuthorizerSettings


def authorizer(
    name: str,
    settings: AuthorizerSettings,
    api: aws.apigateway.RestApi,
    account: Account,
    iam_path: str,
    child: Callable[..., pulumi.ResourceOptions],
) -> aws.apigateway.Authorizer:
    """The authorizer of an API, with the role that API Gateway calls the function with; `child` makes their options."""
    role = aws.iam.Role(
        f"{name}-authorizer",
        path=iam_path,
        description=f"Asks who may call the models of {pulumi.get_project()}/{pulumi.get_stack()}",
        assume_role_policy=iam.json_document(iam.trust(account, "apigateway.amazonaws.com")),
        opts=child(),
    )
    calls = iam.document(iam.allow("AskWhoMayCall", ["lambda:InvokeFunction"], [settings.function_arn]))
    policy = aws.iam.RolePolicy(f"{name}-authorizer", role=role.id, policy=iam.json_document(calls), opts=child())
    called = f"lambda:path/2015-03-31/functions/{settings.function_arn}/invocations"
    return aws.apigateway.Authorizer(
        name,
        rest_api=api.id,
        type="REQUEST",
        authorizer_uri=f"arn:{account.partition}:apigateway:{account.region}:{called}",
        authorizer_credentials=role.arn,
        identity_source=f"method.request.header.{settings.header}",
        authorizer_result_ttl_in_seconds=0,
        opts=child(depends_on=[policy]),
    )
