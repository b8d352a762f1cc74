"""Stacks that Terraform has built in embedded AWSs."""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from components.settings import Settings
from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import StackConfig, load_stack, settings_of
from private_inference.terraform.terraform import MIRROR
from tests.conformance.deployment import Deployment
from tests.conformance.inventory import Inventory, inventory
from tests.conformance.provider import install_once, installed, is_required
from tests.support.every_stack import of_every_stack
from tests.support.recording import ROOT

STACKS = ("dev", "staging", "prod")
BUILT = "image-build"
"""Terraform builds no images: its export is refused (tests/terraform/test_export.py)."""

EXAMPLES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "examples" / "stacks").glob("*/Pulumi.*.yaml")
    if path.parent.name != BUILT
)


@pytest.fixture(scope="session", autouse=True)
def provider(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The AWS provider, installed once and then taken from there. Where it can't be had these tests are skipped."""
    shared = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # xdist gives each worker a folder in the one of the run
        shared = shared.parent
    directory = shared / "provider"
    directory.mkdir(exist_ok=True)
    if reason := install_once(directory):
        reason = f"conformance was not checked: {reason}"
        pytest.fail(reason, pytrace=False) if is_required() else pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch:
        if installed(directory).is_dir():
            patch.setenv(MIRROR, str(installed(directory)))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Tell the reason once: pytest folds what is skipped in one place, and for fixtures it names each test's."""
    try:
        return (yield)
    except pytest.skip.Exception as skipped:
        raise pytest.skip.Exception(skipped.msg) from None


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


BETWEEN = ("staging",)
"""Between two others: what it is made of they are made of, too."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(stack, marks=[pytest.mark.xdist_group(stack), *([of_every_stack] if stack in BETWEEN else [])])
        for stack in STACKS
    ],
)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Each stack of the project, applied. The tests of the module change it, in their order."""
    config = load_stack(ROOT, request.param)
    with prepared_aws(settings_of(config)) as aws:
        before = inventory(aws)
        deployment = Deployment(tmp_path_factory.mktemp(request.param), aws)
        deployment.export(config)
        deployment.terraform.run("validate")
        planned = tmp_path_factory.mktemp("plan") / "plan.json"
        planned.write_text(json.dumps(deployment.plan()))
        deployment.apply()
        yield Live(config, deployment, before, planned)
