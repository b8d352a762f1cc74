"""What a stack needs of AWS's quotas, compared with AWS's defaults or with the account of the shell's credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from components.settings import SettingsError
from private_inference.cli.proof import declared
from private_inference.cli.tables import table
from private_inference.quotas.account import Allowances
from private_inference.quotas.needs import needs
from private_inference.quotas.published import read
from private_inference.quotas.verdicts import Allowance, Line, Verdict, judge
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, settings_of
from private_inference.runner.symbols import SymbolEngine
from private_inference.verification.deployed_contract import session

if TYPE_CHECKING:
    from rich.console import RenderableType

    from private_inference.quotas.needs import Need

ASK_THE_ACCOUNT = "AWS gives accounts different values: ask with --live"


@dataclass(frozen=True)
class Quotas:
    """The lines of a stack, and what they were compared with, in words."""

    region: str
    lines: Sequence[Line]
    compared: str

    @property
    def passed(self) -> bool:
        """Nothing exceeds what is allowed. What could not be checked doesn't count."""
        return not any(line.verdict is Verdict.EXCEEDS for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """The lines for machines."""
        return {
            "passed": self.passed,
            "compared": self.compared,
            "quotas": [
                {
                    "service": line.need.quota.service,
                    "code": line.code,
                    "name": line.need.quota.name,
                    "needed": line.need.amount,
                    "of": line.need.of,
                    "used": line.allowance.used,
                    "allowed": line.allowance.allowed,
                    "verdict": line.verdict.value,
                    "remedy": line.remedy(self.region),
                }
                for line in self.lines
            ],
        }


def stack_needs(config: StackConfig) -> "list[Need]":
    """What the program of a stack needs; ids and ARNs in its documents are about as long as AWS's."""
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region, settings.account), settings.region)
    run = run_program(config, engine, preview=True)
    return needs(declared(resource) for resource in run.all_resources)


def of_defaults(config: StackConfig) -> Quotas:
    """Compared with AWS's defaults, for an account that has nothing else."""
    lines = [
        judge(
            need,
            Allowance(need.quota.default, reason=ASK_THE_ACCOUNT if need.quota.default is None else ""),
            deployed=False,
            live=False,
        )
        for need in stack_needs(config)
    ]
    compared = f"AWS's defaults of {read()['date']}, in an account with nothing else; --live asks the account"
    return Quotas(settings_of(config).region, lines, compared)


def of_account(config: StackConfig) -> Quotas:
    """Compared with what the account of the shell's credentials is allowed and uses. Raises SettingsError."""
    settings = settings_of(config)
    region, aws = settings.region, session(settings)
    needed, deployed = stack_needs(config), _deployed(config, aws)
    places = {need.quota.asked_in(region) for need in needed}
    asked = {place: Allowances(partial(aws.client, region_name=place)) for place in places}
    lines = [
        judge(need, asked[need.quota.asked_in(region)].of(need.quota), deployed=deployed, live=True) for need in needed
    ]
    own = ", the stack's own resources among them" if deployed else ""
    return Quotas(region, lines, f"the account's quotas in {region}, and what is in use there{own}")


def _deployed(config: StackConfig, aws: Any) -> bool:
    from botocore.exceptions import BotoCoreError, ClientError

    path = f"/{config.project}/{config.stack}/contract/"
    try:
        return bool(aws.client("ssm").get_parameters_by_path(Path=path)["Parameters"])
    except (BotoCoreError, ClientError) as error:
        raise SettingsError(f"The account could not be asked: {error}. Check the AWS credentials.") from None


def render(found: Quotas) -> "RenderableType":
    """The lines as a table, with the commands that ask for more."""
    from rich.console import Group
    from rich.text import Text

    shown = table("Quota", "Code", "Needed", "In use", "Allowed", "Verdict", title=f"Compared with {found.compared}")
    styles = {Verdict.FITS: "green", Verdict.EXCEEDS: "red", Verdict.UNCHECKED: "yellow"}
    for line in found.lines:
        quota = line.need.quota
        name = f"{quota.service}: {quota.name}" + (f" ({line.need.of})" if line.need.of else "")
        verdict = Text(line.verdict.value, styles[line.verdict])
        shown.add_row(
            name,
            line.code,
            f"{line.need.amount}",
            _number(line.allowance.used),
            _number(line.allowance.allowed),
            verdict,
        )
    remedies = [
        Text(f"{line.need.quota.name}: {remedy}", styles[line.verdict])
        for line in found.lines
        if (remedy := line.remedy(found.region))
    ]
    return Group(shown, *remedies)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
