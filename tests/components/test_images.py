"""Serving images, and the repositories that a role may pull them from."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.image_registry import ImageRegistry
from components.images import ServingImage, serving_image
from components.storage import StorageArgs
from tests.support.recording import ACCOUNT, REGION, record_part
from tests.support.stacks import HERE, endpoint, minimal, model, settings

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
PREBUILT = ServingImage("aws/xgboost:3.0-5", "arn:aws:ecr:us-east-1:683313688378:repository/xgboost")


def resolved(archive: Path, image: dict[str, Any], prebuilt: ServingImage | None = None) -> dict[str, Any]:
    read = settings(minimal(archive, endpoints=[endpoint(archive, model=model(archive, image=image))]))

    def program() -> None:
        registry = ImageRegistry(
            "images",
            StorageArgs(settings=read.artifacts, account=HERE, key_arn="key", protect=True, keep=True),
        )
        found = serving_image(read.containers[0].image, HERE, registry, prebuilt)
        pulumi.export("uri", found.uri)
        pulumi.export("repository", found.repository_arn)

    return dict(record_part(program).outputs)


@pytest.mark.parametrize("name", ["team/serving:1.2", f"team/serving@sha256:{'0' * 64}", "team/serving:1@sha256:0"])
def test_an_image_by_uri_is_pulled_from_its_own_repository(name: str, archive: Path) -> None:
    assert resolved(archive, {"uri": f"{REGISTRY}/{name}"}) == {
        "uri": f"{REGISTRY}/{name}",
        "repository": HERE.arn("ecr", "repository/team/serving"),
    }


def test_a_tag_means_the_registry_of_the_stack(archive: Path) -> None:
    assert resolved(archive, {"repositoryTag": "1.2"}) == {
        "uri": f"{REGISTRY}/private-inference-test:1.2",
        "repository": HERE.arn("ecr", "repository/private-inference-test"),
    }


def test_a_framework_means_awss_own_image(archive: Path) -> None:
    assert resolved(archive, {"framework": "xgboost", "version": "3.0-5"}, PREBUILT) == {
        "uri": PREBUILT.uri,
        "repository": PREBUILT.repository_arn,
    }
