"""The picture shows every flow once, says what it is, and is the same for the same network."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from private_inference.reachability.intent import Intent, Report, check
from private_inference.reachability.model import Network
from private_inference.reachability.picture import cell_key, render_html, render_svg, scene, state
from private_inference.reachability.stack_intent import intent_from
from tests.reachability.declared import Program, rule, stack
from tests.support.stacks import minimal, settings

SVG = "{http://www.w3.org/2000/svg}"
PREMISES = "192.168.0.0/16"


Draw = Callable[[Program], tuple[Network, Intent, Report]]


@pytest.fixture
def drawn(archive: Path) -> Draw:
    """Draws a program's network."""
    premises = {"cidrs": [PREMISES], "gatewayId": "vgw-0a1b2c3d"}
    network = {"cidr": "10.20.0.0/16", "onPremises": premises, "deniedCidrs": ["172.31.0.0/16"]}
    given = settings(minimal(archive, network=network))

    def draw(program: Program) -> tuple[Network, Intent, Report]:
        found = program.network()
        intent = intent_from(given, found)
        return found, intent, check(found, intent)

    return draw


def whole() -> Program:
    return stack(PREMISES, ["172.31.0.0/16"])


def broken() -> Program:
    """One path too few, and one too many."""
    program = whole()
    program.remove("SecurityGroupEgressRule", "model-to-s3")
    rule(program, program.get("NetworkAcl", "app"), True, 3000, "10.20.128.0/18")
    rule(program, program.get("NetworkAcl", "model"), False, 3000, "10.20.0.0/18")
    return program


def parsed(network: Network, intent: Intent, report: Report) -> Xml.Element:
    return Xml.fromstring(render_svg(network, intent, report, "test"))  # noqa: S314 - our own


def flows(svg: Xml.Element) -> Counter[str]:
    return Counter(one.get("data-cell", "") for one in svg.iter(f"{SVG}g") if one.get("data-cell"))


@pytest.mark.parametrize("program", [whole(), broken()], ids=["whole", "broken"])
def test_every_flow_is_drawn_once_and_says_its_hops(drawn: Draw, program: Program) -> None:
    network, intent, report = drawn(program)
    svg = parsed(network, intent, report)
    expected = [cell for cell in report.cells if state(cell) != "refused" and cell.source != cell.destination]
    found = flows(svg)
    assert all(found[cell_key(cell)] == 1 for cell in expected)
    tips = [
        title.text or "" for one in svg.iter(f"{SVG}g") if one.get("data-cell") for title in one.iter(f"{SVG}title")
    ]
    for cell in expected:
        (tip,) = [tip for tip in tips if tip.startswith(f"{cell.source} → {cell.destination}: ")]
        shown = cell.failures[0].trace if cell.failures else cell.trace
        assert all(hop.reason in tip for hop in shown.hops)


def test_who_is_kept_out_is_drawn_as_kept_out(drawn: Draw) -> None:
    network, intent, report = drawn(whole())
    refused = [arrow for arrow in scene(network, intent, report, "test").arrows if arrow.state == "refused"]
    assert {arrow.tip.partition(":")[0] for arrow in refused} == {
        "denied blocks",
        "internet or elsewhere",
        "service neighbours",
    }


def test_the_verdict_is_the_reports(drawn: Draw) -> None:
    network, intent, report = drawn(whole())
    assert "no other exists" in render_svg(network, intent, report, "test")
    network, intent, report = drawn(broken())
    assert "not proved: 1 missing, 1 surplus" in render_svg(network, intent, report, "test")


@pytest.mark.parametrize("attached_to", ["", "transit"])
def test_parties_subnets_and_zones_are_all_there(drawn: Draw, attached_to: str) -> None:
    network, intent, report = drawn(stack(PREMISES, ["172.31.0.0/16"], attached_to))
    texts = {one.text for one in parsed(network, intent, report).iter(f"{SVG}text")}
    assert {party.name for party in intent.parties} <= texts
    assert {subnet.name for subnet in network.subnets.values()} <= texts
    assert {subnet.zone for subnet in network.subnets.values()} <= texts


def test_nothing_is_drawn_outside_the_picture(drawn: Draw) -> None:
    network, intent, report = drawn(whole())
    drawing = scene(network, intent, report, "test")
    for rect in (*drawing.vpcs, *drawing.bands, *drawing.bars, *drawing.chips, *drawing.outside):
        assert 0 <= rect.x <= rect.x + rect.width <= drawing.width
        assert 0 <= rect.y <= rect.y + rect.height <= drawing.height


def test_bars_of_a_band_do_not_overlap(drawn: Draw) -> None:
    network, intent, report = drawn(whole())
    bars = sorted(scene(network, intent, report, "test").bars, key=lambda bar: bar.y)
    assert len(bars) > 5
    assert all(one.y + one.height <= other.y for one, other in pairwise(bars))


def test_the_same_network_gives_the_same_picture(drawn: Draw) -> None:
    backwards = whole()
    backwards.resources.reverse()
    (network, intent, report), other = drawn(whole()), drawn(backwards)
    assert render_svg(network, intent, report, "test") == render_svg(*other, title="test")
    assert render_html(network, intent, report, "test") == render_html(*other, title="test")


def test_names_cannot_break_out_of_the_page(drawn: Draw) -> None:
    network, intent, report = drawn(whole())
    evil = "<script>alert('x')</script>"
    named = replace(network, subnets={key: replace(one, name=evil) for key, one in network.subnets.items()})
    for page in (render_svg(named, intent, report, evil), render_html(named, intent, report, evil)):
        assert evil not in page
        assert "&lt;script&gt;" in page


def test_the_page_has_a_cell_and_its_hops_for_every_pair(drawn: Draw) -> None:
    network, intent, report = drawn(broken())
    page = render_html(network, intent, report, "test")
    for cell in report.cells:
        assert f'<template id="{cell_key(cell)}">' in page
    assert page.count("<td class=") == len(report.cells)
    assert "Not part of the proof" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page


def test_keys_of_cells_are_unique(drawn: Draw) -> None:
    _, _, report = drawn(whole())
    assert len({cell_key(cell) for cell in report.cells}) == len(report.cells)
