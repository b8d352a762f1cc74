"""What ECR's scans of images say holds a deployment, and what can't be known does, too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from botocore.stub import Stubber

from components.image_scans import ImageScans, image_scans, problem_with
from components.images import ServingImage
from components.lookups import look_up
from components.model_packages import Packages
from components.scans import NEVER, UNDER_WAY, Finding, Scan, read_scan, scan_of
from components.settings import Container, ImageScanSettings, ImageSettings, Settings, SettingsError
from components.settings.image_scan import AcceptedFinding, UnreadRepository
from components.settings.model_package import Package
from tests.support.recording import ACCOUNT, Recorded, RecordingEngine, record_part
from tests.support.scans import ASKED, DIGEST, OPERATION, URI, answer, ecr, inspected
from tests.support.stacks import minimal, model, settings

HIGH = ImageScanSettings(hold="HIGH")
REASON = "the container never runs it"


def complete(*findings: tuple[str, str]) -> Scan:
    return Scan("COMPLETE", findings=[Finding(*each) for each in findings])


# What ECR says


def test_findings_are_those_of_all_pages() -> None:
    client = ecr()
    with Stubber(client) as stub:
        stub.add_response(OPERATION, answer("COMPLETE", ("CVE-2024-1", "LOW"), nextToken="more"), ASKED)
        stub.add_response(OPERATION, answer("COMPLETE", ("CVE-2024-2", "HIGH")), ASKED | {"nextToken": "more"})
        found = read_scan(client, URI)
    assert found == complete(("CVE-2024-1", "LOW"), ("CVE-2024-2", "HIGH"))


@pytest.mark.parametrize("code", ["AccessDeniedException", "ImageNotFoundException", NEVER])
def test_an_error_is_no_scan_without_findings(code: str) -> None:
    client = ecr()
    with Stubber(client) as stub:
        stub.add_client_error(OPERATION, code)
        found = read_scan(client, URI)
    assert (found.status, found.complete) == (code, False)


def test_inspectors_findings_count_until_they_are_closed() -> None:
    found = scan_of(
        [inspected(("CVE-1", "HIGH", "ACTIVE"), ("CVE-2", "HIGH", "CLOSED"), ("CVE-3", "LOW", "SUPPRESSED"))]
    )
    assert found.complete
    assert [each.id for each in found.findings] == ["CVE-1", "CVE-3"]


@pytest.mark.parametrize("status", ["COMPLETE", "ACTIVE"])
def test_a_scan_that_is_said_to_be_over_before_its_findings_are_there_is_under_way(status: str) -> None:
    assert scan_of([answer(status, over=False)]).status == UNDER_WAY
    assert scan_of([answer(status)]).complete


@pytest.mark.parametrize(
    "status",
    ecr().meta.service_model.shape_for("ScanStatus").enum,
)
def test_of_all_that_ecr_may_say_only_a_scan_that_is_over_lets_an_image_pass(status: str) -> None:
    passes = not problem_with(URI, scan_of([answer(status)]), HIGH)
    assert passes == (status in ("COMPLETE", "ACTIVE"))


# What holds


@pytest.mark.parametrize(
    ("severity", "hold", "held"),
    [
        ("CRITICAL", "HIGH", True),
        ("HIGH", "HIGH", True),
        ("MEDIUM", "HIGH", False),
        ("INFORMATIONAL", "LOW", False),
        ("INFORMATIONAL", "INFORMATIONAL", True),
        ("UNDEFINED", "CRITICAL", True),
        ("UNTRIAGED", "CRITICAL", True),
    ],
)
def test_a_finding_holds_from_its_severity_on_and_where_that_is_not_known(severity: str, hold: Any, held: bool) -> None:
    said = problem_with(URI, complete(("CVE-2024-1", severity)), ImageScanSettings(hold=hold))
    assert bool(said) == held
    assert not held or f"1 finding(s) of {hold} or above: CVE-2024-1 ({severity})" in said


def test_an_accepted_finding_holds_nothing_and_another_does() -> None:
    accepted = (AcceptedFinding(finding="CVE-2024-1", because=REASON),)
    said = problem_with(
        URI,
        complete(("CVE-2024-1", "CRITICAL"), ("CVE-2024-10", "HIGH")),
        ImageScanSettings(hold="HIGH", accepted=accepted),
    )
    assert "1 finding(s)" in said
    assert "CVE-2024-10 (HIGH)" in said


def test_a_repository_that_may_stay_unread_is_held_by_what_can_be_read() -> None:
    unread = ImageScanSettings(hold="HIGH", unread=(UnreadRepository(repository="scoring", because=REASON),))
    assert problem_with(URI, Scan("AccessDeniedException"), unread) == ""
    assert problem_with(URI, Scan("UNSUPPORTED_IMAGE"), unread) == ""
    assert "CVE-2024-1" in problem_with(URI, complete(("CVE-2024-1", "HIGH")), unread)
    assert problem_with(URI.replace("scoring", "scorings"), Scan("AccessDeniedException"), unread)


@pytest.mark.parametrize(
    ("scan", "told"),
    [
        (Scan(UNDER_WAY), "Run the command again when it is over"),
        (Scan(NEVER), "aws ecr start-image-scan"),
        (Scan("AccessDeniedException"), "ecr:DescribeImageScanFindings"),
        (Scan("RepositoryNotFoundException"), "Push it"),
        (Scan("UNSUPPORTED_IMAGE", "The operating system is not supported."), "operating system is not supported)"),
    ],
)
def test_what_can_not_be_told_holds_with_its_state_and_the_fix(scan: Scan, told: str) -> None:
    said = problem_with(URI, scan, HIGH)
    assert f"what a scan found in scoring@{DIGEST} can't be told ({scan.status}" in said
    assert told in said
    assert "give scoring a reason in artifacts.imageScan.unread" in said
    assert ACCOUNT not in said


# When it is looked at


class Account(RecordingEngine):
    """Has an ECR, which answers of each image, by repository, what it is given."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._answers = answers or {}

    def client(self, service: str) -> Any:
        return self if service == "ecr" else None

    def describe_image_scan_findings(self, *, repositoryName: str, **_: Any) -> Any:  # noqa: N803 - boto3's
        self.asked.append(repositoryName)
        answers = self._answers[repositoryName]
        return answers.pop(0) if isinstance(answers, list) else answers


