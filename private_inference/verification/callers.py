"""Callers that live elsewhere: what each was promised, what its policy or role lets through, and who takes the role."""

from collections.abc import Iterator, Mapping
from functools import partial

from pydantic import ValidationError

from components.caller_contract import CallerContract
from components.settings import CallerSettings
from private_inference.verification.checks import AbsentError, Assertion, Result, equal_sets, result, short
from private_inference.verification.controls import INTEGRITY, LEAST_PRIVILEGE
from private_inference.verification.deployed import Deployed
from private_inference.verification.descriptions import Item
from private_inference.verification.desired import invoked
from private_inference.verification.policies import Statement, statements

SESSION_SECONDS = 3600


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Each caller's, and that there are no others."""
    for caller in stack.desired.settings.callers:
        expect = partial(Assertion, f"Caller {caller.name}", controls=LEAST_PRIVILEGE)
        told = f"{_path(stack)}{caller.name} says what it needs"
        yield expect(told, partial(_contract, stack, caller), controls=INTEGRITY)
        calls = "calls its endpoints through its own VPC endpoints only"
        if caller.account:
            yield expect("its role is taken by its principals only, from there", partial(_trust, stack, caller))
            yield expect(f"its role {calls}", partial(_role, stack, caller))
        else:
            yield expect(f"its policy {calls}", partial(_policy, stack, caller))
    if stack.desired.settings.callers:
        yield Assertion("Callers", "there are no others", lambda: _others(stack), LEAST_PRIVILEGE)


def role_arn(stack: Deployed, caller: CallerSettings) -> str:
    """ARN of a caller's role."""
    desired = stack.desired
    return f"arn:{desired.partition}:iam::{desired.account}:role{desired.iam_path}{_role_name(stack, caller)}"


def contract_of(stack: Deployed, caller: CallerSettings) -> CallerContract:
    """What a caller was promised. Raises AbsentError where nothing is, or nothing that can be read."""
    name = f"{_path(stack)}{caller.name}"
    if name not in (found := _parameters(stack)):
        raise AbsentError(f"there is no parameter {name}")
    try:
        return CallerContract.model_validate_json(found[name])
    except ValidationError as error:
        raise AbsentError(f"not a contract: {error.error_count()} fields are missing or faults") from None


def _path(stack: Deployed) -> str:
    return f"/{stack.desired.project}/{stack.desired.stack}/callers/"


def _role_name(stack: Deployed, caller: CallerSettings) -> str:
    return f"{stack.desired.name}-caller-{caller.name}"


def _parameters(stack: Deployed) -> Mapping[str, str]:
    found = stack.aws.all("ssm", "get_parameters_by_path", "Parameters", Path=_path(stack))
    return {item["Name"]: item["Value"] for item in found}


def _arns(stack: Deployed, caller: CallerSettings) -> Mapping[str, str]:
    """ARNs of the endpoints that it may call, by name."""
    endpoints = stack.desired.contract.endpoints
    return {name: endpoints[name].arn for name in caller.endpoints or endpoints if name in endpoints}


def _contract(stack: Deployed, caller: CallerSettings) -> Result:
    promised = contract_of(stack, caller)
    faults = [*equal_sets((each.arn for each in promised.endpoints.values()), _arns(stack, caller).values()).faults]
    faults += equal_sets(promised.vpc_endpoint_ids, caller.vpc_endpoints).faults
    by = ("aws:PrincipalArn", role_arn(stack, caller)) if caller.account else ("aws:PrincipalAccount", _own(stack))
    passing = [s for s in statements(promised.runtime_endpoint_policy) if s.allows]
    faults += _granted(stack, caller, passing)
    if any(not s.requires("StringEquals", *by) for s in passing):
        faults.append(f"the policy for its VPC endpoint is not bounded by {by[0]}")
    role = promised.role
    if caller.account:
        if role is None or (role.arn, role.external_id) != (role_arn(stack, caller), caller.external_id):
            faults.append("it names another role, or another external id")
        elif set(role.sts_vpc_endpoint_ids) != set(caller.sts_vpc_endpoints):
            faults.append("it names other STS endpoints")
    elif role is not None:
        faults.append("it names a role")
    return result(f"{len(promised.endpoints)} endpoints, {', '.join(promised.vpc_endpoint_ids)}", faults)


def _own(stack: Deployed) -> str:
    return stack.desired.account


