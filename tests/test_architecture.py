"""Product code stands by itself: it neither imports nor runs what is under tests/, examples/ or benchmarks/."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OTHERS = ("tests", "examples", "benchmarks", "docs")
PRODUCT = [
    ROOT / "__main__.py",
    *(p for f in ("components", "policy", "private_inference") for p in (ROOT / f).rglob("*.py")),
]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def named(tree: ast.AST) -> Iterator[str]:
    """The texts that the code spells out, docstrings left out: a path may be among them."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


def test_product_code_imports_and_names_nothing_that_is_not_shipped() -> None:
    folders = tuple(f"{each}/" for each in OTHERS)
    found = []
    for file in PRODUCT:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        texts = [text for text in named(tree) if text in OTHERS or text.startswith(folders)]
        modules = [module for module in imported(tree) if module.partition(".")[0] in OTHERS]
        found += [(str(file.relative_to(ROOT)), text) for text in texts + modules]
    assert found == []


def test_no_module_is_too_long_to_read_at_once() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in PRODUCT}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
