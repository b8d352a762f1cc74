"""The rehearsal: the unchanged program on an embedded AWS, asked about by the policy pack, then looked at by boto3."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from components.settings import Settings
from private_inference.cli.deployed import desired_of
from private_inference.cli.progress import Steps
from private_inference.reachability.intent import Report
from private_inference.reachability.proof import ObservedEngine, prove, reachability_as_json
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.runner.policy_pack import PACK, Finding, GuardedEngine, PolicyPack
from private_inference.runner.program import Run, run_program
from private_inference.runner.project import StackConfig
from private_inference.verification import Check, verify


@dataclass(frozen=True)
class Rehearsal:
    """What happened: the program's run, the pack's findings, the reachability report and what boto3 saw."""

    run: Run
    findings: list[Finding]
    reachability: Report
    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Nothing is forbidden, no path is missing or surplus, everything asked was seen, nothing went unchecked."""
        allowed = not any(finding.blocks for finding in self.findings)
        return allowed and self.reachability.proved and not any(check.failed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The rehearsal for machines."""
        return {
            "passed": self.passed,
            "resources": [{"urn": r.urn, "type": r.type, "name": r.name, "id": r.id} for r in self.run.resources],
            "outputs": self.run.outputs,
            "warnings": list(self.run.warnings),
            "findings": [asdict(finding) for finding in self.findings],
            "reachability": reachability_as_json(self.reachability),
            "checks": [asdict(check) for check in self.checks],
        }


def rehearse(
    config: StackConfig, settings: Settings, aws: EmbeddedAws, policies: Mapping[str, Any], steps: Steps
) -> Rehearsal:
    """Put the stack into an embedded AWS and judge it.

    Raises PolicyViolationError before the first forbidden resource is created, RehearsalError where AWS refuses one.
    """
    with PolicyPack(PACK, policies) as pack:
        with steps.step("Creating the stack, each resource after the policy pack has agreed") as step:
            moto = MotoEngine(aws, on_created=lambda resource, _: step.count(resource.name))
            observed = ObservedEngine(moto)
            engine = GuardedEngine(observed, pack)
            run = run_program(config, engine)
        with steps.step("Asking the policy pack about the whole stack") as step:
            findings = engine.findings + pack.analyze_stack([*run.resources, *moto.inner])
            step.say(f"{len(pack.rules)} rules")
    with steps.step("Proving that the intended paths exist, and no other") as step:
        _, reachability = prove(settings, run.resources, observed.prefix_lists)
        step.say(f"{len(reachability.cells)} pairs of parties")
    with steps.step("Looking at the embedded AWS with boto3") as step:
        checks = verify(desired_of(config, settings, run.outputs), aws.client, lambda check: step.count(check.subject))
    return Rehearsal(run, findings, reachability, checks)
