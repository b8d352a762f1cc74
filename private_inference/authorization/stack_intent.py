"""The intent of a stack's permissions, by its settings.

Derived from the settings and the design alone, without the code that writes the documents, so that a mistake there is
found here. What it relies on are the names of the stack's resources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from private_inference.authorization import balanced_intent, capture_intent, exchange_intent
from private_inference.authorization.actions import BEARER
from private_inference.authorization.everyone import ADMINISTRATOR, ANONYMOUS, ROOT_USER
from private_inference.authorization.intent import Expectation, Expected, Intent
from private_inference.authorization.model import PUBLIC

if TYPE_CHECKING:
    from components.settings import CallerSettings, Settings
    from components.settings.endpoints import EndpointSettings

RUNTIME, S3, FRONT_DOOR = "endpoint sagemaker.runtime", "endpoint s3", "endpoint execute-api"
FRONT_DOORS_ROLE, FRONT_DOORS_AUTHORIZER = "role front-door", "role front-door-authorizer"
GATEWAY = "apigateway.amazonaws.com, for this account"
OBJECTS, BUCKET, IMAGES, TOPIC = "objects of artifacts", "bucket artifacts", "repository images", "topic alarms"
CALLS, CALLS_BUCKET = "objects of calls", "bucket calls"
DATA, LOGS, NOTIFICATIONS = "key data", "key logs", "key notifications"
FLOW_LOGS = "role network-flow-logs"
USE_KEY = ("kms:Decrypt", "kms:GenerateDataKey")
CALLS_OF_MODELS = ("sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream")
LATER = ("sagemaker:InvokeEndpointAsync",)
CHANGES = (
    "sagemaker:UpdateEndpoint",
    "sagemaker:DeleteEndpoint",
    "sagemaker:UpdateInferenceComponent",
    "sagemaker:DeleteInferenceComponent",
)

ANYWHERE = (
    "an administrator of this account may give anybody of it the right to call an endpoint, and then calls come from "
    "anywhere, over the public internet too: SageMaker has no policy that refuses callers. "
    "`private-inference perimeter` writes the service control policy that closes it, and "
    "`private-inference who --scp` shows that it does"
)
TOLD = "operators are notified of each such call"
UNTOLD = "operators.callsFromOutside notifies operators of each such call"
WITHIN = (
    "an administrator of this account may give anybody of it the right to call an endpoint through the runtime "
    "endpoint: the account's administrators are trusted"
)
WITHIN_OTHERS = (
    "an administrator of this account may give anybody of it the right to call an endpoint through the VPC endpoint of "
    "a caller of the account: the account's administrators are trusted"
)
BY_NAME = (
    "an administrator of this account may give anybody of it the right to call through the front door: the account's "
    "administrators are trusted"
)
JUDGED = (
    "whoever reaches the front door's VPC endpoint is let in, or not, by the function that frontDoor.authorizer names: "
    "calls are not signed, so IAM tells nobody apart, and what the function answers is its own"
)
TOKENS = (
    "the action takes no resource, and a call by a bearer token is one of InvokeEndpoint, too, which alone decides "
    "which endpoint is called, and from where"
)
ADMINISTRATION = (
    "an administrator of this account may give anybody of it the right to read and change what the stack protects "
    "(artifacts, keys, roles, endpoints, images): the account's administrators are trusted"
)
ROOT = "the account's root user may do everything that no service control policy denies"
_NO_CONDITION = (
    "AWS lets no condition be set for EventBridge: "
    "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions"
)


def intent_from(settings: Settings) -> Intent:
    """The intent of a stack."""
    names = [endpoint.name for endpoint in settings.endpoints]
    resources = [f"{kind} {name}" for name in names for kind in ("endpoint", "role", "log group")]
    resources += [
        one for endpoint in settings.endpoints for one in (*_components(endpoint), *_component_logs(endpoint))
    ]
    for each_has in (exchange_intent.protected, capture_intent.protected):
        resources += [one for endpoint in settings.endpoints for one in each_has(endpoint)]
    stack: tuple[str, ...] = (
        OBJECTS,
        BUCKET,
        IMAGES,
        TOPIC,
        DATA,
        LOGS,
        NOTIFICATIONS,
        FLOW_LOGS,
        f"VPC {RUNTIME}",
        f"VPC {S3}",
    )
    each = [*balanced_intent.expectations(settings)]
    each += [one for endpoint in settings.endpoints for one in _endpoint(endpoint)]
    if settings.private_api:
        stack += (FRONT_DOORS_ROLE, f"VPC {FRONT_DOOR}", *map(_route, names))
        judged = settings.private_api.authorizer is not None
        stack += (FRONT_DOORS_AUTHORIZER,) if judged else ()
        each += [one for name in names for one in (*_clients(name, judged=judged), *_through_front_door(name))]
        each += _asks() if judged else ()
    stack += balanced_intent.protected(settings)
    callers = [f"role caller-{caller.name}" for caller in settings.callers if caller.account]
    each += [one for caller in settings.callers for one in _elsewhere(caller, settings.endpoints)]
    log, calls = ((CALLS, CALLS_BUCKET), [*_trail()]) if settings.logs_calls else ((), [])
    return Intent(
        (*resources, *stack, *log, *callers), (*each, *_services(settings), *calls, *_administrators(settings))
    )


def _elsewhere(caller: CallerSettings, endpoints: Sequence[EndpointSettings]) -> Iterator[Expectation]:
    """A caller comes through its own VPC endpoints; of another account as its role, which named principals take."""
    role, why = f"role caller-{caller.name}", f"{caller.name} calls the model from elsewhere"
    for principal in caller.principals:
        for through in caller.sts_vpc_endpoints:
            taken = f"{caller.name} takes its role"
            yield Expectation(Expected.REQUIRED, principal, "sts:AssumeRole", role, f"endpoint {through}", taken)
    for endpoint in endpoints:
        if caller.endpoints and endpoint.name not in caller.endpoints:
            continue
        for resource, through in product((f"endpoint {endpoint.name}", *_components(endpoint)), caller.vpc_endpoints):
            called = {"resource": resource, "path": f"endpoint {through}", "why": why}
            for action in _at_once(streaming=endpoint.streaming) if _may_call(caller, resource) else ():
                who = role if caller.account else f"holders of caller-{caller.name}"
                yield Expectation(Expected.REQUIRED, who, action, **called)
                if not caller.account:
                    yield Expectation(
                        Expected.PERMITTED, "role *", action, **called | {"why": "whoever has the policy"}
                    )
            if not caller.account:
                yield Expectation(
                    Expected.ASSUMED, ADMINISTRATOR, "sagemaker:Invoke*", **called | {"why": WITHIN_OTHERS}
                )


def _components(endpoint: EndpointSettings) -> Sequence[str]:
    """The inference components of an endpoint, each of which a call that names it is about."""
    return [f"component {endpoint.name}-{component.name}" for component in endpoint.components]


def _component_logs(endpoint: EndpointSettings) -> Sequence[str]:
    """Their log groups, which are their own."""
    return [f"log group {endpoint.name}-{component.name}" for component in endpoint.components]


def _may_call(caller: CallerSettings, resource: str) -> bool:
    kind, _, name = resource.partition(" ")
    return kind != "component" or not caller.components or name in caller.components


def _route(endpoint: str) -> str:
    return f"route front-door to {endpoint}"


def _clients(name: str, *, judged: bool) -> Iterator[Expectation]:
    """Who asks API Gateway, through the stack's endpoint: holders of the policy, or whom an authorizer judges."""
    call = "execute-api:Invoke"
    if judged:
        yield Expectation(Expected.REQUIRED, ANONYMOUS, call, _route(name), FRONT_DOOR, "clients sign no calls")
        yield Expectation(Expected.ASSUMED, "*", call, _route(name), FRONT_DOOR, JUDGED)
        return
    who = f"holders of front-door-{name}"
    yield Expectation(Expected.REQUIRED, who, call, _route(name), FRONT_DOOR, "clients call by the stack's own name")
    yield Expectation(Expected.PERMITTED, "role *", call, _route(name), FRONT_DOOR, "whoever has the policy")
    yield Expectation(Expected.ASSUMED, ADMINISTRATOR, call, _route(name), FRONT_DOOR, BY_NAME)


