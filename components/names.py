"""Names that begin with the running project and stack."""

import pulumi


def stack_name(*parts: str) -> str:
    """`PROJECT-STACK`, followed by `parts`."""
    return "-".join([pulumi.get_project(), pulumi.get_stack(), *parts])


def repository_name() -> str:
    """The name of the stack's repository of images."""
    return stack_name().lower()


def stack_path() -> str:
    """`/PROJECT/STACK/`: the IAM path of the stack's roles and policies, and the prefix of its SSM parameters."""
    return f"/{pulumi.get_project()}/{pulumi.get_stack()}/"


def name_tag(*parts: str) -> dict[str, str]:
    """The `Name` tag of a resource."""
    return {"Name": stack_name(*parts)}
