"""What a stack may set for clients of its API that can't sign for AWS: a function of yours judges their calls."""

from components.settings.fields import FunctionArn, HeaderName, Reason
from components.settings.group import SettingsGroup


class AuthorizerSettings(SettingsGroup):
    """A Lambda function of yours that says who may call the API, by a header, in IAM's place.

    It is a REQUEST authorizer, and is asked at each call: API Gateway keeps none of its answers.
    """

    unsigned_because: Reason
    """Why clients can't sign for AWS: the function alone tells them apart, and says what each may call."""
    function_arn: FunctionArn
    """The function, in the stack's region. Whoever changes it says who may call."""
    header: HeaderName = "Authorization"
    """The header that it judges by; a call without it is refused before the function is asked."""
