"""What a verification shows, for an auditor: by published control, with both proofs and what they assume."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from private_inference.authorization.intent import check as check_permissions
from private_inference.cli.authorization import authorization_as_json
from private_inference.cli.deployed import deployed_permissions
from private_inference.cli.proof import reachability_as_json
from private_inference.cli.who import WhoError
from private_inference.reachability.intent import UNCOVERED
from private_inference.reachability.picture import render_svg
from private_inference.templates import template
from private_inference.verification.checks import AbsentError, Check, UnreadableError, Verdict
from private_inference.verification.deployed import Deployed
from private_inference.verification.desired import Desired
from private_inference.verification.reader import Reader

JSON_FILE, HTML_FILE = "evidence.json", "evidence.html"
WORDS = {
    Verdict.OK: "as asked",
    Verdict.MISS: "not as asked",
    Verdict.UNCHECKED: "could not be checked",
    Verdict.SKIPPED: "nothing to check with",
}
WORST_FIRST = (Verdict.MISS, Verdict.UNCHECKED, Verdict.SKIPPED, Verdict.OK)


@dataclass(frozen=True)
class Evidence:
    """One verification, when, where and by whom; `picture` is an SVG, empty if the network could not be read.

    A proof is what `reachability_as_json` and `authorization_as_json` have, or `{"unchecked": REASON}`.
    """

    time: str
    stack: str
    account: str
    region: str
    asked_by: str
    version: str
    checks: Sequence[Check]
    reachability: Mapping[str, Any]
    authorization: Mapping[str, Any]
    picture: str

    @property
    def controls(self) -> Mapping[str, Sequence[Check]]:
        """The checks by the published control that they are evidence for."""
        names = sorted({name for check in self.checks for name in check.controls})
        return {name: [check for check in self.checks if name in check.controls] for name in names}

    def write(self, folder: Path) -> None:
        """Write both files into a folder, which is made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JSON_FILE).write_text(self._json(), encoding="utf-8")
        (folder / HTML_FILE).write_text(self._html(), encoding="utf-8")

    def _json(self) -> str:
        shown = {key: value for key, value in asdict(self).items() if key != "picture"}
        controls = {
            name: {"verdict": worst(checks), "checks": [f"{check.subject}: {check.asked}" for check in checks]}
            for name, checks in self.controls.items()
        }
        return json.dumps({**shown, "controls": controls}, indent=2, ensure_ascii=False) + "\n"

    def _html(self) -> str:
        from markupsafe import Markup

        picture = Markup(self.picture)  # noqa: S704 - made by a template that escapes
        page = template(__file__, "evidence.html.j2")
        return page.render(evidence=self, picture=picture, worst=worst, words=WORDS)


def worst(checks: Sequence[Check]) -> Verdict:
    """The verdict on a control: as good as the worst of its checks."""
    return min((check.verdict for check in checks), key=WORST_FIRST.index)


def evidence(desired: Desired, client: Callable[[str], Any], checks: Sequence[Check]) -> Evidence:
    """What `checks` show of a stack, with both proofs over what AWS describes now. `client` is as in `verify`.

    What can't be read is said in its place.
    """
    stack = Deployed(desired, Reader(client))
    caller = client("sts").get_caller_identity()
    reachability, picture = _reachability(stack)
    return Evidence(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        stack=f"{desired.project}/{desired.stack}",
        account=caller["Account"],
        region=desired.settings.region,
        asked_by=caller["Arn"],
        version=version("private-inference"),
        checks=checks,
        reachability=reachability,
        authorization=_authorization(stack),
        picture=picture,
    )


def _reachability(stack: Deployed) -> tuple[Mapping[str, Any], str]:
    try:
        report = stack.proof
    except (AbsentError, UnreadableError) as error:
        return {"unchecked": str(error)}, ""
    picture = render_svg(stack.network, stack.intent, report, f"{stack.desired.project}/{stack.desired.stack}")
    return {**reachability_as_json(report), "assumptions": list(UNCOVERED)}, picture


def _authorization(stack: Deployed) -> Mapping[str, Any]:
    try:
        return authorization_as_json(check_permissions(*deployed_permissions(stack)))
    except WhoError as error:
        return {"unchecked": str(error)}
