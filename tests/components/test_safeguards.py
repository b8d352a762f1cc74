"""The hooks around an endpoint: what they say. That they hold is shown by the lives."""

import pytest

from components.safeguards import advice
from components.settings import SecuritySettings


@pytest.mark.parametrize(
    "failure",
    [
        "The execution role does not have the permission ec2:CreateNetworkInterfacePermission",
        "Could not create a network interface: access denied",
    ],
)
def test_a_refusal_of_network_interfaces_is_answered_with_the_setting(failure: str) -> None:
    (setting,) = [name for name in SecuritySettings.model_fields if "interfaces_unscoped" in name]
    assert f"security.{SecuritySettings.model_fields[setting].alias}" in advice(failure)


def test_other_failures_are_left_alone() -> None:
    assert advice("The image of the variant can not be pulled.") == ""
