"""The example's language model: trained, in the format of Hugging Face, served, and streamed on the platform."""

import importlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from private_inference.rehearsal.language_model import generate
from private_inference.runner.project import load_stack
from private_inference.verification import Verdict, data, roles
from private_inference.verification.checks import evaluate
from private_inference.verification.deployed import Deployed
from private_inference.verification.reader import Reader
from tests.support.recording import ROOT
from tests.verification.verified import Deployment, deployed

pytestmark = pytest.mark.xdist_group("llm")
PROJECT = ROOT / "examples/serving/llm"
PROMPT = {"inputs": "The endpoint ", "parameters": {"max_new_tokens": 24}}


class Example:
    """Its modules, imported as the container imports them: from their folder."""

    def __init__(self) -> None:
        self.decoder, self.train, self.serve = map(importlib.import_module, ("decoder", "train", "serve"))

    def call(self, method: str, path: str, body: bytes = b"", **more: str) -> tuple[int, str, list[bytes]]:
        """Status, type and parts of the server's answer."""
        said: list[Any] = []
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body))} | more
        environ |= {"wsgi.input": io.BytesIO(body)}  # type: ignore[dict-item]
        parts = self.serve.application(environ, lambda status, headers: said.append((status, dict(headers))))
        ((status, headers),) = said
        return int(status.split()[0]), headers["Content-Type"], list(parts)


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROJECT))
        yield Example()
        for name in ("decoder", "train", "serve"):
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def built(example: Example, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has hardly learned, which answers like any."""
    out = tmp_path_factory.mktemp("llm")
    losses = example.train.build(out, steps=40)
    assert losses[-1] < losses[0] - 1
    return Path(out)


@pytest.fixture(scope="module")
def served(example: Example, built: Path) -> Iterator[Example]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_DIR", str(built / "model"))
        yield example
        example.serve.model.cache_clear()


def test_gradients_are_the_slopes_of_the_loss(example: Example) -> None:
    shape, random = example.decoder.Shape(8, 2, 2, 12), np.random.default_rng(1)
    weights = {
        name: each + random.normal(0, 0.1, each.shape) for name, each in example.train.initial(shape, random).items()
    }
    texts, step = random.integers(0, 256, (3, 9)), 1e-4
    _, gradient = example.train.loss_and_gradient(weights, texts, shape)
    for name, value in weights.items():
        at = (int(texts[0, 0]), 3) if name == "transformer.wte.weight" else tuple(size // 2 for size in value.shape)
        losses = []
        for change in (step, -2 * step, step):
            value[at] += change
            losses.append(example.train.loss_and_gradient(weights, texts, shape)[0])
        assert gradient[name][at] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-7), name


def test_the_server_says_that_it_is_ready_and_what_comes_next(served: Example) -> None:
    assert served.call("GET", "/ping")[0] == 200
    status, kind, parts = served.call("POST", "/invocations", json.dumps(PROMPT).encode())
    assert (status, kind) == (200, "application/json")
    text = json.loads(b"".join(parts))["generated_text"]
    status, kind, parts = served.call("POST", "/invocations", json.dumps(PROMPT | {"stream": True}).encode())
    assert (status, kind, len(parts)) == (200, "application/jsonlines", 24)
    assert "".join(json.loads(part)["token"]["text"] for part in parts) == text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", b"", 404),
        ("POST", "/invocations", b"The endpoint", 400),
        ("POST", "/invocations", b'{"inputs": 1}', 422),
        ("POST", "/invocations", b'{"inputs": "", "parameters": {"max_new_tokens": 0}}', 422),
    ],
)
def test_what_it_can_not_answer_is_told(served: Example, method: str, path: str, body: bytes, status: int) -> None:
    assert served.call(method, path, body)[0] == status


def test_the_rehearsal_computes_what_the_server_does(served: Example, built: Path) -> None:
    _, _, parts = served.call("POST", "/invocations", json.dumps(PROMPT).encode())
    kind, said = generate(built / "model", "application/json", json.dumps(PROMPT).encode())
    assert (kind, json.loads(b"".join(said))) == ("application/json", json.loads(b"".join(parts)))


@pytest.fixture(scope="module")
def platform(built: Path) -> Iterator[Deployment]:
    with serving(built, "llm") as deployment:
        yield deployment


@contextmanager
def serving(model: Path, stack: str) -> Iterator[Deployment]:
    """A stack of the examples, deployed with a model that was trained for the tests."""
    config = load_stack(ROOT, f"examples/stacks/{stack}/Pulumi.{stack}.yaml")
    values = {key: value.replace("examples/serving/llm/build", str(model)) for key, value in config.values.items()}
    with deployed(replace(config, values=values)) as deployment:
        yield deployment


def test_a_client_has_its_words_as_they_come(platform: Deployment, served: Example) -> None:
    command = ["streaming.py", "--stack", "llm", "--endpoint", "assistant", "--max-new-tokens", "24", PROMPT["inputs"]]
    result = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=ROOT / "examples/consumer",
        env={**os.environ, **platform.aws.environment()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    _, _, parts = served.call("POST", "/invocations", json.dumps(PROMPT).encode())
    assert result.stdout == json.loads(b"".join(parts))["generated_text"] + "\n"


def test_every_token_is_an_event_of_its_own(platform: Deployment) -> None:
    call, body = platform.client("sagemaker-runtime").invoke_endpoint_with_response_stream, PROMPT | {"stream": True}
    answer = call(EndpointName="assistant", ContentType="application/json", Body=json.dumps(body).encode())
    assert answer["ContentType"] == "application/jsonlines"
    assert len([event["PayloadPart"]["Bytes"] for event in answer["Body"]]) == 24


@contextmanager
def another_file(stack: Deployment) -> Iterator[None]:
    s3, (bucket, key) = stack.client("s3"), _place(stack)
    before = s3.get_object(Bucket=bucket, Key=f"{key}config.json")["Body"].read()
    sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": stack.key}
    s3.put_object(Bucket=bucket, Key=f"{key}config.json", Body=before + b" ", **sealed)
    yield
    s3.put_object(Bucket=bucket, Key=f"{key}config.json", Body=before, **sealed)


@contextmanager
def one_file_more(stack: Deployment) -> Iterator[None]:
    s3, (bucket, key) = stack.client("s3"), _place(stack)
    s3.put_object(Bucket=bucket, Key=f"{key}x.py", Body=b"", ServerSideEncryption="aws:kms", SSEKMSKeyId=stack.key)
    yield
    s3.delete_object(Bucket=bucket, Key=f"{key}x.py")


@contextmanager
def whole_bucket_listed(stack: Deployment) -> Iterator[None]:
    iam, role = stack.client("iam"), stack.model("assistant")["ExecutionRoleArn"].rpartition("/")[2]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    found = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    name = next(name for name, content in found.items() if "s3:ListBucket" in json.dumps(content))
    wider = json.loads(json.dumps(found[name]))
    next(each for each in wider["Statement"] if each["Action"] == ["s3:ListBucket"]).pop("Condition")
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(wider))
    yield
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(found[name]))


def _place(stack: Deployment) -> tuple[str, str]:
    source = stack.model("assistant")["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    bucket, _, key = source["S3Uri"].removeprefix("s3://").partition("/")
    return bucket, key


@pytest.mark.parametrize(
    ("broken", "missed"),
    [
        (another_file, "model/: there, the same to the last bit, and under the data key"),
        (one_file_more, "model/: there, the same to the last bit, and under the data key"),
        (whole_bucket_listed, "its role reaches what it serves, and nothing else"),
    ],
)
def test_what_is_not_as_it_was_uploaded_is_found(platform: Deployment, broken: Callable[..., Any], missed: str) -> None:
    with broken(platform):
        stack, (endpoint,) = Deployed(platform.desired, Reader(platform.client)), platform.desired.settings.endpoints
        checks = [evaluate(each) for each in (*data.assertions(stack), *roles.assertions(stack, endpoint))]
    (failure,) = (each.asked for each in checks if each.verdict is not Verdict.OK)
    assert failure.endswith(missed)
