"""The rehearsal: the unchanged program on an embedded AWS, judged by the policy pack, then looked at by boto3."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from components.settings import Settings
from private_inference.cli.progress import Steps
from private_inference.cli.proof import reachability_as_json
from private_inference.cli.verdicts import Verdicts, judge
from private_inference.rehearsal import authorizer_function
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.operations import Operations
from private_inference.runner.guard import GuardedEngine
from private_inference.runner.policy_pack import PACK, PolicyPack
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig
from private_inference.runner.resource import Run
from private_inference.verification import Check, verify
from private_inference.verification.deployed_contract import desired_of


@dataclass(frozen=True)
class Rehearsal:
    """The program's run, the verdicts on it, and what boto3 found."""

    run: Run
    verdicts: Verdicts
    checks: list[Check]

    @property
    def passed(self) -> bool:
        """The verdicts are good, and every check of boto3's was made and passed."""
        return self.verdicts.passed and not any(check.failed for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The rehearsal for machines."""
        return {
            "passed": self.passed,
            "resources": [{"urn": r.urn, "type": r.type, "name": r.name, "id": r.id} for r in self.run.resources],
            "outputs": self.run.outputs,
            "warnings": list(self.run.warnings),
            "findings": [asdict(finding) for finding in self.verdicts.findings],
            "reachability": reachability_as_json(self.verdicts.reachability),
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
            engine = GuardedEngine(moto, pack)
            run = run_program(config, engine)
        with steps.step("Judging the whole stack: policies, and that the intended paths exist and no other") as step:
            verdicts = judge(settings, run, engine, pack, run)
            step.show(f"{verdicts.rules} rules, {len(verdicts.reachability.cells)} pairs of parties")
    with steps.step("Looking at the embedded AWS with boto3") as step:
        desired = desired_of(config, settings, run.outputs)
        shown = Operations(aws.endpoint_url).client_certificate("rehearsal") if settings.load_balancer else {}
        checks = verify(
            desired,
            aws.client,
            lambda check: step.count(check.subject),
            from_inside=True,
            client_certificate="".join(shown.values()),
            authorization=authorizer_function.TOKEN,
        )
        if settings.network.on_premises:
            from private_inference.cli.premises import called_from_premises

            checks += called_from_premises(desired, settings.network.on_premises, aws)
    return Rehearsal(run, verdicts, checks)
