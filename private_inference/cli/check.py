"""The check before deployment: program, policies and reachability, on what is known without an account."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from private_inference.reachability.intent import Intent, Report
from private_inference.reachability.model import Network
from private_inference.reachability.proof import ObservedEngine, network_of, prove, reachability_as_json
from private_inference.reachability.stack_intent import intent_from
from private_inference.runner.policy_pack import PACK, Finding, GuardedEngine, PolicyPack
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import Run, run_program
from private_inference.runner.project import StackConfig, settings_of


@dataclass(frozen=True)
class Checked:
    """What the three say: the program's run, the pack's findings over its rules, the reachability report."""

    run: Run
    rules: int
    findings: list[Finding]
    reachability: Report

    @property
    def passed(self) -> bool:
        """Nothing is forbidden and no path is missing or surplus. What can't be verified yet is counted beside it."""
        return not any(finding.blocks for finding in self.findings) and self.reachability.proved

    def count(self, kind: str) -> int:
        """Findings of a kind: violation, unverified or exception."""
        return sum(finding.kind == kind for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The check for machines."""
        return {
            "passed": self.passed,
            "resources": len(self.run.resources),
            "warnings": list(self.run.warnings),
            "policies": {
                "rules": self.rules,
                "violations": self.count("violation"),
                "unverified": self.count("unverified"),
                "exceptions": self.count("exception"),
                "findings": [asdict(finding) for finding in self.findings],
            },
            "reachability": reachability_as_json(self.reachability),
        }


def preview(config: StackConfig) -> tuple[Network, Intent]:
    """The network that the program of `config` would make, and what its settings say it is for."""
    settings = settings_of(config)
    engine = PreviewEngine(settings.region)
    observed = ObservedEngine(engine)
    run = run_program(config, observed, preview=True)
    network = network_of([*run.resources, *engine.inner], observed.prefix_lists)
    return network, intent_from(settings, network)


def check(config: StackConfig, policies: Mapping[str, Any]) -> Checked:
    """Run the program of `config` without creating anything, and judge all of it at once.

    Raises what the program and the pack raise for input that can't be used.
    """
    with PolicyPack(PACK, policies) as pack:
        settings = settings_of(config)
        preview = PreviewEngine(settings.region)
        observed = ObservedEngine(preview)
        engine = GuardedEngine(observed, pack, enforce=False)
        run = run_program(config, engine, preview=True)
        resources = [*run.resources, *preview.inner]
        findings = engine.findings + pack.analyze_stack(resources)
        _, reachability = prove(settings, resources, observed.prefix_lists)
        return Checked(run, len(pack.rules), findings, reachability)
