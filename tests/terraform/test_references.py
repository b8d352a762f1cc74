"""References are told from text that only looks like one, and Terraform reads back what was meant."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from private_inference.terraform.references import References, ReferenceTakenApartError
from private_inference.terraform.terraform import Terraform, TerraformError

REFERENCE = "${aws_vpc.network.id}"


@pytest.fixture
def references() -> References:
    made = References()
    made.create("aws_vpc.network.id")
    return made


def test_a_reference_stays_one(references: References) -> None:
    assert references.template(f"arn:{REFERENCE}/*") == f"arn:{REFERENCE}/*"


@pytest.mark.parametrize("literal", ["${aws:username}", "%{if}", "${ spaced }", "${"])
def test_what_looks_like_one_is_escaped(references: References, literal: str) -> None:
    assert references.template(literal) == literal[0] + literal


@pytest.mark.parametrize("piece", ["${aws_vpc.network", "${aws_vpc.network.i", "${data.aws_region.current", "${var.x}"])
def test_a_piece_of_one_is_refused(references: References, piece: str) -> None:
    with pytest.raises(ReferenceTakenApartError):
        references.template(f"before {piece}")


def test_the_references_within_a_text(references: References) -> None:
    references.create("aws_kms_key.data.arn")
    text = f"{REFERENCE} ${{aws:username}} ${{aws_kms_key.data.arn}}"
    assert list(references.within(text)) == ["aws_vpc.network.id", "aws_kms_key.data.arn"]


def test_only_a_whole_reference_keeps_its_type(references: References) -> None:
    assert references.is_reference(REFERENCE)
    assert not references.is_reference(f"{REFERENCE} ")
    assert not references.is_reference(443)


@given(st.text(alphabet='${}%a \\"\n', max_size=12))
def test_no_text_raises_or_loses_a_character(text: str) -> None:
    """What is added are escapes only: without them the template is the text again."""
    template = References().template(text)
    plain = template.replace("$${", "\0").replace("%%{", "\1")
    for sigil in "$%":
        for count in range(12, 0, -1):
            plain = plain.replace(f'${{"{sigil * count}"}}', sigil * count)
    assert plain.replace("\0", "${").replace("\1", "%{") == text


def test_terraform_reads_what_was_meant(tmp_path: Path) -> None:
    references = References()
    reference = references.create("var.a")
    texts = [
        f"x{reference}y", "${aws:username}", f"${reference}", "%{if}", "$$${lit}", "100%", "%%{x}", "a$b{}", "${",
        "$${",
        f'{{"quoted": "{reference}"}}',
    ]  # fmt: skip
    outputs = {f"o{index}": {"value": references.template(text)} for index, text in enumerate(texts)}
    configuration = {"variable": {"a": {"default": "VALUE"}}, "output": outputs}
    (tmp_path / "main.tf.json").write_text(json.dumps(configuration))
    terraform = Terraform(tmp_path)
    try:
        terraform.run("version", "-json")
    except TerraformError as error:
        pytest.skip(f"Terraform's own reading was not checked: {error}")
    terraform.run("init")
    terraform.run("apply", "-auto-approve")
    read = json.loads(terraform.run("output", "-json"))
    assert [read[name]["value"] for name in outputs] == [text.replace(reference, "VALUE") for text in texts]
