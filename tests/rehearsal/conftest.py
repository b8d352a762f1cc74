"""Embedded AWSs, and programs to put into them."""

import io
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import xgboost

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.engine import MotoEngine
from private_inference.rehearsal.operations import Operations
from private_inference.runner.program import run_program
from private_inference.runner.project import load_stack
from private_inference.runner.resource import Run

REGION = "eu-west-1"
WEB_ACL = f"arn:aws:wafv2:{REGION}:123456789012:regional/webacl/models/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws(REGION) as embedded:
        yield embedded


@pytest.fixture(scope="session")
def bare() -> Iterator[EmbeddedAws]:
    """moto as it is, without a patch."""
    with EmbeddedAws(REGION, patched=False) as embedded:
        yield embedded


@pytest.fixture(scope="session")
def booster() -> xgboost.Booster:
    """A model of two features that tells rows by their first value."""
    rows = xgboost.DMatrix([[value, 1.0] for value in range(20)], label=[float(value >= 10) for value in range(20)])
    return xgboost.train({"objective": "binary:logistic", "max_depth": 2, "base_score": 0.5}, rows, 5)


@pytest.fixture(scope="session")
def archive(booster: xgboost.Booster, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The model as SageMaker takes it: a gzip'd tar with `xgboost-model` at its root."""
    path = tmp_path_factory.mktemp("model") / "model.ubj"
    booster.save_model(path)
    return packed({"xgboost-model": path.read_bytes()})


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@dataclass(frozen=True)
class Rehearsed:
    """The project beside this file, rehearsed."""

    aws: EmbeddedAws
    run: Run
    seconds: dict[str, float]

    def outputs(self, kind: str, name: str) -> Any:
        return next(item.outputs for item in self.run.resources if (item.type, item.name) == (kind, name))


@pytest.fixture(scope="session")
def rehearsed(archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsed]:
    directory = tmp_path_factory.mktemp("whole") / "project"
    shutil.copytree(Path(__file__).parent / "project", directory)
    (directory / "model.tar.gz").write_bytes(archive)
    seconds: dict[str, float] = {}
    with EmbeddedAws(REGION) as embedded:
        Operations(embedded.endpoint_url).web_acl(WEB_ACL)
        engine = MotoEngine(embedded, on_created=lambda resource, took: seconds.update({resource.urn: took}))
        yield Rehearsed(embedded, run_program(load_stack(directory, "whole"), engine), seconds)


Rehearse = Callable[..., Run]


@pytest.fixture
def rehearse(aws: EmbeddedAws, tmp_path: Path) -> Rehearse:
    """Puts a program, given as its source, into an embedded AWS."""

    def run(source: str, into: EmbeddedAws = aws, **engine: Any) -> Run:
        (tmp_path / "Pulumi.yaml").write_text("name: small\nruntime: python\n")
        (tmp_path / "Pulumi.test.yaml").write_text(f"config:\n  aws:region: {into.region}\n")
        (tmp_path / "__main__.py").write_text(f"import json\nimport pulumi\nimport pulumi_aws as aws\n{source}")
        return run_program(load_stack(tmp_path, "test"), MotoEngine(into, **engine))

    return run
