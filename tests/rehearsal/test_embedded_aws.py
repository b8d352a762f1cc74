"""The embedded AWS's life: quick to start, on loopback only, gone with whoever started it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from private_inference.rehearsal.embedded_aws import EmbeddedAws, ServerProcess
from tests.rehearsal.test_model_server import ask, serve

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def _in_a_process_of_its_own() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("private_inference.rehearsal.embedded_aws.ServerProcess", ServerProcess)
        yield


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def gone(port: int) -> bool:
    """Whether nothing listens any more, soon: a busy machine may take seconds to end a process."""
    until = time.monotonic() + 20
    while answers(port):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def test_it_is_gone_when_the_context_ends() -> None:
    with EmbeddedAws("eu-west-1") as aws:
        port = port_of(aws.endpoint_url)
        assert answers(port)
    assert gone(port)


def test_it_leaves_nothing_behind(archive: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with EmbeddedAws("eu-west-1") as aws:
        ask(aws, serve(aws, archive))
        assert list(tmp_path.rglob("xgboost-model"))
    assert list(tmp_path.iterdir()) == []


def test_it_ends_when_the_process_that_started_it_is_killed() -> None:
    program = (
        "import time\nfrom private_inference.rehearsal.embedded_aws import EmbeddedAws\n"
        "with EmbeddedAws('eu-west-1') as aws:\n    print(aws.endpoint_url, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        assert parent.stdout is not None
        port = port_of(parent.stdout.readline().strip())
        assert answers(port)
        parent.kill()
    assert gone(port)


def test_any_client_finds_it_by_the_environment(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    client = boto3.session.Session().client("sts")
    assert client.meta.endpoint_url == aws.endpoint_url
    assert client.meta.region_name == "eu-west-1"
    assert client.get_caller_identity()["Account"]


def test_a_profile_of_this_machine_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with EmbeddedAws("eu-west-1") as aws:
        assert aws.client("sts").get_caller_identity()["Account"]


def test_what_hears_of_a_change_finds_what_it_left_and_no_more() -> None:
    with EmbeddedAws("eu-west-1") as aws:
        found: list[int] = []

        def listen(service: str, operation: str, sent: Mapping[str, Any]) -> None:
            found.append(len(aws.client("sns").list_topics()["Topics"]))

        aws.on_change(listen)

        def make(number: int) -> None:
            aws.client("sns").create_topic(Name=f"topic-{number}")
            with pytest.raises(ClientError):  # refused: nobody hears of it, and nobody waits for it any longer
                aws.client("sns").create_topic(Name="no such name")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, range(40)))
        assert found == list(range(1, 41))


def test_clients_are_shared(aws: EmbeddedAws) -> None:
    assert aws.client("sts") is aws.client("sts")


@pytest.mark.parametrize("gateway", ["vgw-0a1b2c3d4e5f60718", "tgw-0a1b2c3d4e5f60718"])
def test_it_has_the_gateways_it_is_given(gateway: str) -> None:
    with EmbeddedAws("eu-west-1", gateways=[gateway]) as aws:
        ec2 = aws.client("ec2")
        found = (
            ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"][0]["TransitGatewayId"]
            if gateway.startswith("tgw")
            else ec2.describe_vpn_gateways(VpnGatewayIds=[gateway])["VpnGateways"][0]["VpnGatewayId"]
        )
        assert found == gateway
