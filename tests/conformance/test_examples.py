"""The stacks under examples/stacks through the real AWS provider: planned here, lived by `make conformance`."""

from pathlib import Path

import pytest

from private_inference.rehearsal.prerequisites import prepared_aws
from private_inference.runner.project import load_stack, settings_of
from private_inference.verification import Verdict, verify
from private_inference.verification.deployed_contract import desired_of
from tests.conformance.conftest import EXAMPLES
from tests.conformance.deployment import Deployment
from tests.conformance.inventory import inventory
from tests.support.every_stack import of_every_stack
from tests.support.recording import ROOT

stacks = pytest.mark.parametrize("stack", EXAMPLES, ids=lambda path: path.split(".")[-2])


ALIKE = (
    "authorizer",
    "callers",
    "data-capture",
    "existing-vpc",
    "llm",
    "model-package",
    "load-balancer",
    "multi-container",
    "multi-model",
    "on-premises-vpn",
    "openai",
    "pipeline",
    "shadow",
    "variants",
)
"""Of types that the other stacks show, too; those of the load balancer, and an authorizer, cost too much here."""


@stacks
def test_the_provider_takes_what_is_exported(stack: str, tmp_path: Path) -> None:
    config = load_stack(ROOT, stack)
    if config.stack in ALIKE:
        pytest.skip("other stacks show its types: `make conformance` applies it (EVERY_STACK=1)")
    with prepared_aws(settings_of(config)) as aws:
        deployment = Deployment(tmp_path, aws)
        deployment.export(config)
        assert set(deployment.pending().values()) == {"create"}


@stacks
@of_every_stack
def test_it_is_made_as_asked_and_leaves_nothing(stack: str, tmp_path: Path) -> None:
    config = load_stack(ROOT, stack)
    settings = settings_of(config)
    with prepared_aws(settings) as aws:
        before = inventory(aws)
        deployment = Deployment(tmp_path, aws)
        deployment.export(config)
        deployment.deploy()
        checks = verify(desired_of(config, settings, deployment.outputs()), aws.client)
        assert [check for check in checks if check.verdict is not Verdict.OK] == []
        assert deployment.pending() == {}
        deployment.deploy("-destroy")
        assert inventory(aws) == before
