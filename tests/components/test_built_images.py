"""Images that the stack builds: what Docker is asked for, and what the model names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.built_images import built_images
from components.image_registry import ImageRegistry
from components.settings import SettingsError
from components.storage import StorageArgs
from private_inference.runner.resource import Resource
from tests.support.recording import ACCOUNT, REGION, Recorded, RecordingEngine, record_part
from tests.support.stacks import HERE, endpoint, minimal, model, settings

DIGEST = f"sha256:{'0' * 64}"
BUILT = "docker-build:index:Image"
X86, GRAVITON = "ml.m5.large", "ml.m6g.large"
ARCHITECTURES = {X86: "amd64", "ml.m5.xlarge": "amd64", GRAVITON: "arm64"}


class Docker(RecordingEngine):
    """Builds, and says which digest the image has."""

    def create(self, resource: Resource) -> tuple[str | None, Mapping[str, Any]]:
        identity, outputs = super().create(resource)
        return identity, {**outputs, "digest": DIGEST} if resource.type == BUILT else outputs


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    return tmp_path


def build(archive: Path, directory: Path, *kinds: str) -> Recorded:
    """What is built where an endpoint on each of the types runs the image of one directory."""
    runs = model(archive, image={"build": str(directory)})
    read = settings(
        minimal(
            archive,
            endpoints=[endpoint(archive, name=kind.replace(".", "-"), model=runs, instanceType=kind) for kind in kinds],
        )
    )

    def program() -> None:
        args = StorageArgs(settings=read.artifacts, account=HERE, key_arn="key", protect=True, keep=True)
        found = built_images(read, ARCHITECTURES, ImageRegistry("images", args))
        pulumi.export("uris", [image.uri for image in found.values()])

    return record_part(program, Docker())


def images(run: Recorded) -> list[dict[str, Any]]:
    return [dict(each.properties) for each in run.resources if each.type == BUILT]


@pytest.mark.parametrize(("kind", "architecture"), [(X86, "amd64"), (GRAVITON, "arm64")])
def test_it_is_built_for_the_instances_and_pushed_with_dockers_media_types(
    kind: str, architecture: str, archive: Path, directory: Path
) -> None:
    (image,) = images(build(archive, directory, kind))
    assert image["platforms"] == [f"linux/{architecture}"]
    assert image["tags"][0].endswith(f"-{architecture}")
    (export,) = image["exports"]
    assert export["image"]["push"]
    assert export["image"]["ociMediaTypes"] is False
    assert not image["push"]


def test_the_model_names_it_by_its_digest_in_the_stacks_registry(archive: Path, directory: Path) -> None:
    (uri,) = build(archive, directory, X86).outputs["uris"]
    assert uri == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/private-inference-test@{DIGEST}"


def test_one_directory_is_built_once_and_another_content_has_another_tag(archive: Path, directory: Path) -> None:
    (before,) = images(build(archive, directory, X86, "ml.m5.xlarge"))
    (directory / "serve.py").write_text("pass\n", encoding="utf-8")
    (after,) = images(build(archive, directory, X86))
    assert before["tags"] != after["tags"]


def test_one_directory_for_two_architectures_is_refused(archive: Path, directory: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"endpoints\[1\].model.image.build: .* ml.m6g.large is arm64 where another"
    ):
        build(archive, directory, X86, GRAVITON)


def test_the_stack_has_no_image_to_build_unless_asked(archive: Path) -> None:
    read = settings(minimal(archive))
    assert built_images(read, {X86: "amd64"}, None) == {}  # type: ignore[arg-type] # nothing is pushed anywhere
