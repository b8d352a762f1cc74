"""The team's reading of the contract: it takes additions, and refuses what it doesn't know."""

import re
from typing import Any

import pytest

from components.contract import Contract as PlatformContract


def test_these_tests_read_a_contract_that_the_platform_could_give(document: dict[str, Any]) -> None:
    # By alias only, and nothing added but what may be left out: the JSON as it is stored.
    given = PlatformContract.model_validate(document, by_name=False)
    assert given.model_dump(by_alias=True, mode="json", exclude_unset=True) == document


def test_a_new_field_is_no_matter(consumer: Any, document: dict[str, Any]) -> None:
    known = consumer.contract.Contract.read(document)
    document["somethingNew"] = 1
    document["endpoints"]["triage"]["somethingNew"] = 1
    assert consumer.contract.Contract.read(document) == known


@pytest.mark.parametrize("version", ["2", "10", "1.0", 1, None, ""])
def test_another_version_is_refused(consumer: Any, document: dict[str, Any], version: object) -> None:
    document["contractVersion"] = version
    with pytest.raises(consumer.contract.ContractError, match=re.escape(f"is {version!r}, this program knows '1'")):
        consumer.contract.Contract.read(document)


def test_the_version_comes_before_the_fields(consumer: Any) -> None:
    with pytest.raises(consumer.contract.ContractError, match="contractVersion is '2'"):
        consumer.contract.Contract.read({"contractVersion": "2"})


def test_every_absent_field_is_named(consumer: Any, document: dict[str, Any]) -> None:
    del document["region"]
    del document["endpoints"]["triage"]["invokePolicyArn"]
    with pytest.raises(consumer.contract.ContractError, match=r"region, endpoints\.triage\.invokePolicyArn"):
        consumer.contract.Contract.read(document)


def test_an_unknown_endpoint_names_the_known_ones(consumer: Any, document: dict[str, Any]) -> None:
    with pytest.raises(consumer.contract.ContractError, match="no endpoint 'triag'; it has: triage"):
        consumer.contract.Contract.read(document).endpoint("triag")


def test_account_and_partition_are_the_endpoint_s(consumer: Any, document: dict[str, Any]) -> None:
    document["endpoints"]["triage"]["arn"] = "arn:aws-us-gov:sagemaker:us-gov-west-1:210987654321:endpoint/triage"
    endpoint = consumer.contract.Contract.read(document).endpoint("triage")
    assert (endpoint.partition, endpoint.account) == ("aws-us-gov", "210987654321")
