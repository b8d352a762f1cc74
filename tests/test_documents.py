"""The documents say what is so: files and tests that they name exist, generated pages are up to date."""

import re
from pathlib import Path

import pytest

from docs import generate as documents

ROOT = Path(__file__).parents[1]
NAMING = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("study-guide.md", "architecture.md"))
OTHER_NAMES = (
    "model.tar.gz",
    "com.amazonaws.REGION.sagemaker.runtime",
    "Pulumi.STACK.yaml",
    "Policy.STACK.json",
    "sdk.py",
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reference", sorted(set(re.findall(r"`([\w/.-]+\.\w+(?:::\w+)?|[\w/-]+/)`", NAMING))))
def test_what_the_study_guide_and_the_architecture_name_exists(reference: str) -> None:
    name, _, test = reference.partition("::")
    assert (ROOT / name).exists() or name in OTHER_NAMES
    if test:
        assert f"def {test}(" in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_of_the_readme_lead_somewhere(link: str) -> None:
    assert link.startswith("https://") or (ROOT / link).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make (\w+)", README, flags=re.MULTILINE))))
def test_make_knows_what_the_readme_says(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("page", sorted(documents.PAGES))
def test_generated_pages_are_up_to_date(page: str) -> None:
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == documents.PAGES[page](), "run `make docs`"
