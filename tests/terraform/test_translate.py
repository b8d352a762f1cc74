"""Pulumi's shapes become the provider's: blocks, lists of one, maps, objects, documents, numbers."""

from typing import Any

import pytest

from private_inference.terraform.references import References
from private_inference.terraform.schema import Block, load_schema
from private_inference.terraform.translate import Translator


@pytest.fixture
def translator() -> Translator:
    return Translator(References())


def body(translator: Translator, token: str, **properties: Any) -> dict[str, Any]:
    return translator.block(load_schema().resources[token].block, properties, token)


def test_an_object_becomes_a_block_that_occurs_once(translator: Translator) -> None:
    made = body(translator, "aws:sagemaker/model:Model", primaryContainer={"modelDataUrl": "s3://b/k"})
    assert made == {"primary_container": [{"model_data_url": "s3://b/k"}]}


def test_a_list_becomes_repeated_blocks(translator: Translator) -> None:
    variants = [{"variantName": "a", "initialInstanceCount": 2.0}, {"variantName": "b"}]
    made = body(translator, "aws:sagemaker/endpointConfiguration:EndpointConfiguration", productionVariants=variants)
    assert made == {"production_variants": [{"variant_name": "a", "initial_instance_count": 2}, {"variant_name": "b"}]}


def test_a_plural_becomes_the_singular_block(translator: Translator) -> None:
    made = body(translator, "aws:sagemaker/model:Model", containers=[{"image": "i"}])
    assert made == {"container": [{"image": "i"}]}


def test_a_map_keeps_its_keys(translator: Translator) -> None:
    made = body(translator, "aws:ec2/vpc:Vpc", tags={"costCenter": "1", "a/b": "${x}"})
    assert made == {"tags": {"costCenter": "1", "a/b": "$${x}"}}


def test_an_object_value_names_all_its_members(translator: Translator) -> None:
    rule = {"protocol": "tcp", "fromPort": 1.0, "toPort": 2.0}
    (made,) = body(translator, "aws:ec2/securityGroup:SecurityGroup", ingress=[rule])["ingress"]
    assert made["from_port"] == 1
    assert made["cidr_blocks"] is None
    assert set(made) == set(
        load_schema().resources["aws:ec2/securityGroup:SecurityGroup"].block.attributes["ingress"]["type"][1][1]
    )


def test_an_empty_list_says_that_there_is_none(translator: Translator) -> None:
    assert body(translator, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", ingress=[]) == {"ingress": []}


def test_a_document_becomes_its_text(translator: Translator) -> None:
    made = body(translator, "aws:iam/policy:Policy", policy={"Statement": [{"Resource": "${aws:x}"}]})
    assert made == {"policy": '{"Statement": [{"Resource": "$${aws:x}"}]}'}


def test_a_reference_to_a_list_is_not_put_into_a_list(translator: Translator) -> None:
    reference = translator.references.create("aws_vpc_endpoint.x.subnet_ids")
    assert body(translator, "aws:ec2/vpcEndpoint:VpcEndpoint", subnetIds=reference) == {"subnet_ids": reference}


def test_one_value_for_a_list_becomes_a_list(translator: Translator) -> None:
    assert body(translator, "aws:ec2/vpcEndpoint:VpcEndpoint", subnetIds="subnet-1") == {"subnet_ids": ["subnet-1"]}


def test_none_is_absent(translator: Translator) -> None:
    assert body(translator, "aws:ec2/vpc:Vpc", cidrBlock=None) == {}


def test_what_has_no_counterpart_is_told_with_its_path(translator: Translator) -> None:
    body(translator, "aws:sagemaker/model:Model", primaryContainer={"image": "i", "colour": "red"}, shape="round")
    assert [problem.partition(":The")[0].split(": ")[0] for problem in translator.problems] == [
        "aws:sagemaker/model:Model.primaryContainer.colour",
        "aws:sagemaker/model:Model.shape",
    ]


@pytest.mark.parametrize(
    ("value", "path"),
    [("text", "t.primaryContainer[0]"), (["text"], "t.primaryContainer[0]")],
)
def test_a_block_needs_an_object(translator: Translator, value: Any, path: str) -> None:
    block = load_schema().resources["aws:sagemaker/model:Model"].block
    translator.block(block, {"primaryContainer": value}, "t")
    (problem,) = translator.problems
    assert problem.startswith("t.primaryContainer")
    assert "object" in problem


def test_nested_attributes_are_written_as_values(translator: Translator) -> None:
    nested = {"nesting_mode": "single", "attributes": {"delete_after": {"type": "string", "optional": True}}}
    block = Block({"timeouts": {"nested_type": nested, "optional": True}}, {})
    assert translator.block(block, {"timeouts": {"deleteAfter": "60m"}}, "t") == {"timeouts": {"delete_after": "60m"}}


def test_a_reference_taken_apart_is_told_with_its_path(translator: Translator) -> None:
    translator.references.create("aws_vpc.network.id")
    body(translator, "aws:ec2/subnet:Subnet", vpcId="${aws_vpc.netw")
    (problem,) = translator.problems
    assert problem.startswith("aws:ec2/subnet:Subnet.vpcId: the program took the reference to another resource apart")