def _asks() -> Iterator[Expectation]:
    """API Gateway asks the authorizer's function as a role of its own."""
    yield Expectation(Expected.REQUIRED, GATEWAY, "sts:AssumeRole", FRONT_DOORS_AUTHORIZER, why="the function is asked")


def _through_front_door(name: str) -> Iterator[Expectation]:
    """API Gateway asks SageMaker for the front door's callers, from its own network."""
    invoke, why = "sagemaker:InvokeEndpoint", "API Gateway calls the models for the front door's callers"
    yield Expectation(Expected.REQUIRED, FRONT_DOORS_ROLE, invoke, f"endpoint {name}", PUBLIC.name, why)
    taken = "the role is API Gateway's alone, and where it calls from is up to API Gateway"
    yield Expectation(Expected.PERMITTED, FRONT_DOORS_ROLE, invoke, f"endpoint {name}", why=taken)
    yield Expectation(Expected.REQUIRED, GATEWAY, "sts:AssumeRole", FRONT_DOORS_ROLE, why=why)


def _at_once(*, streaming: bool) -> Sequence[str]:
    return CALLS_OF_MODELS if streaming else CALLS_OF_MODELS[:1]


def _endpoint(endpoint: EndpointSettings) -> Iterator[Expectation]:
    name, role = endpoint.name, f"role {endpoint.name}"
    if endpoint.asynchronous:
        yield from exchange_intent.expectations(endpoint)
    if endpoint.data_capture:
        yield from capture_intent.expectations(endpoint)
    actions = LATER if endpoint.asynchronous else _at_once(streaming=endpoint.streaming)
    for action, called in product(actions, (f"endpoint {name}", *_components(endpoint))):
        yield Expectation(Expected.REQUIRED, f"holders of {name}", action, called, RUNTIME, "clients call the model")
        yield Expectation(Expected.PERMITTED, "role *", action, called, RUNTIME, "whoever has the policy")
    if endpoint.openai:
        yield from _by_token(name)
    if any(model.local for model in endpoint.models):
        yield Expectation(Expected.REQUIRED, role, "s3:GetObject", OBJECTS, S3, "SageMaker fetches the artifact")
        yield Expectation(Expected.REQUIRED, role, "kms:Decrypt", DATA, PUBLIC.name, "artifacts are encrypted")
    taken = "the role is SageMaker's alone, and where it fetches from is up to SageMaker"
    yield Expectation(Expected.PERMITTED, role, "s3:GetObject", OBJECTS, why=taken)
    for action in ("kms:Decrypt", "kms:CreateGrant"):
        yield Expectation(Expected.PERMITTED, role, action, DATA, why=taken)
    yield Expectation(Expected.PERMITTED, role, "ecr:BatchGetImage", IMAGES, why=taken)
    service = "sagemaker.amazonaws.com, for this account"
    yield Expectation(Expected.REQUIRED, service, "sts:AssumeRole", role, why="SageMaker runs the model")


