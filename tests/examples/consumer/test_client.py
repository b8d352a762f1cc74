"""The boto3 client: the contract from a file or from SSM, the real model, and every way to fail said plainly."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})
PARAMETER = "/private-inference/dev/contract/triage"


@pytest.fixture
def ssm_url(monkeypatch: pytest.MonkeyPatch) -> Any:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", url)
    yield url
    boto3.client("ssm").delete_parameters(Names=[PARAMETER])
    server.stop()


@pytest.fixture
def expected(build: Path) -> list[float]:
    return [prediction["score"] for prediction in json.loads((build / "expected.json").read_text())["predictions"]]


@pytest.fixture
def sample(build: Path) -> str:
    return str(build / "sample.csv")


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


def failure(consumer: Any, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the client says on stderr when it fails; it says nothing on stdout then, and no account anywhere."""
    assert consumer.client.main(arguments) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "123456789012" not in output.err
    assert "Traceback" not in output.err
    return output.err


def test_the_command_of_the_readme(
    consumer: Any, document: dict[str, Any], ssm_url: str, runtime_url: str, sample: str, expected: list[float]
) -> None:
    boto3.client("ssm").put_parameter(Name=PARAMETER, Value=json.dumps(document), Type="String")
    run = subprocess.run(
        [sys.executable, "client.py", "--stack", "dev", "--endpoint", "triage", sample],
        cwd=consumer.path,
        env=os.environ | {"AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime_url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert [float(line) for line in run.stdout.splitlines()] == expected


def test_a_contract_file_and_the_endpoint_s_own_url(
    consumer: Any,
    contract_file: Path,
    runtime_url: str,
    sample: str,
    expected: list[float],
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--contract", str(contract_file), "--endpoint", "triage", "--endpoint-url", runtime_url, sample]
    assert consumer.client.main(arguments) == 0
    assert [float(line) for line in capsys.readouterr().out.splitlines()] == expected


def test_the_region_is_the_contract_s(
    consumer: Any, document: dict[str, Any], runtime_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    contract = consumer.contract.Contract.read(document)
    row = b",".join([b"1"] * 30)
    assert len(consumer.client.score(contract, "triage", row, runtime_url)) == 1


def test_an_unknown_stack(consumer: Any, ssm_url: str, sample: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = failure(consumer, capsys, "--stack", "dve", "--endpoint", "triage", sample)
    assert "/private-inference/dve/contract/triage was refused (ParameterNotFound): is the endpoint deployed" in message


def test_ssm_out_of_reach(
    consumer: Any, sample: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", closed_port())
    monkeypatch.setattr(consumer.client, "CONFIG", consumer.client.CONFIG.merge(ONE_ATTEMPT))
    message = failure(consumer, capsys, "--stack", "dev", "--endpoint", "triage", sample)
    assert "can't be reached from here" in message
    assert "`ssm` interface endpoint" in message
    assert "--contract" in message


def test_the_runtime_out_of_reach(
    consumer: Any,
    contract_file: Path,
    sample: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(consumer.client, "CONFIG", consumer.client.CONFIG.merge(ONE_ATTEMPT))
    message = failure(
        consumer,
        capsys,
        *("--contract", str(contract_file), "--endpoint", "triage", "--endpoint-url", closed_port(), sample),
    )
    assert "client security group" in message
    assert "--endpoint-url https://vpce-0a-1.runtime.sagemaker.eu-west-1.vpce.amazonaws.com" in message


def test_no_region(
    consumer: Any, sample: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "You must specify a region" in failure(consumer, capsys, "--stack", "dev", "--endpoint", "triage", sample)


def test_no_credentials(
    consumer: Any,
    contract_file: Path,
    runtime_url: str,
    sample: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    message = failure(
        consumer,
        capsys,
        *("--contract", str(contract_file), "--endpoint", "triage", "--endpoint-url", runtime_url, sample),
    )
    assert "Unable to locate credentials" in message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"contractVersion": "2"}, "contractVersion is '2'"),
        ({"endpoints": {}}, "no endpoint 'triage'; it has: none"),
        ({"region": None}, "region"),
    ],
)
def test_a_contract_that_can_t_be_used(
    consumer: Any,
    document: dict[str, Any],
    change: dict[str, Any],
    reason: str,
    sample: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document | change))
    assert reason in failure(consumer, capsys, "--contract", str(path), "--endpoint", "triage", sample)


@pytest.mark.parametrize(("content", "reason"), [("{", "is not JSON"), ("[]", "not a JSON object"), (None, "No such")])
def test_a_file_that_is_no_contract(
    consumer: Any,
    content: str | None,
    reason: str,
    sample: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "contract.json"
    if content is not None:
        path.write_text(content)
    assert reason in failure(consumer, capsys, "--contract", str(path), "--endpoint", "triage", sample)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (None, "No such file"),
        (b"\n", "has no rows"),
        (b"1" * 6_291_457, "has 6,291,457 bytes, a request carries 6,291,456"),
    ],
)
def test_rows_that_can_t_be_sent(
    consumer: Any,
    contract_file: Path,
    rows: bytes | None,
    reason: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "rows.csv"
    if rows is not None:
        path.write_bytes(rows)
    assert reason in failure(consumer, capsys, "--contract", str(contract_file), "--endpoint", "triage", str(path))


def test_what_the_model_says_is_passed_on(
    consumer: Any, contract_file: Path, runtime_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("1,2,3\n")
    message = failure(
        consumer,
        capsys,
        *("--contract", str(contract_file), "--endpoint", "triage", "--endpoint-url", runtime_url, str(rows)),
    )
    assert "the model answered 400: The body can't be read: a row has 3 values, the model takes 30." in message


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "ValidationError): it is not in service"),
        ("forbidden", "invokePolicyArn"),
        ("other-model", "did not answer"),
    ],
)
def test_an_endpoint_that_refuses_or_answers_something_else_is_explained_without_the_account(
    consumer: Any,
    document: dict[str, Any],
    name: str,
    reason: str,
    runtime_url: str,
    sample: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document["endpoints"]["triage"]["name"] = name
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document))
    message = failure(
        consumer, capsys, *("--contract", str(path), "--endpoint", "triage", "--endpoint-url", runtime_url, sample)
    )
    assert reason in message


def test_an_asynchronous_endpoint_is_not_called(
    consumer: Any, document: dict[str, Any], sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document["endpoints"]["triage"]["mode"] = "asynchronous"
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document))
    assert "triage is asynchronous" in failure(
        consumer, capsys, "--contract", str(path), "--endpoint", "triage", sample
    )


