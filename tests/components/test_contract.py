"""The contract with application teams: what is exported, and kept in SSM parameters."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from components.contract import CONTRACT_VERSION, Contract, KeyArns, RuntimeEndpoint, as_json
from components.settings.fields import LONGEST_NAME
from tests.support.recording import Recorded, record, stack_config
from tests.support.stacks import endpoint, minimal

STANDARD_PARAMETER = 4096
"""Bytes: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""


def checked(document: Any) -> Contract:
    """The document as a contract. Fails for a missing, a wrong or an undeclared field."""
    return Contract.model_validate_json(json.dumps(document), strict=True, extra="forbid")


def parameters(recorded: Recorded) -> dict[str, Any]:
    return {
        parameter.properties["name"]: json.loads(parameter.properties["insecureValue"])
        for parameter in recorded.all("Parameter")
    }


def test_a_field_that_the_contract_does_not_declare_would_be_found(least: Recorded) -> None:
    for path in ([], ["runtimeEndpoint"], ["keyArns"], ["endpoints", "triage"]):
        document = json.loads(json.dumps(least.outputs))
        inner = document
        for key in path:
            inner = inner[key]
        inner["surprise"] = "x"
        with pytest.raises(ValueError, match="surprise"):
            checked(document)


def test_the_exports_are_the_contract(stack: Recorded) -> None:
    contract = checked(stack.outputs)
    assert contract.contract_version == CONTRACT_VERSION
    assert contract.endpoints.keys() == {resource.name for resource in stack.all("Endpoint")}


def test_each_parameter_is_the_contract_of_one_endpoint(stack: Recorded) -> None:
    exported = checked(stack.outputs)
    found = parameters(stack)
    assert found
    for name, document in found.items():
        contract = checked(document)
        (endpoint_name,) = contract.endpoints
        assert name.endswith(f"/contract/{endpoint_name}")
        alone = {endpoint_name: exported.endpoints[endpoint_name]}
        assert contract.model_dump() == exported.model_copy(update={"endpoints": alone}).model_dump()


def test_a_parameter_is_found_by_project_stack_and_endpoint(staging: Recorded) -> None:
    assert parameters(staging).keys() == {
        "/private-inference/staging/contract/triage",
        "/private-inference/staging/contract/triage-features",
    }
    assert {parameter.properties["type"] for parameter in staging.all("Parameter")} == {"String"}


def test_the_longest_name_over_six_zones_fits_a_standard_parameter(archive: Path) -> None:
    longest = endpoint(archive, name="x" * LONGEST_NAME)
    recorded = record(stack_config(minimal(archive, endpoints=[longest], network={"zones": 6})))
    (parameter,) = recorded.all("Parameter")
    assert len(parameter.properties["insecureValue"].encode()) < STANDARD_PARAMETER


def test_the_contract_speaks_of_what_was_made(prod: Recorded) -> None:
    contract = checked(prod.outputs)
    runtime = prod.one("VpcEndpoint", "sagemaker.runtime")
    assert contract.region == "us-east-1"
    assert contract.vpc_id == prod.one("Vpc").id
    app_subnets = {subnet.id for subnet in prod.all("Subnet") if subnet.name.startswith("app-")}
    assert set(contract.app_subnet_ids) == app_subnets
    assert len(contract.app_subnet_ids) == 3
    assert contract.client_security_group_id == prod.one("SecurityGroup", "client").id
    assert contract.runtime_endpoint.id == runtime.id
    assert contract.runtime_endpoint.dns_name == runtime.outputs["dnsEntries"][0]["dnsName"]
    assert contract.runtime_endpoint.url == "https://runtime.sagemaker.us-east-1.amazonaws.com"
    for purpose, arn in contract.key_arns.model_dump().items():
        assert arn == prod.one("Key", purpose).outputs["arn"]
    triage = contract.endpoints["triage"]
    assert triage.arn == prod.one("Endpoint", "triage").outputs["arn"]
    assert triage.invoke_policy_arn == prod.one("aws:iam/policy:Policy", "triage").outputs["arn"]
    assert triage.variants == ("AllTraffic",)
    assert triage.mode == "real-time"


def test_fips_clients_are_given_the_fips_address(archive: Path) -> None:
    recorded = record(stack_config(minimal(archive, privateAccess={"fips": True})))
    assert checked(recorded.outputs).runtime_endpoint.url == "https://runtime-fips.sagemaker.us-east-1.amazonaws.com"


def test_what_is_published_has_exactly_the_fields_of_its_model() -> None:
    assert as_json(KeyArns, data="d", logs="l", notifications="n") == {"data": "d", "logs": "l", "notifications": "n"}
    assert as_json(RuntimeEndpoint, id="i", dns_name="n", url="u") == {"id": "i", "dnsName": "n", "url": "u"}
    for values in ({"id": "i", "url": "u"}, {"id": "i", "dns_name": "n", "url": "u", "port": 443}):
        with pytest.raises(TypeError, match="RuntimeEndpoint has the fields id, dns_name, url"):
            as_json(RuntimeEndpoint, **values)


def test_every_field_says_what_it_is() -> None:
    def described(model: type[BaseModel]) -> list[str]:
        return [name for name, field in model.model_fields.items() if field.description]

    assert set(described(Contract)) >= {"contract_version", "app_subnet_ids", "client_security_group_id"}
