"""The private HTTPS name in front of the models: API, name, certificate, the roles on both sides, and a real call."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from components.settings import EndpointSettings
from components.settings.authorizer import AuthorizerSettings
from components.settings.front_door import FrontDoorSettings
from private_inference.verification import own_name
from private_inference.verification.checks import (
    AbsentError,
    Assertion,
    Result,
    SkippedError,
    equal,
    equal_sets,
    joined,
    result,
    short,
)
from private_inference.verification.controls import (
    AUDIT,
    AVAILABILITY,
    BOUNDARY,
    LEAST_PRIVILEGE,
    MONITORING,
    TRANSMISSION,
)
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item
from private_inference.verification.inside import InsideCaller
from private_inference.verification.policies import Statement, statements, unescaped

INVOKE, ROUTE = "execute-api:Invoke", "POST/endpoints/{}/invocations"
RUNTIME = "runtime.sagemaker:path/endpoints/{name}/invocations"


def assertions(stack: Deployed, inside: InsideCaller | None, authorization: str) -> Iterator[Assertion]:
    """Nothing for a stack without one. `authorization` is what an authorizer judges the call from inside by."""
    settings = stack.desired.settings.private_api
    if settings is None:
        return
    name, days = settings.domain_name, settings.expiry_days
    kept = stack.desired.settings.security.log_retention_days
    bound = f"at most {settings.requests_per_second} calls a second"

    def expect(text: str, look: Callable[..., Result], controls: Any, *given: Any) -> Assertion:
        return Assertion("Front door", text, partial(look, stack, *given), controls)

    authorizer = settings.authorizer
    who = "whom its authorizer lets in" if authorizer else "this account's principals"
    let_in = "*" if authorizer else f"AWS:arn:{stack.desired.partition}:iam::{stack.desired.account}:root"
    yield expect(f"its API is private, and lets in {who} through its VPC endpoint only", _api, BOUNDARY, let_in)
    by = "CUSTOM" if authorizer else "AWS_IAM"
    yield expect("every method of its API asks who calls", _methods, LEAST_PRIVILEGE, by)
    if authorizer:
        asks = f"{authorizer.header} is judged at each call by the function of the settings"
        yield expect(asks, _authorizer, LEAST_PRIVILEGE, authorizer)
    yield expect("it calls SageMaker Runtime with a role of its own", _integration, LEAST_PRIVILEGE)
    yield expect("that role is API Gateway's, and calls this stack's models only", _role, LEAST_PRIVILEGE)
    yield expect(f"{name} takes TLS 1.2 or later, through its VPC endpoint only", _domain, TRANSMISSION, settings)
    yield expect(f"{name} has an issued certificate for {days} days or more", _certificate, TRANSMISSION, settings)
    yield expect(f"{name} leads to its API, and resolves in the VPC to its VPC endpoint", _leads, BOUNDARY, settings)
    logged = "$context.authorizer.principalId" if authorizer else "$context.identity.userArn"
    yield expect(f"calls are logged with their caller, under the logs key, for {kept} days", _logs, AUDIT, logged)
    if settings.count_callers:
        yield expect("it is counted who calls how often, by that log", _counted, MONITORING)
    yield expect(bound, _throttle, AVAILABILITY, settings)
    if settings.web_acl_arn:
        yield expect("calls pass the web ACL of the settings first", _web_acl, BOUNDARY, settings.web_acl_arn)
    yield expect(f"the operators are told {days} days before its certificate ends", _alarm, MONITORING, settings)
    for endpoint in stack.desired.settings.endpoints:
        if not authorizer:
            claim = f"callers of {endpoint.name} have a policy for it alone"
            yield expect(claim, _callers, LEAST_PRIVILEGE, endpoint)
        if inside:
            claim = (
                f"{endpoint.name} answers a {'call' if authorizer else 'signed call'} by {name}, from the app subnets"
            )
            yield expect(claim, _call, TRANSMISSION, endpoint, settings, inside, authorization)


# The API


def _promised(stack: Deployed) -> Any:
    if stack.desired.contract.front_door is None:
        raise AbsentError("the contract names none")
    return stack.desired.contract.front_door


def _read(stack: Deployed, operation: str, **parameters: Any) -> Mapping[str, Any]:
    return stack.aws.get("apigateway", operation, restApiId=_promised(stack).api_id, **parameters)


def _policy(text: str | None) -> tuple[Statement, ...]:
    return statements(unescaped(text or "{}"))


def _bounded(stack: Deployed, found: tuple[Statement, ...], principal: str) -> Iterator[str]:
    endpoint = _promised(stack).vpc_endpoint_id
    for statement in found:
        if statement.allows and not statement.requires("StringEquals", "aws:SourceVpce", endpoint):
            yield "it lets others in than its VPC endpoint"
        if statement.allows and statement.principals != {principal}:
            yield f"it lets {joined(statement.principals)} in"
    refusing = [s for s in found if not s.allows and "*" in s.principals and INVOKE in s.actions]
    if not any(s.requires("StringNotEquals", "aws:SourceVpce", endpoint) for s in refusing):
        yield "nothing refuses other VPC endpoints"


def _api(stack: Deployed, let_in: str) -> Result:
    found = _read(stack, "get_rest_api")
    kinds = equal_sets(found.get("endpointConfiguration", {}).get("types", []), ["PRIVATE"])
    faults = [*kinds.faults, *_bounded(stack, _policy(found.get("policy")), let_in)]
    return result(f"{found['id']}: {kinds.seen}", faults)


def _method_places(stack: Deployed) -> list[tuple[str, Mapping[str, str]]]:
    api = _promised(stack).api_id
    resources = stack.aws.all("apigateway", "get_resources", "items", restApiId=api)
    return [
        (f"{method} {each['path']}", {"resourceId": each["id"], "httpMethod": method})
        for each in resources
        for method in each.get("resourceMethods", {})
    ]


def _methods(stack: Deployed, by: str) -> Result:
    asked = {name: _read(stack, "get_method", **place) for name, place in _method_places(stack)}
    faults = [f"{name}: {each['authorizationType']}" for name, each in asked.items() if each["authorizationType"] != by]
    return result(joined(asked), [*faults, *([] if asked else ["it has none"])])


def _authorizer(stack: Deployed, settings: AuthorizerSettings) -> Result:
    """What API Gateway asks, as which role, and whether the function is there."""
    methods = [_read(stack, "get_method", **place) for _, place in _method_places(stack)]
    asked = {str(each.get("authorizerId")) for each in methods}
    faults = [] if len(asked) == 1 else [f"methods ask {len(asked)} authorizers"]
    found = _read(stack, "get_authorizer", authorizerId=min(asked))
    place = f"arn:{stack.desired.partition}:apigateway:{stack.desired.contract.region}"
    wanted = {
        "type": "REQUEST",
        "authorizerUri": f"{place}:lambda:path/2015-03-31/functions/{settings.function_arn}/invocations",
        "identitySource": f"method.request.header.{settings.header}",
        "authorizerResultTtlInSeconds": 0,
    }
    function = stack.aws.get("lambda", "get_function_configuration", FunctionName=settings.function_arn)
    role = str(found.get("authorizerCredentials", "")).rpartition("/")[2]
    return result(
        f"{function['FunctionName']} as {role}",
        [
            *faults,
            *equal(found, wanted).faults,
            *_role_faults(stack, role, "lambda:InvokeFunction", [settings.function_arn]),
        ],
    )


def _integrations(stack: Deployed) -> list[Mapping[str, Any]]:
    return [_read(stack, "get_integration", **place) for _, place in _method_places(stack)]


def _integration(stack: Deployed) -> Result:
    found = _integrations(stack)
    faults = [f"it calls {each['uri']}" for each in found if not each["uri"].endswith(f":{RUNTIME}")]
    roles = equal_sets((each.get("credentials", "none") for each in found), [_role_arn(stack)])
    return result(f"{RUNTIME} as {short(roles.seen)}", [*faults, *roles.faults])


def _role_arn(stack: Deployed) -> str:
    desired = stack.desired
    return f"arn:{desired.partition}:iam::{desired.account}:role{desired.iam_path}{desired.name}-front-door"


def _role(stack: Deployed) -> Result:
    name = _role_arn(stack).rpartition("/")[2]
    called = [each.arn for each in stack.desired.contract.endpoints.values()]
    return result(
        f"{name}: {joined(map(short, called))}", _role_faults(stack, name, "sagemaker:InvokeEndpoint", called)
    )


def _role_faults(stack: Deployed, name: str, action: str, called: Iterable[str]) -> list[str]:
    """What keeps a role from being API Gateway's for this account, and for one action on these ARNs alone."""
    trust = statements(stack.aws.get("iam", "get_role", RoleName=name)["Role"]["AssumeRolePolicyDocument"])
    principals = equal_sets((p for s in trust for p in s.principals), ["Service:apigateway.amazonaws.com"])
    faults = principals.faults
    if not all(s.requires("StringEquals", "aws:SourceAccount", stack.desired.account) for s in trust):
        faults.append("it is not bounded to this account")
    if stack.aws.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
        faults.append("it has managed policies")
    allowing = [s for document in stack.inline_policies(name) for s in statements(document) if s.allows]
    actions = equal_sets((a for s in allowing for a in s.actions), [action])
    resources = equal_sets((short(r) for s in allowing for r in s.resources), map(short, called))
    return [*faults, *actions.faults, *resources.faults]


