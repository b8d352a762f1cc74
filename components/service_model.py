"""What botocore's service model of SageMaker says exists: regions, instance types, the form of names.

Source: botocore, `data/sagemaker/2017-07-24/service-2.json` and `data/endpoints.json`.
"""

from functools import cache
from typing import Any


@cache
def _shapes() -> dict[str, Any]:
    from botocore.loaders import Loader

    shapes: dict[str, Any] = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    return shapes


@cache
def instance_types() -> frozenset[str]:
    """Instance types that a production variant takes, such as `ml.m5.large`."""
    return frozenset(_shapes()["ProductionVariantInstanceType"]["enum"])


@cache
def endpoint_name_pattern() -> str:
    """The regular expression that the name of an endpoint matches, whole."""
    return str(_shapes()["EndpointName"]["pattern"])


PARTITIONS = ("aws", "aws-us-gov")
"""Partitions whose names end in amazonaws.com, as this stack's policies and service names have them."""


@cache
def regions() -> frozenset[str]:
    """Regions in which SageMaker is offered."""
    from botocore.session import get_session

    session = get_session()
    return frozenset(
        region
        for partition in PARTITIONS
        for region in session.get_available_regions("sagemaker", partition_name=partition)
    )
