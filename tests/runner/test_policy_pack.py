"""The real pack, in a process of its own, asked as the engine asks it."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2_grpc

from private_inference.runner.guard import GuardedEngine, PolicyViolationError
from private_inference.runner.policy_config import PolicyPackError, read_config
from private_inference.runner.policy_pack import PolicyPack
from private_inference.runner.preview import PreviewEngine
from private_inference.runner.program import run_program
from private_inference.runner.resource import Resource
from tests.support.recording import REGION, ROOT, RecordingEngine, record_part, stack_config
from tests.support.stacks import minimal

PACK = ROOT / "policy"
PROJECT = "urn:pulumi:test::private-inference::"


def resource(type_: str, name: str, properties: Mapping[str, Any], **more: Any) -> Resource:
    return Resource(f"{PROJECT}{type_}::{name}", type_, name, "", True, properties, (), {}, **more)


GATEWAY = resource("aws:ec2/internetGateway:InternetGateway", "main", {})
SUBNET = resource("aws:ec2/subnet:Subnet", "app", {"mapPublicIpOnLaunch": True})
SOON = (date.today() + timedelta(days=30)).isoformat()
LOG_GROUP = resource("aws:cloudwatch/logGroup:LogGroup", "calls", {"retentionInDays": 30.0})


@pytest.fixture(scope="module")
def pack() -> Iterator[PolicyPack]:
    with PolicyPack(PACK) as running:
        yield running


def test_the_pack_says_what_its_rules_are(pack: PolicyPack) -> None:
    rule = pack.rules["nothing-switched-public"]
    assert (rule.level, rule.severity, rule.of_stack) == ("mandatory", "critical", False)
    assert rule.controls[0] == "AWS Foundational Security Best Practices EC2.9"
    assert pack.rules["vpc-has-flow-logs"].of_stack
    assert "minimum" in pack.rules["two-instances-serve"].options
    assert list(pack.rules)[-1] == "exceptions-in-force"


def test_a_violation_blocks(pack: PolicyPack) -> None:
    [finding] = pack.analyze(GATEWAY)
    assert (finding.rule, finding.kind, finding.level, finding.urn) == (
        "no-ways-out",
        "violation",
        "mandatory",
        GATEWAY.urn,
    )
    assert finding.blocks
    assert finding.message.startswith("aws:ec2/internetGateway:InternetGateway::main is an internet gateway")
    assert finding.why == pack.rules["no-ways-out"].description


def test_an_unknown_is_a_finding_of_its_own_and_does_not_block(pack: PolicyPack) -> None:
    unknown = pulumi.output.Unknown()  # type: ignore[no-untyped-call]
    found = pack.analyze(resource("aws:ec2/subnet:Subnet", "app", {"mapPublicIpOnLaunch": unknown}))
    assert [(f.kind, f.message, f.urn, f.blocks) for f in found] == [
        ("unverified", "cannot be verified before deployment: mapPublicIpOnLaunch", SUBNET.urn, False)
    ]


@pytest.mark.parametrize("how", [["-u", str(PACK)], ["-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)]])
def test_the_pack_starts_as_python_and_as_the_pulumi_cli_start_it(how: list[str]) -> None:
    # https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python/main.go (RunPlugin)
    with subprocess.Popen([sys.executable, *how], stdout=subprocess.PIPE, cwd=PACK) as process:
        assert process.stdout is not None
        channel = grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}")
        info = analyzer_pb2_grpc.AnalyzerStub(channel).GetAnalyzerInfo(empty_pb2.Empty())
        channel.close()
        process.kill()
    assert info.name == "private-inference"


def test_assets_and_references_travel(pack: PolicyPack, archive: Path) -> None:
    made = resource(
        "aws:s3/bucketObjectv2:BucketObjectv2", "model", {"source": pulumi.FileAsset(str(archive)), "nothing": None}
    )
    assert pack.analyze(made) == []


def test_configuration_changes_levels_and_options_and_grants_exceptions() -> None:
    entry = {
        "resource": SUBNET.urn,
        "reason": "the gateway of the laboratory",
        "expires": SOON,
    }
    config = {
        "log-groups-are-kept": {"enforcementLevel": "mandatory", "days": 731},
        "nothing-switched-public": {"exceptions": [entry]},
    }
    with PolicyPack(PACK, config) as pack:
        assert pack.analyze(SUBNET) == []
        assert {(f.rule, f.level) for f in pack.analyze(LOG_GROUP)} == {
            ("stores-are-encrypted", "mandatory"),
            ("log-groups-are-kept", "mandatory"),
        }
        exception, option = [f for f in pack.analyze_stack([SUBNET]) if f.kind == "exception"]
    assert option.message == "log-groups-are-kept is configured with days 731.0"
    assert exception.urn == SUBNET.urn
    assert "the gateway of the laboratory" in exception.message
    assert not exception.blocks


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"no-such-rule": "advisory"}, "no-such-rule"),
        ({"no-ways-out": "forbidden"}, "'forbidden' is not a level"),
        ({"log-groups-are-kept": {"days": "many"}}, "days"),
        ({"log-groups-are-kept": {"weeks": 3}}, "weeks"),
        ({"log-groups-are-kept": {"days": 14}}, "days"),
        ({"no-public-ingress": {"blocks": ["0.0.0.0/1"]}}, "blocks"),
        ({"destinations-are-inside": {"accounts": ["*"]}}, "accounts"),
        ({"no-ways-out": {"exceptions": [{"resource": "x::y"}]}}, "exceptions"),
        ({"no-ways-out": "advisory"}, "no-ways-out is lowered from mandatory to advisory"),
        ({"exceptions-in-force": "disabled"}, "exceptions-in-force is lowered from advisory to disabled"),
        ({"all": "advisory"}, "paths-are-as-intended is lowered.*stores-are-encrypted is lowered"),
        ({"all": "disabled"}, "stores-are-encrypted is lowered.*exceptions-in-force is lowered"),
    ],
)
def test_a_wrong_configuration_is_an_error(config: dict[str, Any], said: str) -> None:
    with PolicyPack(PACK, config) as pack, pytest.raises(PolicyPackError, match=said):
        pack.analyze(GATEWAY)


def test_configuration_files(tmp_path: Path) -> None:
    good, bad, list_ = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "list.json"
    good.write_text(json.dumps({"no-ways-out": "advisory"}))
    bad.write_text("{")
    list_.write_text("[]")
    assert read_config(good) == {"no-ways-out": "advisory"}
    for path in (bad, list_, tmp_path / "missing.json"):
        with pytest.raises(PolicyPackError, match=path.name):
            read_config(path)


def test_a_folder_without_a_pack_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyPackError, match=r"PulumiPolicy\.yaml"), PolicyPack(tmp_path):
        pass


def test_a_pack_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "PulumiPolicy.yaml").touch()
    (tmp_path / "__main__.py").write_text("raise SystemExit('there is no such rule')")
    with PolicyPack(tmp_path) as pack, pytest.raises(PolicyPackError, match="there is no such rule"):
        pack.analyze(GATEWAY)


def test_the_pack_ends_with_whoever_started_it() -> None:
    if not hasattr(os, "pidfd_open"):
        pytest.skip("this system can't wait for the end of a process that isn't a child")
    script = (
        "import os\nfrom pathlib import Path\nfrom private_inference.runner.policy_pack import PolicyPack\n"
        f"pack = PolicyPack(Path({str(PACK)!r})).__enter__()\npack.rules\n"
        "print(pack._process.pid, flush=True)\nos.read(0, 1)\nos._exit(1)\n"
    )
    asking = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    assert asking.stdout is not None
    pack = os.pidfd_open(int(asking.stdout.readline()))
    asking.communicate(b"go")
    ended, _, _ = select.select([pack], [], [], 20)
    os.close(pack)
    assert ended, "the pack is still running"


def program() -> None:
    vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", enable_dns_hostnames=True)
    gateway = aws.ec2.InternetGateway("main", vpc_id=vpc.id)
    aws.ec2.RouteTable("after", vpc_id=vpc.id, opts=pulumi.ResourceOptions(depends_on=[gateway]))


class Guarded(RecordingEngine):
    """A recording engine behind a guard: what the program asks goes through the pack first."""

    def __init__(self, pack: PolicyPack, *, enforce: bool) -> None:
        super().__init__()
        self._guard = GuardedEngine(RecordingEngine(), pack, enforce=enforce)

    @property
    def findings(self) -> list[str]:
        return [finding.rule for finding in self._guard.findings]

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        made = self._guard.create(resource)
        self.created.append(resource)
        return made


def test_nothing_is_created_after_a_mandatory_violation(pack: PolicyPack) -> None:
    engine = Guarded(pack, enforce=True)
    with pytest.raises(PolicyViolationError, match="is an internet gateway"):
        record_part(program, engine)
    assert [resource.name for resource in engine.created if resource.custom] == ["network"]


def test_a_check_goes_on_and_says_everything(pack: PolicyPack) -> None:
    engine = Guarded(pack, enforce=False)
    record_part(program, engine)
    assert {"network", "main", "after"} <= {resource.name for resource in engine.created}
    assert engine.findings == ["no-ways-out"]


def test_what_a_remote_component_is_made_of_is_judged_before_it_is_created(pack: PolicyPack) -> None:
    def registry() -> None:
        awsx.ecr.Repository("images", image_tag_mutability="MUTABLE")

    engine = Guarded(pack, enforce=True)
    with pytest.raises(PolicyViolationError) as caught:
        record_part(registry, engine)
    assert [resource.type for resource in engine.created if resource.type.startswith("aws")] == ["awsx:ecr:Repository"]
    rules = {finding.rule for finding in caught.value.findings}
    assert {"guards-stay-on", "stores-are-encrypted"} <= rules


def test_the_least_stack_passes_its_preview(pack: PolicyPack, archive: Path) -> None:
    engine = GuardedEngine(PreviewEngine(REGION), pack)
    run = run_program(stack_config(minimal(archive)), engine, preview=True)
    found = engine.findings + pack.analyze_stack(run.all_resources)
    assert [finding for finding in found if finding.blocks] == []
    assert {finding.kind for finding in found} == {"violation", "unverified"}
    assert {finding.rule for finding in found if finding.kind == "violation"} == {"stores-are-kept"}
