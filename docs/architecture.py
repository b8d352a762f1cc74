"""Draws docs/architecture.svg from the code: the packages in their layers, and who imports whom.

The layers are those of the contract in pyproject.toml, which `make lint` holds. An import that runs upwards would be
drawn on the left, in red.
"""

import tomllib
from collections import Counter
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PURPOSES = {
    "private_inference.cli": "commands, and what they show",
    "private_inference.life": "what happens to a stack once it serves",
    "private_inference.terraform": "the program as a Terraform configuration",
    "private_inference.verification": "what boto3 finds in an account",
    "private_inference.rehearsal": "the program on an embedded AWS",
    "policy": "the CrossGuard pack",
    "private_inference.reachability": "which packets pass",
    "private_inference.authorization": "which requests pass",
    "private_inference.quotas": "needs of AWS's quotas",
    "private_inference.deployer": "policies of whoever deploys",
    "private_inference.graph": "reads what a program declared",
    "private_inference.runner": "runs a Pulumi program in process",
    "components": "the stack's components and settings",
}
WIDTH, ROW, BOX, TOP, SIDE = 580, 62, 40, 20, 40


def layers() -> list[str]:
    """The packages from the top down, as the contract lists them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    listed = next(contract["layers"] for contract in contracts if contract["id"] == "layers")
    return [package.strip() for layer in listed for package in layer.split("|")]


def imports(packages: list[str]) -> Counter[tuple[str, str]]:
    """How many modules of one package import another."""
    graph = grimp.build_graph("components", "policy", "private_inference", exclude_type_checking_imports=True)
    found: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        importer = _package(module, packages)
        for imported in graph.find_modules_directly_imported_by(module):
            target = _package(imported, packages)
            if importer and target and importer != target:
                found[importer, target] += 1
    return found


def _package(module: str, packages: list[str]) -> str | None:
    return next((package for package in packages if f"{module}.".startswith(f"{package}.")), None)


def picture() -> str:
    """The SVG document."""
    packages = layers()
    height = TOP * 2 + ROW * len(packages)
    boxes = [_box(package, TOP + ROW * row) for row, package in enumerate(packages)]
    arrows = [
        _arrow(packages.index(one), packages.index(other), n) for (one, other), n in sorted(imports(packages).items())
    ]
    return "\n".join(
        [
            "<!-- Written by `make docs`. Change the code instead. -->",
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + SIDE + 180} {height}"'
            ' font-family="system-ui, sans-serif" font-size="14">',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *arrows,
            *boxes,
            "</svg>\n",
        ]
    )


def _box(package: str, y: int) -> str:
    x = SIDE
    return (
        f'<g><rect x="{x}" y="{y}" width="{WIDTH}" height="{BOX}" rx="6" fill="#eef3f8" stroke="#4a6785"/>'
        f'<text x="{x + 12}" y="{y + 25}" font-weight="600">{escape(package)}</text>'
        f'<text x="{x + WIDTH - 12}" y="{y + 25}" text-anchor="end" fill="#445">{escape(PURPOSES[package])}</text></g>'
    )


def _arrow(importer: int, imported: int, modules: int) -> str:
    """An arc from the importer's row to the imported one's: on the right downwards, on the left upwards."""
    down = importer < imported
    start, end = TOP + ROW * importer + BOX / 2 + 6, TOP + ROW * imported + BOX / 2 - 6
    x, bend = (SIDE + WIDTH, 18 * abs(imported - importer)) if down else (SIDE, -18 * abs(imported - importer))
    color, head = ("#4a6785", 7) if down else ("#c0392b", -7)
    width = 1 + min(modules, 20) / 8
    return (
        f'<g stroke="{color}" fill="none"><title>{modules} imports</title>'
        f'<path d="M{x},{start} C{x + bend},{start} {x + bend},{end} {x},{end}" stroke-width="{width:.2f}"/>'
        f'<path d="M{x + head},{end - 4} L{x},{end} L{x + head},{end + 4}"/></g>'
    )
