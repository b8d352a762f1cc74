"""Stacks that Terraform has built in embedded AWSs."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from components.settings import Settings
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import StackConfig, load_stack, settings_of
from private_inference.terraform.terraform import find_terraform
from tests.conformance.deployment import Deployment
from tests.conformance.inventory import Inventory, inventory
from tests.support.recording import ROOT

STACKS = ("dev", "staging", "prod")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Terraform these tests are skipped, and in CI that is a failure."""
    missing = "neither terraform nor tofu is on PATH" if find_terraform() is None else ""
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        if missing and os.environ.get("CI") != "true":
            item.add_marker(pytest.mark.skip(reason=f"conformance was not checked: {missing}"))


@pytest.fixture(scope="session", autouse=True)
def terraform() -> None:
    assert find_terraform(), "Conformance is part of CI: install terraform or tofu there."


@dataclass
class Live:
    """A stack as it now is: its latest configuration, and what was in the account before it."""

    config: StackConfig
    deployment: Deployment
    before: Inventory
    planned: Path
    """The first plan, as JSON."""

    @property
    def settings(self) -> Settings:
        return settings_of(self.config)

    def change(self, **values: Any) -> None:
        """Change settings, by their keys in the stack's file, and export anew."""
        changed = {f"{self.config.project}:{key}": json.dumps(value) for key, value in values.items()}
        self.config = replace(self.config, values={**self.config.values, **changed})
        self.deployment.export(self.config)

    def value(self, key: str) -> Any:
        """A setting as the stack's file has it."""
        return json.loads(self.config.values.get(f"{self.config.project}:{key}", "{}"))


@pytest.fixture(scope="module", params=[pytest.param(stack, marks=pytest.mark.xdist_group(stack)) for stack in STACKS])
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Each stack of the project, applied. The tests of the module change it, in their order."""
    config = load_stack(ROOT, request.param)
    with prepared_aws(settings_of(config)) as aws:
        before = inventory(aws)
        deployment = Deployment(tmp_path_factory.mktemp(request.param), aws)
        deployment.export(config)
        planned = tmp_path_factory.mktemp("plan") / "plan.json"
        planned.write_text(json.dumps(deployment.plan()))
        deployment.apply()
        yield Live(config, deployment, before, planned)