def read_in(archive: Path, scan: dict[str, Any] | None, **image: str) -> Settings:
    given = minimal(archive, **({"artifacts": {"imageScan": scan}} if scan else {}))
    if image:
        given["endpoints"][0]["model"] = model(archive, image=image)
    return settings(given)


def looked_at(
    read: Settings, engine: RecordingEngine, packages: Packages | None = None
) -> tuple[ImageScans | None, Recorded]:
    found: list[ImageScans | None] = []

    def program() -> None:
        found.append(image_scans(read, look_up(read).prebuilt_images, packages or {}))

    recorded = record_part(program, engine)
    return found[0], recorded


@pytest.fixture(autouse=True)
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.pauses.time.sleep", lambda seconds: None)


def test_nothing_is_asked_of_ecr_unless_the_stack_asks_for_it(archive: Path) -> None:
    engine = Account()
    assert looked_at(read_in(archive, None, uri=URI), engine)[0] is None
    assert engine.asked == []


def test_without_an_account_nothing_is_held_and_that_is_told(archive: Path) -> None:
    found, recorded = looked_at(read_in(archive, {"hold": "HIGH"}, uri=URI), RecordingEngine())
    assert found is None
    assert "is unverified here" in recorded.warnings


def test_images_that_exist_hold_before_anything_is_declared(archive: Path) -> None:
    engine = Account({"scoring": answer("COMPLETE", ("CVE-2024-1", "HIGH"))})
    with pytest.raises(SettingsError, match=r"(?s)nothing was changed, .*CVE-2024-1 \(HIGH\)"):
        looked_at(read_in(archive, {"hold": "HIGH"}, uri=URI), engine)
    assert engine.created == []
    assert looked_at(read_in(archive, {"hold": "CRITICAL"}, uri=URI), engine)[0]


def test_an_image_of_aws_is_asked_for_too(archive: Path) -> None:
    engine = Account({"sagemaker-xgboost": answer("FAILED")})
    with pytest.raises(SettingsError, match=r"sagemaker-xgboost:3\.0-5 can't be told"):
        looked_at(read_in(archive, {"hold": "HIGH"}), engine)
    unread = {"hold": "HIGH", "unread": [{"repository": "sagemaker-xgboost", "because": REASON}]}
    assert looked_at(read_in(archive, unread), engine)[0]


