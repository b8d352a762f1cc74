"""Who may do what: an endpoint's execution role, and the policy for those who call it."""

from collections.abc import Iterable, Iterator
from functools import partial

from components.settings import EndpointSettings, label
from private_inference.authorization.actions import BEARER
from private_inference.verification import listings
from private_inference.verification.capture import bucket_of
from private_inference.verification.checks import AbsentError, Assertion, Result, equal_sets, joined, result, short
from private_inference.verification.controls import LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item, dimensions
from private_inference.verification.desired import MODEL, components_of, invoked
from private_inference.verification.exchange_permissions import caller_faults, role_reach
from private_inference.verification.inference import ROLLBACK
from private_inference.verification.logs import COMPONENTS, ENDPOINTS
from private_inference.verification.packages import containers, served_by
from private_inference.verification.policies import Statement, statements

RESOURCELESS = (
    "cloudwatch:PutMetricData",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
)
"""What SageMaker needs of a role, and IAM can bound to no resource.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
"""
CREATE_INTERFACE = "ec2:CreateNetworkInterface"
MANAGE_INTERFACES = frozenset(
    {
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
    }
)
INVOKE = {"sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"}
INVOKE_LATER = {"sagemaker:InvokeEndpointAsync"}


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """Role and callers of one endpoint; `endpoint` is its settings."""
    expect = partial(Assertion, f"Endpoint {endpoint.name}", controls=LEAST_PRIVILEGE)
    yield expect("its role can be taken by SageMaker for this account only", partial(_trust, stack, endpoint))
    yield expect("its role reaches what it serves, and nothing else", partial(_permissions, stack, endpoint))
    yield expect("its callers' policy allows calls through this VPC only", partial(_callers, stack, endpoint))


def role_name(stack: Deployed, endpoint: EndpointSettings) -> str:
    """Name of the execution role, which all models of an endpoint share."""
    names = {model["ExecutionRoleArn"].rpartition("/")[2] for model in stack.models(endpoint.name)}
    if len(names) != 1:
        raise AbsentError(f"its models have the roles {joined(names)}, where one was asked for")
    return str(names.pop())


def _trust(stack: Deployed, endpoint: EndpointSettings) -> Result:
    name = role_name(stack, endpoint)
    role = stack.aws.get("iam", "get_role", RoleName=name)["Role"]
    allowing = [s for s in statements(role["AssumeRolePolicyDocument"]) if s.allows]
    principals = equal_sets((p for s in allowing for p in s.principals), ["Service:sagemaker.amazonaws.com"])
    faults = principals.faults
    if any(not s.requires("StringEquals", "aws:SourceAccount", stack.desired.account) for s in allowing):
        faults.append("it is not bounded to this account")
    return result(f"{name}: {principals.seen}, aws:SourceAccount", faults)


def _permissions(stack: Deployed, endpoint: EndpointSettings) -> Result:
    name = role_name(stack, endpoint)
    attached = stack.aws.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    faults = [f"{policy['PolicyName']} is attached" for policy in attached]
    allowing = [s for document in stack.inline_policies(name) for s in statements(document) if s.allows]
    reached = equal_sets(
        (
            short(resource) if resource != "*" else action
            for s in allowing
            for resource in s.resources
            for action in s.actions
        ),
        [*_reach(stack, endpoint), *role_reach(stack, endpoint)],
    )
    faults += reached.faults
    faults += _loose_interfaces(stack, allowing)
    faults += listings.faults(stack, served_by(stack.aws, [endpoint]), allowing)
    faults += [f"{action} is more than one action" for s in allowing for action in s.actions if "*" in action]
    return result(f"{name}: {len(allowing)} statements, as bounded as IAM allows", faults)


def _reach(stack: Deployed, endpoint: EndpointSettings) -> Iterator[str]:
    """What a role has to name: resources, and actions where it can name none."""
    served = served_by(stack.aws, [endpoint])
    yield from listings.listed(stack, served)
    for container in served:
        yield stack.readable(container)
        if container.artifact_key_arn:
            yield short(container.artifact_key_arn)
    yield short(stack.desired.contract.key_arns.data)
    watched = _watched(stack, endpoint) if not endpoint.update.rollback_off_because else []
    yield from (short(alarm["AlarmArn"]) for alarm in watched if alarm.get("MetricName") in ROLLBACK)
    if endpoint.data_capture:
        yield f"{bucket_of(stack, endpoint.name)}/*"
    yield f"log-group:{ENDPOINTS}{endpoint.name}:*"
    yield from (f"log-group:{COMPONENTS}{label(endpoint.name, each.name)}:*" for each in endpoint.components)
    for model in stack.models(endpoint.name):
        for found in containers(stack.aws, model):
            repository = found["Image"].partition("/")[2].partition("@")[0]
            yield f"repository/{repository.partition(':')[0]}"
    if _unscoped(stack):
        yield from (CREATE_INTERFACE, *MANAGE_INTERFACES)
    else:
        yield from (f"subnet/{subnet}" for subnet in stack.subnet_ids(MODEL))
        yield f"security-group/{stack.groups[MODEL]}"
        yield "network-interface/*"
    yield from RESOURCELESS


