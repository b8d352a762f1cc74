"""What replaces a resource is what the provider plans."""

from private_inference.runner.project import load_stack
from private_inference.terraform.refresh_replacements import outcomes, sampled
from private_inference.terraform.replacements import load_replacements
from tests.support.every_stack import of_every_stack
from tests.support.recording import ROOT

TOKENS = ("aws:kms/alias:Alias", "aws:sagemaker/endpoint:Endpoint", "aws:ecr/lifecyclePolicy:LifecyclePolicy")
"""Types that the smallest stack shows as well as the others do. The refresh itself asks of all, and takes minutes."""


@of_every_stack
def test_a_refresh_finds_the_same_again() -> None:
    found = outcomes(sampled([load_stack(ROOT, "dev")], TOKENS))
    assert found == {token: load_replacements()[token] for token in TOKENS}
