"""What botocore says exists."""

import re

from botocore.loaders import Loader
from botocore.session import get_session

from components.service_model import PARTITIONS, instance_types, regions, text


def test_what_is_read_from_botocores_files_is_what_botocore_says() -> None:
    shapes = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    assert instance_types() == frozenset(shapes["ProductionVariantInstanceType"]["enum"])
    assert text("EndpointName").pattern == shapes["EndpointName"]["pattern"]
    session = get_session()
    by_partition = (session.get_available_regions("sagemaker", partition_name=name) for name in PARTITIONS)
    assert regions() == {region for found in by_partition for region in found}


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
    assert [name for name in good if not re.fullmatch(text("EndpointName").pattern, name)] == []
    assert [name for name in bad if re.fullmatch(text("EndpointName").pattern, name)] == []
