"""What a person sees in a narrow terminal."""

import io

import pytest
from rich.console import Console

from private_inference.cli import views
from private_inference.runner.policy_findings import PolicyFinding

URN = "urn:pulumi:dev::p::private-inference:x:Y$aws:ec2/vpcEndpoint:VpcEndpoint::a-resource-with-a-long-name-of-its-own"
RULE = "policies-are-documents-with-a-name-as-long-as-this"


@pytest.mark.parametrize("kind", ["violation", "unverified"])
def test_names_are_folded_and_never_cut(kind: str) -> None:
    console = Console(width=80, file=io.StringIO(), record=True)
    finding = PolicyFinding(RULE, kind, "mandatory", "high", URN, "is wrong", "reason")  # type: ignore[arg-type]
    views.show_findings([finding], console)
    assert "…" not in console.export_text()


def test_every_column_folds() -> None:
    assert {column.overflow for column in views.output_table({"a": 1}).columns} == {"fold"}
