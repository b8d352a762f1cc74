"""Writes the parts of docs/ that the code knows: settings, contract, policies, licences, pictures. See `make docs`."""

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).parent.parent
GENERATED = "<!-- Written by `make docs`. Change the code instead. -->"


def settings_page() -> str:
    """Every key of a stack's configuration."""
    from components.settings import Settings

    lines = [
        GENERATED,
        "",
        "# Settings",
        "",
        "What a stack's file (`Pulumi.STACK.yaml`) may say, below `private-inference:`. Every default is the strict",
        "choice; a key that ends in `Because` loosens one, and its value is the reason.",
        "",
        "| Key | Type | Default | |",
        "|---|---|---|---|",
        *_rows(Settings, ""),
    ]
    return "\n".join(lines) + "\n"


def contract_page() -> str:
    """Every field of the contract."""
    from components.caller_contract import CallerContract
    from components.contract import Contract

    lines = [
        GENERATED,
        "",
        "# The contract",
        "",
        "A stack exports these outputs, and keeps the same JSON in one SSM parameter for each endpoint,",
        "`/private-inference/STACK/contract/ENDPOINT`, with that endpoint alone in `endpoints`. New fields may appear;",
        "when one is renamed or removed, `contractVersion` changes.",
        "",
        "A role with the invoke policy calls from the app subnets with the client group, and is refused elsewhere.",
        "A rehearsal and `private-inference verify --from-inside` call so, and show the refusal, too.",
        "",
        "| Field | Type | |",
        "|---|---|---|",
        *_fields(Contract),
        "",
        "## Of a caller that lives elsewhere",
        "",
        "[Callers](callers.md) in another VPC or another account have a contract each, in the SSM parameter",
        "`/private-inference/STACK/callers/NAME`; the stack exports all of them, by name, as `callers`.",
        "",
        "| Field | Type | |",
        "|---|---|---|",
        *_fields(CallerContract),
    ]
    return "\n".join(lines) + "\n"


def _fields(model: type[BaseModel]) -> Iterator[str]:
    return (row.replace(" required |", "", 1).replace(" |  | ", " | ", 1) for row in _rows(model, ""))


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = _model_in(field.annotation)
        description = (
            (field.description or (inner.__doc__ if inner else "") or "").replace("\n", " ").replace("|", "or")
        )
        many = inner is not None and inner is not field.annotation and _is_collection(field.annotation)
        yield f"| `{key}` | {_type_name(field.annotation)} | {_default(field, inner)} | {description} |"
        if inner:
            yield from _rows(inner, f"{key}[]." if many else f"{key}.")


def _is_collection(annotation: Any) -> bool:
    return any(word in str(annotation) for word in ("tuple", "Mapping", "dict"))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _type_name(annotation: Any) -> str:
    text = str(annotation)
    if literals := re.findall(r"'([^']+)'", text) if "Literal" in text else []:
        return " or ".join(f"`{literal}`" for literal in literals)
    names = {"int": "integer", "str": "text", "float": "number", "bool": "true/false"}
    if isinstance(annotation, type):
        return names.get(annotation.__name__, "group")
    if "Mapping" in text or "dict" in text:
        return "map"
    listed = ["list"] if "tuple" in text else []
    found = [said for name, said in names.items() if re.search(rf"\b{name}\b", text) and not (listed and name == "str")]
    return " or ".join([*found, *listed]) or "group"


def _default(field: Any, inner: type[BaseModel] | None) -> str:
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined or field.default in ((), None) or inner:
        return ""
    given = ", ".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    return f"`{given}`"


def third_party_page() -> str:
    """The locked packages with their licences, as their own metadata state them."""
    lines = [
        GENERATED,
        "",
        "# Third-party packages",
        "",
        "What requirements.txt installs. Nothing of it is copied into this repository.",
        "",
        "| Package | Version | Licence |",
        "|---|---|---|",
    ]
    for name, version in locked():
        try:
            lines.append(f"| {name} | {version} | {_licence(metadata.metadata(name))} |")
        except metadata.PackageNotFoundError:
            lines.append(f"| {name} | {version} | for other platforms, not installed here |")
    return "\n".join(lines) + "\n"


def locked() -> list[tuple[str, str]]:
    """Name and version of every package in the lock."""
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9_.\[\]-]+)==([^\s;\\]+)", lock, flags=re.MULTILINE)


def _licence(package: Any) -> str:
    stated = package.get("License-Expression") or ""
    if not stated:
        classifiers = [
            c.split("::")[-1].strip() for c in package.get_all("Classifier") or [] if c.startswith("License")
        ]
        stated = ", ".join(classifiers) or (package.get("License") or "").split("\n")[0] or "not stated"
    return str(stated)


def network_picture() -> str:
    """The network of the prod stack with its paths, drawn from the program's own resources."""
    from private_inference.cli.check import preview
    from private_inference.cli.paths import paths
    from private_inference.runner.project import load_stack

    network, intent = preview(load_stack(ROOT, "prod"))
    picture, _ = paths(network, intent, "private-inference/prod", form="svg")
    return f"{picture}\n"


def policies_page() -> str:
    """Every rule of the policy pack."""
    from docs import policies

    return f"{GENERATED}\n\n{policies.policies_page()}"


def architecture_picture() -> str:
    """The packages in their layers, and who imports whom."""
    from docs import architecture

    return architecture.picture()


PAGES = {
    "settings.md": settings_page,
    "contract.md": contract_page,
    "policies.md": policies_page,
    "third-party.md": third_party_page,
    "network.svg": network_picture,
    "architecture.svg": architecture_picture,
}


def main() -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (ROOT / "docs" / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