@pytest.mark.parametrize("arguments", [[], ["--stack", "dev", "--contract", "c", "--endpoint", "e", "rows"]])
def test_a_command_line_that_can_t_be_meant(consumer: Any, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        consumer.client.main(arguments)
    assert exit_.value.code == 2


def test_a_call_may_name_one_of_the_variants(
    consumer: Any,
    document: dict[str, Any],
    contract_file: Path,
    runtime_url: str,
    variants: list[str | None],
    sample: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document["endpoints"]["triage"]["variants"] = ["AllTraffic", "challenger"]
    contract_file.write_text(json.dumps(document))
    asked = ["--contract", str(contract_file), "--endpoint", "triage", "--endpoint-url", runtime_url, sample]
    assert consumer.client.main(asked) == 0
    assert consumer.client.main(["--variant", "challenger", *asked]) == 0
    assert variants == [None, "challenger"]
    capsys.readouterr()
    told = failure(consumer, capsys, "--variant", "canary", *asked)
    assert told == "The endpoint triage has no variant 'canary'; it has: AllTraffic, challenger.\n"
    assert len(variants) == 2


def test_a_call_names_a_component_where_there_are_any(
    consumer: Any,
    document: dict[str, Any],
    contract_file: Path,
    runtime_url: str,
    sample: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document["endpoints"]["triage"]["components"] = {"main": "triage-main"}
    contract_file.write_text(json.dumps(document))
    asked = ["--contract", str(contract_file), "--endpoint", "triage", "--endpoint-url", runtime_url, sample]
    contract = consumer.contract.Contract.read(document)
    named = consumer.client.named(contract.endpoint("triage"), None, "main")
    assert named == {"InferenceComponentName": "triage-main"}
    assert consumer.client.main(["--component", "main", *asked]) == 0
    capsys.readouterr()
    for wrong in ([], ["--component", "other"], ["--component", "main", "--variant", "AllTraffic"]):
        told = failure(consumer, capsys, *wrong, *asked)
        assert told == "A call of triage names one of its components (--component): main.\n"
    del document["endpoints"]["triage"]["components"]
    contract_file.write_text(json.dumps(document))
    told = failure(consumer, capsys, "--component", "main", *asked)
    assert told == "The endpoint triage has no components; call it without one.\n"