def test_an_image_of_a_model_package_holds_as_one_of_the_settings_does(archive: Path) -> None:
    """It is nowhere in the settings. Its tag may be moved, as that of a setting's image, which is refused there."""
    unread = {"hold": "HIGH", "unread": [{"repository": "sagemaker-xgboost", "because": REASON}]}
    answers = {"sagemaker-xgboost": answer("COMPLETE"), "scoring": answer("COMPLETE", ("CVE-2024-1", "HIGH"))}
    packaged = {Package("arn"): [Container(image=ImageSettings(uri=URI))]}
    with pytest.raises(SettingsError, match=r"CVE-2024-1 \(HIGH\)"):
        looked_at(read_in(archive, unread), Account(answers), packaged)
    passed = {**answers, "scoring": answer("COMPLETE")}
    assert looked_at(read_in(archive, unread), Account(passed), packaged)[0]
    tagged = {Package("arn"): [Container(image=ImageSettings(uri=f"{URI.partition('@')[0]}:1"))]}
    with pytest.raises(SettingsError, match=r"scoring:1 of a model package has a tag, which may be moved"):
        looked_at(read_in(archive, unread), Account(passed), tagged)


def test_a_waiver_that_no_image_needs_is_refused(archive: Path) -> None:
    unread = {"hold": "HIGH", "unread": [{"repository": "scorings", "because": REASON}]}
    with pytest.raises(SettingsError, match=r"unread\[0\].repository: no image .* is from 'scorings'; .* scoring"):
        looked_at(read_in(archive, unread, uri=URI), Account())


def test_a_scan_under_way_is_waited_for(archive: Path) -> None:
    under_way, over = answer("PENDING", over=False), answer("COMPLETE")
    engine = Account({"scoring": [under_way, under_way, over]})
    assert looked_at(read_in(archive, {"hold": "HIGH"}, uri=URI), engine)[0]
    assert len(engine.asked) == 3


def test_a_scan_that_never_ends_holds(archive: Path) -> None:
    engine = Account({"scoring": answer("IN_PROGRESS", over=False)})
    with pytest.raises(SettingsError, match="Run the command again"):
        looked_at(read_in(archive, {"hold": "HIGH"}, uri=URI), engine)


@pytest.mark.parametrize(("severity", "held"), [("HIGH", True), ("LOW", False)])
def test_an_image_of_the_stacks_registry_is_looked_at_when_it_is_known(severity: str, held: bool) -> None:
    scans = ImageScans(HIGH, Account({"scoring": answer("COMPLETE", ("CVE-2024-1", severity))}), waits=True)

    def program() -> None:
        pushed = pulumi.Output.concat(pulumi.Output.from_input(URI), "")
        pulumi.export("uri", scans.passed(ServingImage(pushed, "arn")).uri)

    if held:
        with pytest.raises(SettingsError, match=r"CVE-2024-1 \(HIGH\).* Its endpoint was neither created nor updated"):
            record_part(program)
    else:
        assert record_part(program).outputs == {"uri": URI}


# What the settings refuse


@pytest.mark.parametrize(
    ("scan", "said"),
    [
        ({"hold": "HIGH"}, "image.uri: .*has a tag, which may be moved after its scan was read"),
        ({"accepted": []}, "imageScan.hold: is missing; add it"),
        (
            {"hold": "LOW", "accepted": [{"finding": "CVE-2024-1", "because": REASON}] * 2},
            r"accepted\[1\].finding: 'CVE-2024-1' is there twice; name it once",
        ),
        (
            {"hold": "LOW", "unread": [{"repository": "scoring", "because": REASON}] * 2},
            r"unread\[1\].repository: 'scoring' is there twice; name it once",
        ),
    ],
)
def test_what_can_not_be_is_refused(scan: dict[str, Any], said: str, archive: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        read_in(archive, scan, uri=URI.replace(f"@{DIGEST}", ":1"))


def test_a_tag_will_do_where_the_scan_may_stay_unread(archive: Path) -> None:
    unread = {"hold": "HIGH", "unread": [{"repository": "scoring", "because": REASON}]}
    assert read_in(archive, unread, uri=URI.replace(f"@{DIGEST}", ":1"))