def _unscoped(stack: Deployed) -> bool:
    return stack.desired.settings.security.network_interfaces_unscoped_because is not None


def _loose_interfaces(stack: Deployed, allowing: Iterable[Statement]) -> Iterator[str]:
    """Interfaces that exist are bounded to the VPC: a list of subnets would lack those that the model has left."""
    vpc = f"arn:{stack.desired.partition}:ec2:{stack.desired.contract.region}:{stack.desired.account}:vpc/"
    for statement in [] if _unscoped(stack) else allowing:
        if statement.actions & MANAGE_INTERFACES and not statement.requires(
            "ArnEquals", "ec2:Vpc", vpc + stack.desired.contract.vpc_id
        ):
            yield f"{joined(statement.actions & MANAGE_INTERFACES)} is not bounded to the VPC"


def _actions(endpoint: EndpointSettings) -> set[str]:
    """What callers of an endpoint may call."""
    if endpoint.asynchronous:
        return INVOKE_LATER
    return INVOKE if endpoint.streaming else {"sagemaker:InvokeEndpoint"}


def _watched(stack: Deployed, endpoint: EndpointSettings) -> list[Item]:
    """Alarms on an endpoint's answers, or on its components', whose metrics don't name it."""
    answering = [variant.name for variant in endpoint.production_variants]
    shared = [each.dimensions for each in components_of(endpoint)]
    return [
        *(each for each in stack.alarms[endpoint.name] if dimensions(each).get("VariantName") in answering),
        *(each for each in stack.alarms[""] if dimensions(each) in shared),
    ]


def _callers(stack: Deployed, endpoint: EndpointSettings) -> Result:
    promised = stack.desired.contract.endpoints.get(endpoint.name)
    if promised is None:
        raise AbsentError("the contract does not name it")
    policy = stack.aws.get("iam", "get_policy", PolicyArn=promised.invoke_policy_arn)["Policy"]
    allowing = [s for s in statements(stack.managed_policy(promised.invoke_policy_arn)) if s.allows]
    faults = [] if policy.get("IsAttachable", True) else ["it can't be attached"]
    if endpoint.asynchronous:
        others = [s for s in allowing if not s.actions & INVOKE_LATER]
        allowing = [s for s in allowing if s not in others]
        faults += caller_faults(stack, endpoint.name, others)
    bearing = [s for s in allowing if BEARER in s.actions]
    allowing = [s for s in allowing if s not in bearing]
    faults += _bearer_faults(bearing, wanted=endpoint.openai)
    for found, wanted in (
        ((action for s in allowing for action in s.actions), _actions(endpoint)),
        ((resource for s in allowing for resource in s.resources), invoked(endpoint, promised.arn)),
    ):
        faults += equal_sets(map(short, found), map(short, wanted)).faults
    through = stack.desired.contract.runtime_endpoint.id
    if any(not s.requires("StringEquals", "aws:SourceVpce", through) for s in (*allowing, *bearing)):
        faults.append(f"it is not bounded to {through}")
    models = endpoint.target_models
    if (promised.target_models, promised.target_containers) != (models, endpoint.target_containers):
        faults.append("the contract offers other models or containers")
    if models and any(not s.requires("StringEquals", "sagemaker:TargetModel", *models) for s in allowing):
        faults.append("it is not bounded to the models")
    return result(f"{policy['PolicyName']}: {short(promised.arn)} through {through}", faults)


def _bearer_faults(bearing: list[Statement], *, wanted: bool) -> Iterator[str]:
    """What is wrong with the statements that have bearer tokens taken. The action takes no resource."""
    if bool(bearing) != wanted:
        yield f"{BEARER} is missing" if wanted else f"{BEARER} was not asked for"
    yield from (f"{joined(s.actions)} on every resource" for s in bearing if s.actions != {BEARER})
