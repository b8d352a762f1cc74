"""The check before deployment: program, policies and both proofs, on what is known without an account."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from components.settings import Settings
from private_inference.authorization.intent import Intent as AuthorizationIntent
from private_inference.authorization.model import Account
from private_inference.authorization.stack_intent import intent_from as authorization_intent_from
from private_inference.cli.authorization import authorization_as_json, within_network
from private_inference.cli.proof import network_of, reachability_as_json
from private_inference.cli.verdicts import Verdicts, judge
from private_inference.reachability.intent import Intent
from private_inference.reachability.model import Network
from private_inference.reachability.stack_intent import intent_from
from private_inference.runner.guard import GuardedEngine
from private_inference.runner.policy_pack import PACK, PolicyPack
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, settings_of
from private_inference.runner.resource import Run
from private_inference.runner.symbols import SymbolEngine, without_symbols
from private_inference.runner.undeployed import Clients, nothing, undeployed


@dataclass(frozen=True)
class Checked:
    """The program's run, and the verdicts on it."""

    run: Run
    verdicts: Verdicts

    @property
    def passed(self) -> bool:
        return self.verdicts.passed

    def as_json(self) -> dict[str, Any]:
        """The check for machines."""
        verdicts = self.verdicts
        return {
            "passed": self.passed,
            "resources": len(self.run.resources),
            "warnings": list(self.run.warnings),
            "policies": {
                "rules": verdicts.rules,
                "violations": verdicts.count("violation"),
                "unverified": verdicts.count("unverified"),
                "exceptions": verdicts.count("exception"),
                "findings": [asdict(finding) for finding in verdicts.findings],
            },
            "reachability": reachability_as_json(verdicts.reachability),
            "authorization": authorization_as_json(verdicts.authorization),
        }


def preview(config: StackConfig) -> tuple[Network, Intent]:
    """The network that the program of `config` would make, and the intent of its settings."""
    settings = settings_of(config)
    network = network_of(run_program(config, PreviewEngine(settings.region, settings.account), preview=True))
    return network, intent_from(settings, network)


def permissions(config: StackConfig) -> tuple[Account, AuthorizationIntent]:
    """The account that the program of `config` would make documents in, and the intent of its settings."""
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region, settings.account), settings.region)
    named = run_program(config, engine, preview=True)
    account = within_network(settings, named, network_of(without_symbols(named)))
    return account, authorization_intent_from(settings)


def _account(settings: Settings) -> Clients:
    from private_inference.verification.deployed_contract import session

    return undeployed(session(settings).client)


def check(config: StackConfig, policies: Mapping[str, Any], *, live: bool = False) -> Checked:
    """Run the program of `config` without creating anything, and judge all of it at once.

    `live` reads a VPC that is there already, and packages, from the account of the shell's credentials.
    Raises what the program and the pack raise for input that can't be used.
    """
    with PolicyPack(PACK, policies) as pack:
        settings = settings_of(config)
        preview = PreviewEngine(settings.region, settings.account, _account(settings) if live else nothing)
        engine = GuardedEngine(preview, pack, enforce=False)
        named = run_program(config, SymbolEngine(engine, settings.region), preview=True)
        run = without_symbols(named)
        return Checked(run, judge(settings, run, engine, pack, named))
