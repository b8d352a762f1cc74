"""Which endpoints of AWS the program's boto3 clients call."""

import pytest

from components.clients import session


@pytest.mark.parametrize(
    ("fips", "dual_stack", "endpoint"),
    [
        (False, False, "https://ec2.us-east-1.amazonaws.com"),
        (True, False, "https://ec2-fips.us-east-1.amazonaws.com"),
        (False, True, "https://ec2.us-east-1.api.aws"),
    ],
)
def test_they_are_of_the_kind_that_is_asked_for(
    fips: bool, dual_stack: bool, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    found = session("us-east-1", fips=fips, dual_stack=dual_stack)
    assert found.client("ec2").meta.endpoint_url == endpoint