# The name


def _named(stack: Deployed, settings: FrontDoorSettings) -> Item:
    listed = stack.aws.all("apigateway", "get_domain_names", "items")
    found = [each for each in listed if each["domainName"] == settings.domain_name and each.get("domainNameId")]
    if not found:
        raise AbsentError(f"API Gateway has no private name {settings.domain_name}")
    first: Item = found[0]
    return first


def _domain(stack: Deployed, settings: FrontDoorSettings) -> Result:
    found = _named(stack, settings)
    one = {"domainName": settings.domain_name, "domainNameId": found["domainNameId"]}
    whole = stack.aws.get("apigateway", "get_domain_name", **one)
    tls = equal(whole, {"securityPolicy": "TLS_1_2"})
    return result(tls.seen, [*tls.faults, *_bounded(stack, _policy(whole.get("policy")), "*")])


def _certificate_arn(stack: Deployed, settings: FrontDoorSettings) -> str:
    arn = _named(stack, settings).get("certificateArn")
    if not arn:
        raise AbsentError("it has none")
    return str(arn)


def _certificate(stack: Deployed, settings: FrontDoorSettings) -> Result:
    return own_name.certificate(stack, settings, _certificate_arn(stack, settings))


def _leads(stack: Deployed, settings: FrontDoorSettings) -> Result:
    promised, found = _promised(stack), _named(stack, settings)
    one = {"domainName": settings.domain_name, "domainNameId": found["domainNameId"]}
    mapped = stack.aws.all("apigateway", "get_base_path_mappings", "items", **one)
    apis = equal_sets((each["restApiId"] for each in mapped), [promised.api_id])
    listed = stack.aws.all("apigateway", "get_domain_name_access_associations", "items")
    own = [each for each in listed if each["domainNameArn"] == found["domainNameArn"]]
    ways = equal_sets((each["accessAssociationSource"] for each in own), [promised.vpc_endpoint_id])
    targets = equal_sets(_targets(stack, settings.domain_name), [promised.vpc_endpoint_id])
    return result(f"{apis.seen}, {targets.seen}", [*apis.faults, *ways.faults, *targets.faults])


