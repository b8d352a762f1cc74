"""Each safeguard of the program is needed: without it, the lives see what is hurt."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from private_inference.life.life_file import Life, Step, read_life
from private_inference.life.live import live
from tests.life.test_lives import faults
from tests.support.every_stack import of_every_stack
from tests.support.recording import ROOT

pytestmark = [pytest.mark.usefixtures("engine"), of_every_stack]

Change = tuple[str, str, str]
"""A file of the program, a text in it, and what replaces it."""


@pytest.fixture
def weakened(tmp_path: Path) -> Callable[[Change], Path]:
    """The project with one safeguard taken out."""

    def make(change: Change) -> Path:
        for name in ("components", "examples"):
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [ROOT / "__main__.py", *ROOT.glob("Pulumi*.yaml")]:
            shutil.copy(path, tmp_path)
        name, old, new = change
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (tmp_path / name).write_text(text.replace(old, new), encoding="utf-8")
        (tmp_path / "build").symlink_to(ROOT / "build")
        return tmp_path

    return make


NEW_MODEL = Life(about="a new model", stack="dev", steps=[Step(scale=7), Step.model_validate("new model")])


STILL_READ = "            *(store.readable(uri) for uri in live.artifacts),\n"


def test_a_permission_for_the_new_artifact_alone_is_seen_to_hurt(weakened: Callable[[Change], Path]) -> None:
    """The old fleet could not replace an instance while the new one is started."""
    project = weakened(("components/served_models.py", STILL_READ, ""))
    life = Life(
        about="another artifact",
        stack="dev",
        settings={"endpoints.0.model.artifact": "s3://models-of-team-a/model.tar.gz"},
        steps=[Step(update={"endpoints.0.model.artifact": "s3://models-of-team-b/model.tar.gz"})],
    )
    broken = live(life, project).broken
    assert {"ec2 ModifyVpcEndpoint", "iam PutRolePolicy"} <= {" ".join(each.call.split()[:2]) for each in broken}
    assert all("s3:GetObject on arn:aws:s3:::models-of-team-a/" in each.what for each in broken)


def test_a_configuration_that_starts_the_least_instances_is_refused(weakened: Callable[[Change], Path]) -> None:
    project = weakened(
        ("components/generation.py", "max(variant.instances.at_creation, serving[variant.name].instances)", "2")
    )
    result = live(NEW_MODEL, project)
    assert [step.problem for step in result.steps if "serves with 7 instances" in step.problem]
    assert result.broken == []


def test_a_rollback_that_passes_for_success_is_seen(weakened: Callable[[Change], Path]) -> None:
    project = weakened(("components/safeguards.py", "        if serves != wanted:", "        if not wanted:"))
    result = live(read_life(ROOT / "examples" / "lives" / "rollback.yaml"), project)
    (wrong,) = [step for step in result.steps if step.problem]
    # What serves is kept all the same: its configuration is in use.
    assert "configuration-not-in-use" in wrong.problem
    assert result.broken == []


def test_idle_instances_that_no_policy_lets_go_are_seen(weakened: Callable[[Change], Path]) -> None:
    project = weakened(("components/scaling.py", 'f"FILL({load.name}, 0)"', 'f"{load.name} + 0"'))
    life = Life(about="silence", stack="dev", steps=[Step(scale=7), Step(idle="24h")])
    (_, _, idle) = live(life, project).steps
    assert re.search(r"has 7: triage-idle-\w+ \(INSUFFICIENT_DATA\) does not agree", idle.problem)


def test_an_endpoint_that_failed_at_its_creation_is_seen_to_stay(weakened: Callable[[Change], Path]) -> None:
    """The engine takes it for deployed as soon as its configuration is what it should be."""
    replaced = 'replace_on_changes=["#initerror"], delete_before_replace=True'
    project = weakened(("components/inference.py", replaced, ""))
    result = live(read_life(ROOT / "examples" / "lives" / "first-deployment.yaml"), project)
    assert result.steps[-1].problem == "the engine says that triage is deployed, and it is Failed"


def test_a_fleet_that_may_not_use_the_subnets_it_leaves_is_seen_to_hurt(weakened: Callable[[Change], Path]) -> None:
    project = weakened(("components/inference.py", "[*args.subnet_ids, *args.live.subnets]", "[*args.subnet_ids]"))
    life = Life(
        about="other zones",
        stack="dev",
        settings={"network.zones": ["us-east-1a", "us-east-1b"]},
        steps=[Step(update={"network.zones": ["us-east-1b", "us-east-1c"]})],
    )
    assert any("ec2:CreateNetworkInterface on " in each.what for each in live(life, project).broken)


def test_acl_rules_that_are_numbered_by_position_are_seen_to_close_paths(weakened: Callable[[Change], Path]) -> None:
    """One more rule moves all others, and each of them goes before it comes back."""
    project = weakened(("components/acl_rules.py", "number = rule.number", "number = 100 + 10 * len(taken)"))
    life = Life(
        about="a block is denied",
        stack="dev",
        steps=[Step(update={"network.deniedCidrs": ["203.0.113.0/24"]})],
    )
    broken = live(life, project).broken
    assert {each.call.split()[1] for each in broken} >= {"DeleteNetworkAclEntry"}
    assert any("missing: " in each.what for each in broken)


def test_a_variant_that_goes_while_it_is_on_scaling_is_refused(weakened: Callable[[Change], Path]) -> None:
    project = weakened(("components/variant_changes.py", "name not in self.planned or", "name in self.planned and"))
    served = {"image": {"framework": "xgboost", "version": "3.0-5"}, "artifact": "examples/model/build/model.tar.gz"}
    variants = [{"name": name, "model": served, "instanceType": "ml.m5.large"} for name in ("AllTraffic", "canary")]
    life = Life(
        about="a variant goes",
        stack="dev",
        settings={"endpoints.0": {"name": "triage", "variants": variants}},
        steps=[Step(update={"endpoints.0.variants.1": None})],
    )
    assert any("registered as a scalable target" in fault for fault in faults(live(life, project)))


REMAINING: dict[str, tuple[Change, str]] = {
    "account-guards": (
        (
            "components/account_guards.py",
            "stays = pulumi.ResourceOptions(parent=self, retain_on_delete=True)",
            "stays = pulumi.ResourceOptions(parent=self)",
        ),
        "s3control DeletePublicAccessBlock.*buckets of the account may be public",
    ),
    "image-scan": (
        ("components/served_models.py", "scans.passed(image) if scans else image", "image"),
        "it was to fail with 'CVE-2024-3094",
    ),
    "variants": (
        ("components/variant_changes.py", "*self._undone_weights()", ""),
        "it was to fail with 'variant challenger has the weight 0",
    ),
    "component-goes": (
        ("components/safeguards.py", "before, after = (", "before, after = (None and"),
        "it was to fail with 'triage-challenger serves with 1 copies",
    ),
    "instance-type": (
        ("components/safeguards.py", "                registration.remove()\n", ""),
        "it is registered as a scalable target|deregister|autoscal",
    ),
    "network-interfaces": (
        ("components/safeguards.py", "security.networkInterfacesUnscopedBecause a reason", "a setting a reason"),
        "the engine failed: .*not authorized to perform ec2:CreateNetworkInterface",
    ),
    "two-endpoints": (
        (
            "components/safeguards.py",
            "for waited in pauses(INTERFACES_GONE_WITHIN):",
            "for waited in [1.0]:\n            return",
        ),
        "the network interface .* can't be removed any more",
    ),
    "data-capture": (
        ("components/data_capture.py", "return still | {", "return {"),
        "can't keep the calls of AllTraffic: s3:PutObject is refused",
    ),
    "network": (
        ("components/zones.py", "[*in_use, *further[: wanted - len(in_use)]]", "[*usable[:wanted]]"),
        r"was to change nothing, and \d+ AWS calls did",
    ),
    "foreign-endpoint": (
        ("components/live_endpoints.py", "if owner != (project, stack):", "if not owner:"),
        "Cannot create already existing endpoint",
    ),
}
"""Lives that nothing else here weakens: by the file, the safeguard that is taken out, and what is then told."""


@pytest.mark.parametrize("name", REMAINING)
def test_a_life_sees_its_safeguard_gone(name: str, weakened: Callable[[Change], Path]) -> None:
    change, told = REMAINING[name]
    said = faults(live(read_life(ROOT / "examples" / "lives" / f"{name}.yaml"), weakened(change)))
    assert any(re.search(told, fault, re.IGNORECASE | re.DOTALL) for fault in said), said
