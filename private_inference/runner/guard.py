"""An engine that has each resource judged by a policy pack before it is created."""

from collections.abc import Mapping
from typing import Any

from private_inference.runner.policy_findings import PolicyFinding
from private_inference.runner.policy_pack import PolicyPack
from private_inference.runner.resource import Engine, Outputs, Resource


class PolicyViolationError(Exception):
    """A mandatory rule forbids a resource. `findings` are all that was found about it."""

    def __init__(self, findings: list[PolicyFinding]) -> None:
        super().__init__("\n".join(finding.message for finding in findings if finding.blocks))
        self.findings = findings


class GuardedEngine:
    """Asks the pack, then creates. With `enforce`, a mandatory violation stops the program."""

    def __init__(self, engine: Engine, pack: PolicyPack, *, enforce: bool = True) -> None:
        self._engine = engine
        self._pack = pack
        self._enforce = enforce
        self.findings: list[PolicyFinding] = []

    def create(self, resource: Resource) -> tuple[str | None, Outputs]:
        """Raises PolicyViolationError, and what the engine raises."""
        found = self._pack.analyze(resource)
        self.findings.extend(found)
        if self._enforce and any(finding.blocks for finding in found):
            raise PolicyViolationError(found)
        return self._engine.create(resource)

    def invoke(self, token: str, args: Mapping[str, Any]) -> Outputs:
        return self._engine.invoke(token, args)

    def client(self, service: str) -> Any:
        return self._engine.client(service)