def _targets(stack: Deployed, name: str) -> Iterator[str]:
    """What the VPC's resolver answers: ids of VPC endpoints, or a name that is none's."""
    endpoints = {
        entry["DnsName"]: each["VpcEndpointId"] for each in stack.vpc_endpoints for entry in each.get("DnsEntries", [])
    }
    return (endpoints.get(target, target) for target in own_name.aliases(stack, name))


# Calls


def _stage(stack: Deployed) -> Item:
    mapped = _read(stack, "get_stages")["item"]
    if len(mapped) != 1:
        raise AbsentError(f"its API has {len(mapped)} stages, where one was asked for")
    first: Item = mapped[0]
    return first


def _access_log(stack: Deployed) -> Mapping[str, str]:
    return _stage(stack).get("accessLogSettings") or {}


def _log_group(access_log: Mapping[str, str]) -> str:
    """Its name; empty where there is none."""
    return short(access_log.get("destinationArn", "")).removeprefix("log-group:")


def _counted(stack: Deployed) -> Result:
    return own_name.counted(stack, _log_group(_access_log(stack)))


def _logs(stack: Deployed, caller: str) -> Result:
    found = _access_log(stack)
    name = _log_group(found)
    faults = [] if caller in found.get("format", "") else ["who called is not logged"]
    group = stack.log_groups(name).get(name) if name else None
    if group is None:
        raise AbsentError("its stage logs no calls")
    days = stack.desired.settings.security.log_retention_days
    kept = equal(group, {"kmsKeyId": stack.desired.contract.key_arns.logs, "retentionInDays": days})
    if not stack.aws.get("apigateway", "get_account").get("cloudwatchRoleArn"):
        faults.append("the account gives API Gateway no role for CloudWatch Logs")
    return result(f"{name}: {kept.seen}", [*faults, *kept.faults])