def _by_token(name: str) -> Iterator[Expectation]:
    """A bearer token is taken beside what the call itself needs, and that alone names an endpoint.

    https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-openai-compatible.html
    """
    yield Expectation(
        Expected.REQUIRED, f"holders of {name}", BEARER, f"endpoint {name}", RUNTIME, "clients call by token"
    )
    for who in (f"holders of {name}", "role *"):
        yield Expectation(Expected.PERMITTED, who, BEARER, "endpoint *", RUNTIME, TOKENS)


def _services(settings: Settings) -> Iterator[Expectation]:
    """What AWS's services do for this account."""
    flow_logs = "vpc-flow-logs.amazonaws.com, for this account"
    existing = settings.network.existing
    if existing is None or existing.flow_logs:
        yield Expectation(Expected.REQUIRED, flow_logs, "sts:AssumeRole", FLOW_LOGS, why="flow logs are delivered")
    for action in USE_KEY:
        logs = f"logs.{settings.region}.amazonaws.com*, for this account"
        yield Expectation(Expected.REQUIRED, logs, action, LOGS, why="log groups are encrypted")
        for service in ("cloudwatch", "events"):
            who = f"{service}.amazonaws.com, for this account"
            yield Expectation(Expected.REQUIRED, who, action, NOTIFICATIONS, why="alarms are encrypted")
        others = "events.amazonaws.com, for another account"
        yield Expectation(Expected.PERMITTED, others, action, NOTIFICATIONS, why=_NO_CONDITION)
    for service in ("cloudwatch", "events"):
        who = f"{service}.amazonaws.com, for this account"
        yield Expectation(Expected.REQUIRED, who, "sns:Publish", TOPIC, why="alarms reach operators")
    others = "events.amazonaws.com, for another account"
    yield Expectation(Expected.PERMITTED, others, "sns:Publish", TOPIC, why=_NO_CONDITION)


