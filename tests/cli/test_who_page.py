"""The page of who may do what has every answer that isn't denied, in the cell of its principal and resource."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from private_inference.authorization.everyone import label
from private_inference.authorization.intent import Judged
from private_inference.cli import views, who
from private_inference.cli.check import permissions
from private_inference.cli.who_page import WORST_FIRST, page
from private_inference.runner.project import load_stack
from tests.support.recording import ROOT


@pytest.fixture(scope="module")
def found() -> list[Judged]:
    account, intent = permissions(load_stack(ROOT, "dev"))
    return list(who.ask(account, intent, "*", "*", "*"))


class Templates(HTMLParser):
    """The texts of a page's templates by their ids, and the ids that cells refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.cells: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "template":
            self._open = str(given["id"])
        self.cells += [str(given["data-cell"])] if "data-cell" in given else []

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == "template" else self._open

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open] = self.texts.get(self._open, "") + data


def test_each_answer_that_is_not_denied_is_in_its_cell(found: list[Judged]) -> None:
    shown = Templates(page(found, ["a note"], "dev"))
    assert sorted(shown.cells) == sorted(shown.texts)
    cells = {text.split("\n")[1]: text for text in shown.texts.values()}
    passing = [each for each in found if who.state(each) != "denied"]
    assert passing
    for each in passing:
        question = each.answer.question
        text = cells[f"{label(question.principal)}, on {question.resource.name}"]
        assert question.action in text
        assert question.path.name in text
        assert who.state(each) in text
    assert len(cells) == len({(label(e.answer.question.principal), e.answer.question.resource.name) for e in passing})


def test_it_counts_what_is_denied_and_loads_nothing(found: list[Judged]) -> None:
    text = page(found, [], "dev")
    denied = sum(who.state(each) == "denied" for each in found)
    assert f"{denied} further answers are proved denied" in text
    assert not re.search(r'(src|href)="', text)


def test_its_folder_is_made(tmp_path: Path) -> None:
    views.show("a page", tmp_path / "build" / "who.html")
    assert (tmp_path / "build" / "who.html").read_text() == "a page\n"


def test_every_state_has_its_place() -> None:
    assert {*WORST_FIRST, "denied"} >= set(who.STYLES)
