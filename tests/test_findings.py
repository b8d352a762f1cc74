"""What a rule could not verify, as it travels from the policy pack."""

import pytest

from private_inference.findings import Unverified, decode, encode

PROPERTIES = [Unverified("urn:a::name of it", "tags.a: b"), Unverified("urn:b::λ", "policy")]


def test_properties_arrive_as_they_were_sent() -> None:
    assert decode(encode(PROPERTIES)) == PROPERTIES
    assert decode(f"can't run policy 'x' during preview: {encode(PROPERTIES)}".strip()) == PROPERTIES


def test_people_read_a_sentence_for_each() -> None:
    _, first, second, _ = encode(PROPERTIES).split("\n")
    assert first == "cannot be verified before deployment: tags.a: b of urn:a::name of it"
    assert second == "cannot be verified before deployment: policy of urn:b::λ"


@pytest.mark.parametrize(
    "text", ["", "value at .tags can't be known", '{"unverified": 1}', '{"unverified": [{}]}', "[]"]
)
def test_other_texts_carry_none(text: str) -> None:
    assert decode(text) == []
