"""How IAM calls inference components: a call that names one is about it, beside its endpoint.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html (InvokeEndpoint)
"""

from collections.abc import Iterable

from components.iam import Account


def component_arns(account: Account, names: Iterable[str]) -> list[str]:
    """The ARNs of inference components."""
    return [account.arn("sagemaker", f"inference-component/{name}") for name in names]