def _trail() -> Iterator[Expectation]:
    """What CloudTrail does for this account's trail."""
    cloudtrail, why = "cloudtrail.amazonaws.com, for this account", "calls are logged"
    yield Expectation(Expected.REQUIRED, cloudtrail, "s3:PutObject", CALLS, why=why)
    yield Expectation(Expected.REQUIRED, cloudtrail, "kms:GenerateDataKey", LOGS, why=why)


def _administrators(settings: Settings) -> Iterator[Expectation]:
    """What identity policies alone decide, which are not the stack's: everywhere but through the stack's endpoints."""
    yield Expectation(Expected.ASSUMED, ROOT_USER, "*", "*", why=ROOT)
    yield Expectation(Expected.PERMITTED, ADMINISTRATOR, BEARER, "endpoint *", why=TOKENS)
    anywhere = f"{ANYWHERE}; {TOLD if settings.logs_calls else UNTOLD}"
    for called in ("endpoint *", "component *"):
        yield Expectation(Expected.ASSUMED, ADMINISTRATOR, "sagemaker:Invoke*", called, RUNTIME, WITHIN)
        if "scp" not in settings.perimeter.attach:
            yield Expectation(Expected.ASSUMED, ADMINISTRATOR, "sagemaker:Invoke*", called, why=anywhere)
    existing = settings.network.existing
    elsewhere = ["endpoint vpce-*"] if settings.callers or existing else []
    elsewhere += [S3] if existing and existing.s3_gateway else []  # its policy is its owner's
    for path in (PUBLIC.name, "any other VPC endpoint", *elsewhere):
        for action in ("s3:*", "kms:*", "iam:*", "sns:*", "ecr:*", "logs:*", *CHANGES, "ec2:*"):
            yield Expectation(Expected.ASSUMED, ADMINISTRATOR, action, "*", path, ADMINISTRATION)
    yield Expectation(Expected.ASSUMED, ADMINISTRATOR, "s3:GetObject", OBJECTS, S3, ADMINISTRATION)
    if "s3" in settings.private_access.interface_endpoints:
        yield Expectation(Expected.ASSUMED, ADMINISTRATOR, "s3:GetObject", OBJECTS, f"{S3}-interface", ADMINISTRATION)
    yield Expectation(Expected.ASSUMED, ADMINISTRATOR, "ecr:BatchGetImage", IMAGES, "endpoint ecr.*", ADMINISTRATION)
    for action in USE_KEY:
        yield Expectation(Expected.ASSUMED, ADMINISTRATOR, action, "key *", "endpoint kms", ADMINISTRATION)
