"""The application team's project as it stands in its own folder, and a contract such as the platform gives it."""

import copy
import importlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from examples.serving import serve

PROJECT = Path(__file__).parents[3] / "examples" / "consumer"
ACCOUNT = "123456789012"

CONTRACT: dict[str, Any] = {
    "contractVersion": "1",
    "region": "eu-west-1",
    "vpcId": "vpc-0a",
    "appSubnetIds": ["subnet-0a", "subnet-0b"],
    "clientSecurityGroupId": "sg-0a",
    "runtimeEndpoint": {
        "id": "vpce-0a",
        "dnsName": "vpce-0a-1.runtime.sagemaker.eu-west-1.vpce.amazonaws.com",
        "url": "https://runtime.sagemaker.eu-west-1.amazonaws.com",
    },
    "endpoints": {
        "triage": {
            "name": "triage",
            "arn": f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:endpoint/triage",
            "variants": ["AllTraffic"],
            "invokePolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/triage-invoke",
            "mode": "real-time",
            "asyncLocations": None,
        }
    },
    "keyArns": {
        purpose: f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/{purpose}" for purpose in ("data", "logs", "notifications")
    },
    "dashboardUrl": "https://eu-west-1.console.aws.amazon.com/cloudwatch/home",
}


class Consumer:
    """The project's modules, imported as Pulumi and the Lambda runtime import them: from the project's folder."""

    path = PROJECT

    def __init__(self) -> None:
        self.contract, self.access, self.client, self.handler = map(
            importlib.import_module, ("contract", "access", "client", "handler")
        )


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    monkeypatch.syspath_prepend(str(PROJECT))
    return Consumer()


@pytest.fixture
def document() -> dict[str, Any]:
    """A contract that a test may change."""
    return copy.deepcopy(CONTRACT)


@pytest.fixture
def contract_file(document: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document))
    return path


class Runtime(BaseHTTPRequestHandler):
    """SageMaker Runtime's InvokeEndpoint with the example's own container behind the endpoint `triage`."""

    model_dir: Path
    variants: list[str | None]
    """What each call named."""

    def do_POST(self) -> None:
        self.variants.append(self.headers["X-Amzn-SageMaker-Target-Variant"])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refusals = {
            "/endpoints/gone/invocations": (400, "ValidationError", f"Endpoint gone of account {ACCOUNT} not found."),
            "/endpoints/forbidden/invocations": (403, "AccessDeniedException", f"arn:aws:sts::{ACCOUNT}:user is not."),
        }
        if refusal := refusals.get(self.path):
            status, code, message = refusal
            self.answer(status, json.dumps({"Message": message}).encode(), {"x-amzn-ErrorType": code})
            return
        if self.path == "/endpoints/other-model/invocations":
            self.answer(200, b"[1.0]", {"Content-Type": "application/json"})
            return
        assert self.path == "/endpoints/triage/invocations"
        assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert "/eu-west-1/sagemaker/" in self.headers["Authorization"]
        try:
            content_type, answer = serve.predict(
                self.model_dir, self.headers["Content-Type"], body, self.headers["Accept"]
            )
        except serve.RequestError as error:
            problem = {
                "Message": f'Received client error ({error.status}) from primary with message "{error}\n"',
                "OriginalStatusCode": error.status,
                "OriginalMessage": f"{error}\n",
            }
            self.answer(424, json.dumps(problem).encode(), {"x-amzn-ErrorType": "ModelError"})
        else:
            self.answer(200, answer, {"Content-Type": content_type})

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Says nothing."""


@pytest.fixture
def variants() -> list[str | None]:
    """The variant that each call of the runtime has named."""
    return []


@pytest.fixture
def runtime_url(model_dir: Path, variants: list[str | None]) -> Iterator[str]:
    handler = type("RuntimeOfTheModel", (Runtime,), {"model_dir": model_dir, "variants": variants})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials of nobody, and none of this machine's AWS configuration."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    # The default session keeps the credentials that it found first.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