def _throttle(stack: Deployed, settings: FrontDoorSettings) -> Result:
    found = _stage(stack).get("methodSettings", {}).get("*/*", {})
    wanted = {"throttlingRateLimit": float(settings.requests_per_second), "throttlingBurstLimit": settings.burst}
    return equal(found, wanted | {"dataTraceEnabled": False})


def _web_acl(stack: Deployed, wanted: str) -> Result:
    desired, api = stack.desired, _promised(stack).api_id
    place = f"arn:{desired.partition}:apigateway:{desired.contract.region}::/restapis/{api}"
    return own_name.web_acl(stack, wanted, f"{place}/stages/{_stage(stack)['stageName']}")


def _alarm(stack: Deployed, settings: FrontDoorSettings) -> Result:
    return own_name.expiry_alarm(stack, settings, _certificate_arn(stack, settings))


def _callers(stack: Deployed, endpoint: EndpointSettings) -> Result:
    promised = stack.desired.contract.endpoints[endpoint.name].front_door_policy_arn
    if promised is None:
        raise AbsentError("the contract names none")
    door = _promised(stack)
    allowing = [s for s in statements(stack.managed_policy(promised)) if s.allows]
    actions = equal_sets((a for s in allowing for a in s.actions), [INVOKE])
    place = f"arn:{stack.desired.partition}:execute-api:{stack.desired.contract.region}:{stack.desired.account}"
    wanted = f"{place}:{door.api_id}/{_stage(stack)['stageName']}/{ROUTE.format(endpoint.name)}"
    resources = equal_sets((r for s in allowing for r in s.resources), [wanted])
    faults = [*actions.faults, *resources.faults]
    if any(not s.requires("StringEquals", "aws:SourceVpce", door.vpc_endpoint_id) for s in allowing):
        faults.append("it allows calls through other VPC endpoints")
    return result(f"{short(promised)} through {door.vpc_endpoint_id}", faults)


def _call(
    stack: Deployed, endpoint: EndpointSettings, settings: FrontDoorSettings, inside: InsideCaller, authorization: str
) -> Result:
    if settings.authorizer and not authorization:
        raise SkippedError(f"not called: nothing was given for {settings.authorizer.header} (--authorization)")
    said = {settings.authorizer.header: authorization} if settings.authorizer else {}
    url = f"{_promised(stack).url}/endpoints/{endpoint.name}/invocations"
    call = partial(inside.call_by_name, url, said=said)
    return own_name.called(stack, endpoint, _certificate_arn(stack, settings), call)
