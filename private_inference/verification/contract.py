"""The contract, as those without Pulumi read it, and the account it speaks of."""

from collections.abc import Iterator
from functools import partial

from pydantic import ValidationError

from private_inference.verification.checks import AbsentError, Assertion, Result
from private_inference.verification.controls import INTEGRITY
from private_inference.verification.deployed import Deployed


def assertions(stack: Deployed) -> Iterator[Assertion]:
    """Whose account this is, and the parameter of each endpoint."""
    expect = partial(Assertion, "Contract", controls=INTEGRITY)
    yield expect("it speaks of the account that is asked", lambda: _account(stack))
    for endpoint in stack.desired.settings.endpoints:
        name = f"{stack.desired.parameters_path}{endpoint.name}"
        yield expect(f"{name} says what the stack exports", partial(_parameter, stack, endpoint.name, name))


def _account(stack: Deployed) -> Result:
    asked = stack.aws.get("sts", "get_caller_identity")["Account"]
    own = asked == stack.desired.account and stack.desired.settings.account in ("", asked)
    return Result("it does" if own else "the credentials are of another account", own)


def _parameter(stack: Deployed, endpoint: str, name: str) -> Result:
    if name not in stack.parameters:
        raise AbsentError(f"there is no parameter {name}")
    contract = stack.desired.contract
    promised = contract.model_dump(mode="json")
    promised["endpoints"] = {key: value for key, value in promised["endpoints"].items() if key == endpoint}
    try:
        found = type(contract).model_validate_json(stack.parameters[name]).model_dump(mode="json")
    except ValidationError as error:
        return Result(f"not a contract: {error.error_count()} fields are missing or faults", False)
    different = sorted(key for key in promised if promised[key] != found[key])
    return Result(f"differs in {', '.join(different)}" if different else "the same", not different)
