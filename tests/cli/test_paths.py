"""Paths as a person and a machine get them."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from rich.console import Console

from private_inference.cli.paths import Form, PathsError, paths
from private_inference.reachability.intent import UNCOVERED
from private_inference.reachability.stack_intent import intent_from
from tests.reachability.declared import Program, stack
from tests.support.stacks import minimal, settings

Ask = Callable[..., tuple[str, bool]]


@pytest.fixture
def asked(archive: Path) -> Ask:
    """Asks about a program's network, and prints the answer as a terminal would show it."""
    given = settings(minimal(archive, network={"cidr": "10.20.0.0/16"}))

    def ask(program: Program | None = None, **question: Any) -> tuple[str, bool]:
        network = (program or stack()).network()
        shown, good = paths(network, intent_from(given, network), "project/stack", **question)
        if isinstance(shown, str):
            return shown, good
        console = Console(width=160, file=io.StringIO(), record=True)
        console.print(shown)
        return console.export_text(), good

    return ask


def without_s3() -> Program:
    program = stack()
    program.get("VpcEndpoint", "s3").properties["routeTableIds"] = []
    return program


def test_the_matrix_tells_paths_silence_and_what_is_not_proved(asked: Ask) -> None:
    text, good = asked()
    assert good
    assert "clients" in text
    assert "runtime endpoint" in text
    assert "no packet passes" in text
    assert "Not part of the proof" in text
    assert "✓ 2 required paths work" in text


def test_a_failure_is_told_with_its_hops_and_remedy(asked: Ask) -> None:
    text, good = asked(without_s3())
    assert not good
    assert "✗ missing: models → s3, tcp 443" in text
    assert "no route to 52.216.0.0" in text
    assert "would need a route of model" in text


def test_a_question_with_both_ends_is_a_trace(asked: Ask) -> None:
    text, good = asked(source="clients", destination="runtime endpoint")
    assert good
    assert "security group client" in text
    assert "reaches" in text
    text, good = asked(source="clients", destination="runtime endpoint", port=22)
    assert not good
    assert "no egress rule allows tcp 22" in text


def test_an_address_of_a_tier_is_one_of_its_clients(asked: Ask) -> None:
    text, good = asked(source="10.20.0.77", destination="sagemaker.runtime")
    assert good
    assert "10.20.0.77 (any interface with client in app-us-east-1a)" in text


def test_one_end_alone_narrows_the_matrix(asked: Ask) -> None:
    shown, _ = asked(source="models", form="json")
    assert {cell["source"] for cell in json.loads(shown)["cells"]} == {"models"}


def test_json_has_every_pair_its_trace_and_what_is_not_covered(asked: Ask) -> None:
    text, good = asked(without_s3(), form="json")
    found = json.loads(text)
    assert found["proved"] is good is False
    assert found["uncovered"] == list(UNCOVERED)
    (failure,) = found["failures"]
    assert (failure["kind"], failure["source"], failure["destination"]) == ("missing", "models", "s3")
    assert failure["trace"]["hops"][-1]["allowed"] is False
    states = {cell["state"] for cell in found["cells"]}
    assert states == {"works", "open", "missing", "refused"}


def test_a_trace_as_json(asked: Ask) -> None:
    text, _ = asked(source="clients", destination="runtime endpoint", form="json")
    found = json.loads(text)
    assert found["verdict"] == "reaches"
    assert found["hops"][0]["control"] == "security group"


@pytest.mark.parametrize("form", ["svg", "html"])
def test_pictures_are_documents(asked: Ask, form: Form) -> None:
    text, good = asked(form=form)
    assert good
    assert "project/stack" in text
    if form == "svg":
        Xml.fromstring(text)  # noqa: S314 - our own
    else:
        assert text.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            {"source": "clients", "destination": "runtime endpoint", "form": "svg"},
            "a trace can be text or json, not svg",
        ),
        ({"source": "client", "destination": "runtime endpoint"}, "called 'client'.*clients"),
        ({"source": "client"}, "no party is called 'client'.*clients"),
        ({"source": "clients", "destination": "s3", "port": 70000}, "got 70000"),
        ({"source": "clients", "destination": "s3", "protocol": "tls"}, "got 'tls'"),
    ],
)
def test_what_cannot_be_asked_is_told_with_what_can(asked: Ask, question: dict[str, Any], message: str) -> None:
    with pytest.raises(PathsError, match=message):
        asked(**question)
