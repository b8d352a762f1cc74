"""The policies of whoever deploys a stack: least privilege, from what its program declares and looks up."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from private_inference.cli.proof import declared
from private_inference.deployer.policy import IMAGE_SCANS, LONGEST, Document, Place, policies
from private_inference.runner.aws_facts import EXAMPLE_ACCOUNT, partition_of
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig, settings_of
from private_inference.runner.symbols import SymbolEngine, without_symbols

if TYPE_CHECKING:
    from rich.console import RenderableType

NO_ACCOUNT = f"The stack names no account: {EXAMPLE_ACCOUNT} stands for it. Set `account`."


def deployer_policies(config: StackConfig) -> Sequence[Document]:
    """The documents for the program of `config`. Raises UncoveredError."""
    settings = settings_of(config)
    engine = SymbolEngine(PreviewEngine(settings.region, settings.account), settings.region)
    run = run_program(config, engine, preview=True)
    place = Place(
        partition_of(settings.region),
        settings.region,
        settings.account or EXAMPLE_ACCOUNT,
        {"Project": config.project, "Stack": config.stack},
    )
    resources = [declared(each) for each in without_symbols(run).all_resources]
    asked = {IMAGE_SCANS} if settings.artifacts.image_scan else set()
    return policies(resources, {*asked, *(each.token for each in run.lookups)}, place)


def notes(config: StackConfig) -> Sequence[str]:
    """What has to be known before the documents are attached."""
    return [] if settings_of(config).account else [NO_ACCOUNT]


def write(found: Sequence[Document], folder: Path) -> Sequence[Path]:
    """Write one file for each document into a folder, which is made if it does not exist; old ones go."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("deployer-*.json"):
        old.unlink()
    files = [folder / f"deployer-{number}.json" for number in range(1, len(found) + 1)]
    for file, document in zip(files, found, strict=True):
        file.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")
    return files


def render(found: Sequence[Document], files: Sequence[Path]) -> "RenderableType":
    """The documents, or the files that they are in."""
    from rich.console import Group
    from rich.json import JSON
    from rich.text import Text

    shown: list[RenderableType] = []
    for number, document in enumerate(found, 1):
        length = len(json.dumps(document, separators=(",", ":")))
        shown.append(Text(f"managed policy {number} of {len(found)}, {length} of {LONGEST} characters", "bold"))
        shown.append(Text(str(files[number - 1])) if files else JSON(json.dumps(document)))
    return Group(*shown)
