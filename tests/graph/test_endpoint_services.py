"""Services are called as people call them."""

import pytest

from private_inference.graph.endpoint_services import short_service


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("com.amazonaws.eu-west-1.s3", "s3"),
        ("com.amazonaws.us-east-1.sagemaker.runtime", "sagemaker.runtime"),
        ("x", "x"),
    ],
)
def test_services_of_aws_have_short_names(name: str, short: str) -> None:
    assert short_service(name) == short
