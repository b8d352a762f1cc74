"""The documents of the front door: whom its API, its name and its VPC endpoint let in, and what it calls for them.

A call passes the VPC endpoint's policy first, then those of the name and of the API, which refuse other VPC endpoints;
and the caller's own policy has to allow it, because the API leaves that to the account. Where an authorizer
judges, calls are not signed, and it alone decides on whatever came through the VPC endpoint
(https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html).
"""

from collections.abc import Sequence

import pulumi

from components.iam import Account, Arn, Document, Statement, allow, deny, document

INVOKE = "execute-api:Invoke"
METHOD = "POST"
STAGE = "serving"


def role_name(stack: str) -> str:
    """Name of the role that API Gateway calls SageMaker with, of a stack called PROJECT-STACK.

    It is no automatic one: a service control policy names its ARN, which whoever writes that has to know.
    """
    return f"{stack}-front-door"


def role_arn(account: Account, iam_path: str, stack: str) -> str:
    """ARN of the role that API Gateway calls SageMaker with."""
    return f"arn:{account.partition}:iam::{account.id}:role{iam_path}{role_name(stack)}"


def route(execution_arn: Arn, endpoint: str) -> pulumi.Output[str]:
    """ARN of the calls to one SageMaker endpoint, of an API with this execution ARN."""
    return pulumi.Output.concat(execution_arn, f"/{STAGE}/{METHOD}/endpoints/{endpoint}/invocations")


def calls_of_models(account: Account, endpoints: Sequence[str]) -> Document:
    """What API Gateway may call for its callers. Its requests come from its own network, through no VPC endpoint."""
    arns = [account.arn("sagemaker", f"endpoint/{name}") for name in endpoints]
    return document(allow("InvokeThisStack", ["sagemaker:InvokeEndpoint"], arns))


def callers(routes: Sequence[Arn], vpc_endpoint: Arn) -> Document:
    """Calls to one SageMaker endpoint by the front door's name, from within this VPC."""
    return document(allow("InvokeThroughFrontDoor", [INVOKE], list(routes), _through(vpc_endpoint)))


def endpoint_policy(account: Account, execution_arn: Arn, domain_name: str, *, signed: bool) -> Document:
    """What passes the VPC endpoint: calls by this account's principals, or by whoever signs none, to this API and name.

    API Gateway adds an id to the name.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-vpc-endpoint-policies.html
    """
    own = {"StringEquals": {"aws:PrincipalAccount": account.id}} if signed else None
    called: list[Arn] = [
        pulumi.Output.concat(execution_arn, "/*"),
        account.arn("execute-api", f"/domainnames/{domain_name}+*"),
    ]
    return document(allow("ThisFrontDoor", [INVOKE], called, own) | {"Principal": {"AWS": "*"}})


def api(account: Account, execution_arn: Arn, vpc_endpoint: Arn, *, signed: bool) -> Document:
    """Lets this account's principals in through one VPC endpoint, as far as their own policies allow it.

    Calls that are not signed are nobody's, to IAM.
    """
    everything = [pulumi.Output.concat(execution_arn, "/*")]
    sid, principal = ("OwnPrincipals", {"AWS": account.root}) if signed else ("WhomTheAuthorizerLetsIn", "*")
    own = allow(sid, [INVOKE], everything, _through(vpc_endpoint)) | {"Principal": principal}
    return document(own, _others(everything, vpc_endpoint))


def name(vpc_endpoint: Arn) -> Document:
    """Lets calls by the name in through one VPC endpoint. Who may call is for the API behind it to say.

    API Gateway knows the name's ARN once there is one, and takes this form for it:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-custom-domains-tutorial.html
    """
    everything = ["execute-api:/*"]
    allowed = allow("ThroughThisVpc", [INVOKE], everything, _through(vpc_endpoint)) | {"Principal": "*"}
    return document(allowed, _others(everything, vpc_endpoint))


def _through(vpc_endpoint: Arn) -> dict[str, dict[str, Arn]]:
    return {"StringEquals": {"aws:SourceVpce": vpc_endpoint}}


def _others(resources: Sequence[Arn], vpc_endpoint: Arn) -> Statement:
    elsewhere = {"StringNotEquals": {"aws:SourceVpce": vpc_endpoint}}
    return deny("OtherVpcEndpoints", [INVOKE], resources, elsewhere) | {"Principal": "*"}
