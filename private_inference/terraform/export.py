"""`private-inference export terraform`: the stack of a Pulumi program as a Terraform configuration."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from private_inference.runner.program import run_program
from private_inference.runner.project import StackConfig
from private_inference.runner.undeployed import Clients, nothing, undeployed
from private_inference.terraform.configuration import Configuration
from private_inference.terraform.data_sources import DataSources, Lookup
from private_inference.terraform.engine import TerraformEngine
from private_inference.terraform.errors import ExportError
from private_inference.terraform.local_files import LocalFiles
from private_inference.terraform.protected import forgotten, keep_protected
from private_inference.terraform.readme import readme
from private_inference.terraform.references import References
from private_inference.terraform.roles_of_removed_models import keep_roles
from private_inference.terraform.secrets import Secrets
from private_inference.terraform.translate import JsonObject, Translator

MAIN = "main.tf.json"


@dataclass(frozen=True)
class Export:
    """How much was written, and the program's warnings."""

    resources: int
    lookups: int
    variables: Sequence[str]
    outputs: Sequence[str]
    warnings: Sequence[str]


def export_terraform(config: StackConfig, out: Path, lookup: Lookup, clients: Clients = nothing) -> Export:
    """Run the program of `config` and write its stack to `out` as a Terraform configuration.

    `lookup` answers the program's lookups; `clients` returns the boto3 clients that read what is there already, and is
    needed for a stack in an existing VPC, or with packages of the Model Registry: these facts are the account's, and
    enter the configuration. Raises ExportError that lists everything without counterpart, and what the program itself
    raises; the configuration in `out` then stays as it was.
    """
    references = References()
    translator = Translator(references)
    data_sources = DataSources(lookup, references, translator)
    engine = TerraformEngine(references, data_sources, undeployed(clients))
    run = run_program(config, engine)
    secrets = Secrets(references, translator.problems)
    out.mkdir(parents=True, exist_ok=True)
    configuration = Configuration(config, engine, translator, secrets, LocalFiles(config.directory, out))
    main = configuration.main()
    documents: dict[str, object] = {
        "providers.tf.json": configuration.providers(),
        "outputs.tf.json": configuration.outputs(run),
        "variables.tf.json": {"variable": secrets.variables} if secrets.variables else {},
        "lookups.json": data_sources.record(),
    }
    if translator.problems:
        raise ExportError(
            "\n".join(["The program has no whole counterpart in Terraform:", *_listed(translator.problems)])
        )
    previous = _previous(out / MAIN)
    keep_roles(previous.get("resource", {}), main["resource"])
    keep_protected(previous, main["resource"])
    removed = forgotten(previous, main["resource"])
    documents[MAIN] = main | ({"removed": removed} if removed else {})
    for name, document in documents.items():
        (out / name).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (out / "README.md").write_text(readme(config, documents), encoding="utf-8")
    return Export(
        resources=len(engine.declared),
        lookups=len(data_sources.record()),
        variables=sorted(secrets.variables),
        outputs=sorted(run.outputs),
        warnings=run.warnings,
    )


def _listed(problems: Sequence[str]) -> list[str]:
    return [f"  {problem}" for problem in sorted(set(problems))]


def _previous(path: Path) -> JsonObject:
    try:
        previous: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ExportError(
            f"{path.name} is not JSON ({error}): it is not from an export. Choose another folder."
        ) from None
    return previous