def _granted(stack: Deployed, caller: CallerSettings, allowing: list[Statement]) -> list[str]:
    """What differs of the calls that statements allow."""
    found = ((action, short(arn)) for s in allowing for action in s.actions for arn in s.resources)
    wanted = ((action, short(arn)) for action, arns in _calls(stack, caller) for arn in arns)
    return equal_sets(map(" on ".join, found), map(" on ".join, wanted)).faults


def _calls(stack: Deployed, caller: CallerSettings) -> Iterator[tuple[str, set[str]]]:
    """What a caller may do with which endpoints and inference components."""
    settings = {each.name: each for each in stack.desired.settings.endpoints}
    called = {name: invoked(settings[name], arn, caller.components) for name, arn in _arns(stack, caller).items()}
    streaming = {name for name, each in settings.items() if each.streaming}
    yield "sagemaker:InvokeEndpoint", {arn for arns in called.values() for arn in arns}
    yield (
        "sagemaker:InvokeEndpointWithResponseStream",
        {arn for name in called.keys() & streaming for arn in called[name]},
    )


def _bounded(stack: Deployed, caller: CallerSettings, documents: list[Item], name: str) -> Result:
    allowing = [s for document in documents for s in statements(document) if s.allows]
    faults = _granted(stack, caller, allowing)
    if any(not s.requires("StringEquals", "aws:SourceVpce", *caller.vpc_endpoints) for s in allowing):
        faults.append(f"it is not bounded to {', '.join(caller.vpc_endpoints)}")
    faults += _choosing(stack, caller, allowing)
    return result(f"{name}: through {', '.join(caller.vpc_endpoints)}", faults)


def _choosing(stack: Deployed, caller: CallerSettings, allowing: list[Statement]) -> Iterator[str]:
    """Statements on endpoints whose calls have to name a model, that don't bound which."""
    arns = _arns(stack, caller)
    for endpoint in stack.desired.settings.endpoints:
        about = [s for s in allowing if arns.get(endpoint.name) in s.resources]
        models = endpoint.target_models
        if models and any(not s.requires("StringEquals", "sagemaker:TargetModel", *models) for s in about):
            yield f"it is not bounded to the models of {endpoint.name}"


def _policy(stack: Deployed, caller: CallerSettings) -> Result:
    arn = contract_of(stack, caller).invoke_policy_arn
    if arn is None:
        raise AbsentError("its contract names no policy")
    return _bounded(stack, caller, [stack.managed_policy(arn)], arn.rpartition("/")[2])


def _trust(stack: Deployed, caller: CallerSettings) -> Result:
    name = _role_name(stack, caller)
    role = stack.aws.get("iam", "get_role", RoleName=name)["Role"]
    allowing = [s for s in statements(role["AssumeRolePolicyDocument"]) if s.allows]
    faults = equal_sets(
        (p for s in allowing for p in s.principals), (f"AWS:{each}" for each in caller.principals)
    ).faults
    for statement in allowing:
        if not statement.requires("StringEquals", "sts:ExternalId", str(caller.external_id)):
            faults.append("it does not ask for the external id")
        if not statement.requires("StringEquals", "aws:SourceVpce", *caller.sts_vpc_endpoints):
            faults.append(f"it is not bounded to {', '.join(caller.sts_vpc_endpoints)}")
    longest = role.get("MaxSessionDuration", SESSION_SECONDS)
    if longest > SESSION_SECONDS:
        faults.append(f"its sessions last {longest} s")
    return result(f"{name}: {', '.join(map(short, caller.principals))}, with the external id", faults)


def _role(stack: Deployed, caller: CallerSettings) -> Result:
    name = _role_name(stack, caller)
    attached = stack.aws.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    found = _bounded(stack, caller, stack.inline_policies(name), name)
    return result(found.seen, [*(f"{policy['PolicyName']} is attached" for policy in attached), *found.faults])


def _others(stack: Deployed) -> Result:
    """Policies and roles of callers that the settings no longer name let somebody in whom nobody sees there."""
    desired, callers = stack.desired, stack.desired.settings.callers
    roles = stack.aws.all("iam", "list_roles", "Roles", PathPrefix=desired.iam_path)
    policies = stack.aws.all("iam", "list_policies", "Policies", Scope="Local", PathPrefix=desired.iam_path)
    begins = f"{desired.name}-caller-"
    found = {each["RoleName"] for each in roles if each["RoleName"].startswith(begins)}
    found |= {each["Arn"] for each in policies if each["PolicyName"].startswith("caller-")}
    meant = {_role_name(stack, caller) for caller in callers if caller.account}
    meant |= {str(contract_of(stack, caller).invoke_policy_arn) for caller in callers if not caller.account}
    return equal_sets(map(short, found), map(short, meant))
