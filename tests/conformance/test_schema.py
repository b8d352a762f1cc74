"""The schema that the export keeps is the provider's."""

from private_inference.terraform.refresh import refreshed
from private_inference.terraform.schema import FILE


def test_refresh_writes_the_same_file_again() -> None:
    assert refreshed() == FILE.read_text(encoding="utf-8")
