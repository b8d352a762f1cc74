"""The stack's KMS keys."""

from collections.abc import Iterator
from functools import partial

from private_inference.verification.checks import Assertion, Result, equal, includes, joined, result
from private_inference.verification.controls import KEYS
from private_inference.verification.deployed import Deployed
from private_inference.verification.policies import statements

PURPOSES = ("data", "logs", "notifications")


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Three assertions for each key."""
    days = stack.desired.settings.security.key_rotation_days
    keys = partial(Assertion, "Keys", controls=KEYS)
    for purpose in PURPOSES:
        yield keys(f"{purpose}: customer managed and enabled", partial(_state, stack, purpose))
        yield keys(f"{purpose}: new material every {days} days", partial(_rotation, stack, purpose))
        alias = f"alias/{stack.desired.name}-{purpose}"
        yield keys(f"{purpose}: known as {alias}", partial(_alias, stack, purpose, alias))
        yield keys(f"{purpose}: its policy names {joined(_users(stack, purpose))}", partial(_policy, stack, purpose))


def _arn(stack: Deployed, purpose: str) -> str:
    arn: str = getattr(stack.desired.contract.key_arns, purpose)
    return arn


def _state(stack: Deployed, purpose: str) -> Result:
    found = stack.aws.get("kms", "describe_key", KeyId=_arn(stack, purpose))["KeyMetadata"]
    return equal(found, {"KeyManager": "CUSTOMER", "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT"})


def _rotation(stack: Deployed, purpose: str) -> Result:
    found = stack.aws.get("kms", "get_key_rotation_status", KeyId=_arn(stack, purpose))
    days = stack.desired.settings.security.key_rotation_days
    return equal(found, {"KeyRotationEnabled": True, "RotationPeriodInDays": days})


def _alias(stack: Deployed, purpose: str, alias: str) -> Result:
    found = stack.aws.all("kms", "list_aliases", "Aliases", KeyId=_arn(stack, purpose))
    return includes((item["AliasName"] for item in found), [alias])


def _users(stack: Deployed, purpose: str) -> set[str]:
    """Who a key's policy may name: the account (that is, its IAM policies), and the services it is for."""
    services = {
        "logs": {f"logs.{stack.desired.contract.region}.amazonaws.com"},
        "notifications": {"cloudwatch.amazonaws.com", "events.amazonaws.com"},
    }
    if stack.desired.settings.logs_calls:
        services["logs"].add("cloudtrail.amazonaws.com")
    return {"this account"} | services.get(purpose, set())


def _policy(stack: Deployed, purpose: str) -> Result:
    desired = stack.desired
    found = stack.aws.get("kms", "get_key_policy", KeyId=_arn(stack, purpose), PolicyName="default")
    allowing = [statement for statement in statements(found["Policy"]) if statement.allows]
    own = f"AWS:arn:{desired.partition}:iam::{desired.account}:root"
    named = {principal for statement in allowing for principal in statement.principals}
    readable = {"this account" if name == own else name.removeprefix("Service:") for name in named}
    faults = [f"not asked for: {name}" for name in sorted(readable - _users(stack, purpose))]
    faults += [f"missing: {name}" for name in sorted(_users(stack, purpose) - readable)]
    faults += ["it allows kms:*" for statement in allowing if statement.actions & {"kms:*", "*"}]
    # Whoever may use the key has to be bounded further: the account to services, a service to this account.
    use = [statement for statement in allowing if any("Decrypt" in action for action in statement.actions)]
    faults += ["its use has no condition" for statement in use if not statement.conditions]
    if purpose == "data" and desired.settings.perimeter.data_through_vpc:
        refusing = [s for s in statements(found["Policy"]) if not s.allows and "kms:Decrypt" in s.actions]
        if not any(("StringNotEquals", "kms:ViaService") in s.conditions for s in refusing):
            faults.append("nothing refuses decryption by oneself")
    return result(joined(readable), faults)
