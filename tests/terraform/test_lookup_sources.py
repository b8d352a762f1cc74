"""What an export has to read from the account itself is refused without it."""

from pathlib import Path

import pytest

from private_inference.terraform.errors import ExportError
from private_inference.terraform.lookup_sources import refuse_unread
from tests.support.stacks import HERE, endpoint, existing_vpc, minimal, settings


def test_a_package_and_a_vpc_that_are_there_already_take_an_account(archive: Path) -> None:
    refuse_unread(settings(minimal(archive)))
    model = {"modelPackage": HERE.arn("sagemaker", "model-package/triage/3")}
    with pytest.raises(ExportError, match=r"^modelPackage: what it names is read from its registry, .* Add --live\.$"):
        refuse_unread(settings(minimal(archive, endpoints=[endpoint(archive, model=model)])))
    with pytest.raises(ExportError, match=r"^network\.existing: .* Add --live\.$"):
        refuse_unread(settings(minimal(archive, network=existing_vpc())))
