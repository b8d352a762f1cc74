"""The documents that refuse what a stack's account can't refuse by itself, ready to attach."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components import perimeter
from components.guarded import Guarded, guarded_by
from components.iam import Account
from components.settings import SettingsError
from private_inference.graph import types
from private_inference.graph.endpoint_services import RUNTIMES, short_service
from private_inference.runner.aws_facts import EXAMPLE_ACCOUNT, partition_of
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, settings_of
from private_inference.runner.resource import Resource, Run
from private_inference.runner.symbols import SymbolEngine

if TYPE_CHECKING:
    from rich.console import RenderableType

    from components.settings import Settings

WHAT = {
    perimeter.SCP: "service control policy (SCP): for the principals of the account",
    perimeter.RCP: "resource control policy (RCP): for whoever asks for the account's bucket and keys",
    perimeter.BOUNDARY: "permissions boundary: for principals of an account without an organization",
}
BEYOND = (
    "SCPs and RCPs reach neither an organization's management account nor service-linked roles; a boundary reaches "
    "only the principals that have it."
)
NO_DEPLOYERS = (
    "perimeter.deployers names nobody: changes are not refused, for that would lock out the deployers too. Set it to "
    "refuse them to all others."
)


@dataclass(frozen=True)
class Perimeter:
    """The documents by kind, as JSON; `unknown`: what stands in them for what only a deployed stack has."""

    documents: Mapping[str, str]
    unknown: Mapping[str, str]
    notes: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """The documents for machines."""
        documents = {kind: json.loads(each) for kind, each in self.documents.items()}
        return {"documents": documents, "unknown": dict(self.unknown), "notes": list(self.notes)}

    def write(self, folder: Path) -> Sequence[Path]:
        """Write one file for each document into a folder, which is made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        files = {folder / f"{kind}.json": each for kind, each in self.documents.items()}
        for file, each in files.items():
            file.write_text(each, encoding="utf-8")
        return list(files)


def before_deployment(config: StackConfig) -> Perimeter:
    """The documents with symbols for what AWS will choose: those that `who` has, so it can be asked about them."""
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region, settings.account), settings.region)
    run = run_program(config, engine, preview=True)
    account = Account(partition_of(settings.region), settings.region, settings.account or EXAMPLE_ACCOUNT)
    runtime, (vpc,) = _runtime(run), _all(run, types.VPC)
    buckets = {each.name: each for each in _all(run, types.BUCKET)}
    keys = {each.name: each for each in _all(run, types.KMS_KEY)}
    guarded = guarded_by(settings, account, config.project, config.stack)(
        runtime_endpoint=str(runtime.id),
        vpc=str(vpc.id),
        bucket=buckets["artifacts"].outputs["arn"],
        call_log=buckets["calls"].outputs["arn"] if settings.logs_calls else None,
        keys=[keys[purpose].outputs["arn"] for purpose in ("data", "logs", "notifications")],
        api=next((str(each.id) for each in _all(run, types.REST_API)), None),
    )
    unknown = {
        **({} if settings.account else {account.id: "the account"}),
        str(runtime.id): "the id of the runtime endpoint",
        str(vpc.id): "the id of the VPC",
        **{str(each.id): "the id of the front door's API" for each in _all(run, types.REST_API)},
        **{each.outputs["bucket"]: f"the name of the bucket {name}" for name, each in buckets.items()},
        **{each.outputs["keyId"]: f"the id of the key {name}" for name, each in keys.items()},
    }
    return _perimeter(guarded, settings, unknown)


def of_deployed(config: StackConfig, aws: Any) -> Perimeter:
    """The documents of a deployed stack, with the ids that a boto3 session finds. Raises SettingsError for none."""
    from private_inference.verification.checks import AbsentError, UnreadableError
    from private_inference.verification.deployed import Deployed
    from private_inference.verification.deployed_contract import contract as read
    from private_inference.verification.deployed_contract import desired_of
    from private_inference.verification.perimeter import guarded
    from private_inference.verification.reader import Reader

    settings = settings_of(config)
    desired = desired_of(config, settings, read(aws, config))
    try:
        found = guarded(Deployed(desired, Reader(aws.client)))
    except (AbsentError, UnreadableError) as error:
        raise SettingsError(f"The stack's bucket {error}. Check the AWS credentials.") from None
    return _perimeter(found, settings, {})


def _all(run: Run, type_: str) -> Sequence[Resource]:
    return [each for each in run.all_resources if each.type == type_]


def _runtime(run: Run) -> Resource:
    """The interface endpoint that calls come through."""
    (found,) = [
        each for each in _all(run, types.VPC_ENDPOINT) if short_service(str(each.properties["serviceName"])) in RUNTIMES
    ]
    return found


def _perimeter(guarded: Guarded, settings: "Settings", unknown: Mapping[str, str]) -> Perimeter:
    documents = {kind: perimeter.text(kind, each) for kind, each in perimeter.documents(guarded).items()}
    written = "".join(documents.values())
    return Perimeter(
        documents,
        {symbol: what for symbol, what in unknown.items() if symbol in written},
        [BEYOND, *([] if settings.perimeter.deployers else [NO_DEPLOYERS])],
    )


def render(found: Perimeter, files: Sequence[Path]) -> "RenderableType":
    """The documents, or the files that they are in, and what to know before attaching them."""
    from rich.console import Group
    from rich.json import JSON
    from rich.text import Text

    shown: list[RenderableType] = []
    for kind, each in found.documents.items():
        shown.append(Text(f"{WHAT[kind]}, {len(each)} of {perimeter.LONGEST[kind]} characters", "bold"))
        shown.append(JSON(each) if not files else Text(str(next(file for file in files if file.stem == kind))))
    shown += [Text(note, "dim") for note in found.notes]
    if found.unknown:
        shown.append(Text("Not to be attached yet: known after deployment only, then use --deployed", "yellow"))
        shown += [Text(f"  {symbol} stands for {what}", "yellow") for symbol, what in found.unknown.items()]
    return Group(*shown)
