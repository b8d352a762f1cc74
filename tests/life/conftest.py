"""The engine that lives run on, and a stack that it deployed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from private_inference.life.engine import Deployment, deployment, pulumi_command
from private_inference.life.errors import NoEngineError
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import StackConfig, load_stack, settings_of
from tests.conformance.inventory import Inventory, inventory
from tests.support.recording import ROOT

REQUIRED = "REQUIRE_ENGINE"
"""The environment variable that, with the value 1, makes a failure of what else would be skipped."""


@pytest.fixture(scope="session")
def engine() -> None:
    """A Pulumi engine. Where there is none these tests are skipped."""
    try:
        pulumi_command(ROOT)
    except NoEngineError as error:
        required = os.environ.get(REQUIRED) == "1"
        pytest.fail(str(error), pytrace=False) if required else pytest.skip(f"no life was tried: {error}")


@dataclass
class Live:
    """A stack as it now is: its latest configuration, and what was in the account before it."""

    aws: EmbeddedAws
    deployment: Deployment
    config: StackConfig
    before: Inventory

    def changed(self, changes: dict[str, str]) -> StackConfig:
        """The configuration with other settings, by their keys in the stack's file."""
        values = {f"{self.config.project}:{key}": value for key, value in changes.items()}
        return replace(self.config, values={**self.config.values, **values})

    def up(self, config: StackConfig) -> None:
        self.deployment.up(config)
        self.config = config

    def resources(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The resources of the engine's state, by type and name; providers and the stack itself left out."""
        found = self.deployment.resources(self.config)
        kept = [each for each in found if not each["type"].startswith("pulumi:")]
        return {(each["type"], each["urn"].rpartition("::")[2]): each for each in kept}


@pytest.fixture(scope="module")
def live(engine: None) -> Iterator[Live]:
    """The stack dev, deployed. The tests of the module change it, in their order."""
    config = load_stack(ROOT, "dev")
    with prepared_aws(settings_of(config)) as aws, deployment(aws, ROOT) as deployed:
        before = inventory(aws)
        deployed.up(config)
        yield Live(aws, deployed, config, before)
