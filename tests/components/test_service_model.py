"""What botocore says exists."""

import re

from components.service_model import endpoint_name_pattern, instance_types, regions


def test_instance_types_are_those_of_endpoints() -> None:
    assert {"ml.m5.large", "ml.c5.xlarge", "ml.g5.xlarge"} <= instance_types()
    assert all(kind.startswith("ml.") for kind in instance_types())


def test_regions_are_sagemakers_where_names_end_in_amazonaws_com() -> None:
    assert {"us-east-1", "eu-west-1", "us-gov-west-1"} <= regions()
    assert "us-east-9" not in regions()
    assert "cn-north-1" not in regions()


def test_the_name_of_an_endpoint_is_letters_digits_and_inner_hyphens() -> None:
    good = ["a", "triage", "credit-risk", "A1--b", "x" * 63]
    bad = ["", "-a", "a-", "a_b", "a.b", "x" * 64]
    assert [name for name in good if not re.fullmatch(endpoint_name_pattern(), name)] == []
    assert [name for name in bad if re.fullmatch(endpoint_name_pattern(), name)] == []
