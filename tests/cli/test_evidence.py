"""What a verification leaves for an auditor: each check by control, both proofs, and what could not be checked."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from private_inference.cli.evidence import Evidence, evidence
from private_inference.runner.project import load_stack
from private_inference.verification import verify
from tests.support.recording import ROOT
from tests.verification.verified import Deployment, deployed


@pytest.fixture(scope="module")
def dev() -> Iterator[Deployment]:
    with deployed(load_stack(ROOT, "dev")) as stack:
        yield stack


class Page(HTMLParser):
    """The texts of a page's table cells, row by row, and the targets of its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [str(given["href"])] if tag == "a" else []
        self.ids += [str(given["id"])] if tag == "tr" and "id" in given else []
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def written(found: Evidence, folder: Path) -> tuple[dict[str, Any], Page, str]:
    found.write(folder)
    page = (folder / "evidence.html").read_text()
    return json.loads((folder / "evidence.json").read_text()), Page(page), page


def test_every_check_is_evidence_for_a_published_control(dev: Deployment) -> None:
    assert [check.asked for check in verify(dev.desired, dev.client, from_inside=True) if not check.controls] == []


def test_both_files_have_every_check_and_both_proofs(dev: Deployment, tmp_path: Path) -> None:
    checks = dev.verify()
    facts, page, text = written(evidence(dev.desired, dev.client, checks), tmp_path)
    assert facts["account"] == dev.client("sts").get_caller_identity()["Account"]
    assert facts["region"] == dev.aws.region
    assert [(each["asked"], each["verdict"]) for each in facts["checks"]] == [(c.asked, c.verdict) for c in checks]
    assert facts["reachability"]["proved"]
    assert facts["authorization"]["proved"]
    assert facts["reachability"]["assumptions"]
    assert facts["authorization"]["assumptions"]
    shown = [row[1:4] for row in page.rows if len(row) == 5][1:]
    assert shown == [[check.subject, check.asked, check.seen] for check in checks]
    assert {link.removeprefix("#") for link in page.links} == set(page.ids)
    start = text.index("<svg")
    ElementTree.fromstring(text[start : text.index("</svg>") + len("</svg>")])  # noqa: S314 - our own
    assert "http" not in "".join(page.links)  # an auditor's copy loads nothing


def test_a_control_is_as_good_as_the_worst_of_its_checks(dev: Deployment, tmp_path: Path) -> None:
    dev.client("kms").disable_key_rotation(KeyId=dev.key)
    facts, page, _ = written(evidence(dev.desired, dev.client, dev.verify()), tmp_path)
    dev.client("kms").enable_key_rotation(KeyId=dev.key, RotationPeriodInDays=365)
    missed = {name for name, control in facts["controls"].items() if control["verdict"] == "miss"}
    assert "NIST SP 800-53 SC-12" in missed
    assert not any("SC-7" in name for name in missed)
    assert ["NIST SP 800-53 SC-12", "not as asked"] in [row[:2] for row in page.rows]


def test_what_could_not_be_read_is_no_evidence(dev: Deployment, tmp_path: Path) -> None:
    def client(service: str) -> Any:
        return Denied() if service in ("ec2", "iam") else dev.client(service)

    checks = verify(dev.desired, client)
    facts, _, text = written(evidence(dev.desired, client, checks), tmp_path)
    assert "unchecked" in facts["reachability"]
    assert "unchecked" in facts["authorization"]
    assert facts["controls"]["NIST SP 800-53 SC-7"]["verdict"] == "unchecked"
    assert "<svg" not in text


class Denied:
    """A client that may do nothing."""

    def can_paginate(self, _: str) -> bool:
        return False

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_: Any) -> None:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, operation)

        return refuse
