"""The findings of the policy pack and the report of the reachability proof, for a program's run."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.settings import Settings
from private_inference.authorization.intent import Report as Authorization
from private_inference.cli.authorization import prove_authorization
from private_inference.cli.proof import network_of, prove
from private_inference.reachability.intent import Report
from private_inference.runner.guard import GuardedEngine
from private_inference.runner.policy_findings import Kind, PolicyFinding
from private_inference.runner.policy_pack import PolicyPack
from private_inference.runner.resource import Run


@dataclass(frozen=True)
class Verdicts:
    """How many rules the pack has, their findings on each resource and on the whole stack, and the proofs' reports."""

    rules: int
    findings: Sequence[PolicyFinding]
    reachability: Report
    authorization: Authorization

    @property
    def passed(self) -> bool:
        """Nothing is forbidden, no path and no permission missing or surplus. What can't be verified doesn't count."""
        proved = self.reachability.proved and self.authorization.proved
        return not any(finding.blocks for finding in self.findings) and proved

    def count(self, kind: Kind) -> int:
        """How many findings are of a kind."""
        return sum(finding.kind == kind for finding in self.findings)


def judge(settings: Settings, run: Run, engine: GuardedEngine, pack: PolicyPack, named: Run) -> Verdicts:
    """Judge a run whose resources the pack has judged one by one. Raises PolicyPackError if the pack fails.

    named: the same run where ids and ARNs are known, or symbols stand for them, so that its documents can be read.
    """
    findings = [*engine.findings, *pack.analyze_stack(run.all_resources)]
    network = network_of(run)
    proofs = prove(settings, network), prove_authorization(settings, named, network)
    return Verdicts(len(pack.rules), findings, *proofs)
