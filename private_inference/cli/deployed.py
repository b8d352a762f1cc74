"""Who may do what in the account of a deployed stack."""

from private_inference.authorization.administrators import declared
from private_inference.authorization.from_account.load import load
from private_inference.authorization.intent import Intent
from private_inference.authorization.model import Account, Administrators
from private_inference.authorization.stack_intent import intent_from
from private_inference.cli.who import WhoError
from private_inference.verification.checks import AbsentError, UnreadableError
from private_inference.verification.deployed import Deployed
from private_inference.verification.permissions import describe


def deployed_permissions(stack: Deployed) -> tuple[Account, Intent]:
    """The account that a stack is deployed in, and the intent of its settings. Raises WhoError if AWS can't be read."""
    desired = stack.desired
    try:
        described = describe(stack)
    except (AbsentError, UnreadableError) as error:
        raise WhoError(
            f"The account could not be read: {error}. Deploy the stack, and give the credentials the policy that "
            "docs/authorization.md has."
        ) from None
    known = [Administrators(each.principal, each.because) for each in desired.settings.perimeter.administrators]
    return declared(load(described), known), intent_from(desired.settings)
