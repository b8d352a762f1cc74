"""Symbols for what AWS would choose: documents are whole with them, and a preview is as it was without them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pulumi.output import Unknown

from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack, settings_of
from private_inference.runner.resource import Resource
from private_inference.runner.symbols import SymbolEngine, without_symbols

ROOT = Path(__file__).parents[2]


def plain(value: Any) -> Any:
    """Unknown values in a form that can be compared, and no files."""
    if isinstance(value, Unknown):
        return "unknown"
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return type(value).__name__ if type(value).__module__.startswith("pulumi") else value


def compared(resource: Resource, documents: Iterable[str]) -> Any:
    """What is known of a resource; documents are put aside."""
    kept = {key: value for key, value in resource.properties.items() if key not in documents}
    return resource.id, plain(kept), {key: plain(resource.outputs[key]) for key in kept}


def test_a_run_with_symbols_knows_all_documents_and_is_otherwise_a_preview() -> None:
    config = load_stack(ROOT, "dev")
    region = settings_of(config).region
    preview = run_program(config, PreviewEngine(region), preview=True)
    run = run_program(config, SymbolEngine(PreviewEngine(region), region), preview=True)
    unknown = [
        each.name
        for each in run.all_resources
        for key in ("policy", "assumeRolePolicy")
        if isinstance(each.properties.get(key), Unknown)
    ]
    assert unknown == []
    masked = [each for each in without_symbols(run).all_resources if not each.remote]
    documents = {each.urn: [key for key, value in each.properties.items() if is_document(value)] for each in masked}
    expected = {each.urn: compared(each, documents[each.urn]) for each in preview.all_resources if not each.remote}
    assert {each.urn: compared(each, documents[each.urn]) for each in masked} == expected
    assert any(documents.values())


def is_document(value: Any) -> bool:
    return isinstance(value, str) and isinstance(json.loads(value) if value.startswith("{") else None, dict)
