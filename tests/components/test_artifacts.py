"""Model artifacts: a closed, encrypted bucket, and in it objects that are named by their content."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import model_archive, model_directory
from components.artifacts import ArtifactStore, ArtifactStoreArgs
from components.safeguards import Safeguards
from components.storage import StorageArgs
from tests.support.recording import Recorded, record_part
from tests.support.stacks import HERE, endpoint, minimal, model, settings

KEY = HERE.arn("kms", "key/data")


def store(
    archive: Path,
    artifacts: Sequence[Any],
    values: Mapping[str, Any] | None = None,
    *,
    keep: bool = True,
    models: Mapping[str, Any] | None = None,
) -> Recorded:
    """A store of these artifacts, and of a further model, which exports where each of them lies."""
    entries = [
        endpoint(archive, name=f"model-{number}", model=model(archive, artifact=str(artifact)))
        for number, artifact in enumerate(artifacts)
    ]
    entries += [endpoint(archive, name="further", model=models)] if models else []
    read = settings(minimal(archive, artifacts=values or {}, endpoints=entries))

    def program() -> None:
        storage = StorageArgs(settings=read.artifacts, account=HERE, key_arn=KEY, protect=keep, keep=keep)
        made = ArtifactStore(
            "artifacts",
            ArtifactStoreArgs(storage=storage, containers=read.containers, hooks=Safeguards(HERE.region).artifact),
        )
        said = ("uri", "content", "readable")
        artifacts = [made.artifact_of(each) for each in read.containers]
        pulumi.export("artifacts", [{name: getattr(each, name) for name in said} for each in artifacts])

    return record_part(program)


@pytest.fixture(scope="module")
def one(archive: Path) -> Recorded:
    return store(archive, [archive])


@pytest.fixture
def another(archive: Path, tmp_path: Path) -> Path:
    """An archive of other content."""
    path = tmp_path / "model.tar.gz"
    path.write_bytes(archive.read_bytes() + b"\0")
    return path


def test_the_bucket_is_closed_to_the_public(one: Recorded) -> None:
    block = one.one("BucketPublicAccessBlock").properties
    for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        assert block[key] is True
    ownership = one.one("BucketOwnershipControls").properties
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_the_bucket_encrypts_with_the_stacks_key_and_a_bucket_key(one: Recorded) -> None:
    (rule,) = one.one("BucketServerSideEncryptionConfiguration").properties["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    assert rule["bucketKeyEnabled"] is True


def test_replaced_versions_are_kept_for_the_set_days(one: Recorded, archive: Path) -> None:
    assert one.one("BucketVersioning").properties["versioningConfiguration"] == {"status": "Enabled"}
    for recorded, days in ((one, 90), (store(archive, [archive], {"noncurrentDays": 7}), 7)):
        (rule,) = recorded.one("BucketLifecycleConfiguration").properties["rules"]
        assert rule["status"] == "Enabled"
        assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": days}
        assert "expiration" not in rule


def test_everything_is_about_the_one_bucket(one: Recorded) -> None:
    bucket = one.one("Bucket").outputs["bucket"]
    named = [resource for resource in one.resources if "bucket" in resource.properties]
    assert len(named) >= 6
    assert {resource.properties["bucket"] for resource in named} == {bucket}


def test_access_logs_are_an_option(one: Recorded, archive: Path) -> None:
    assert one.all("BucketLogging") == []
    logging = store(archive, [archive], {"accessLogBucket": "central-logs"}).one("BucketLogging").properties
    assert logging["targetBucket"] == "central-logs"
    assert logging["targetPrefix"] == "private-inference/test/"


def test_an_artifact_is_uploaded_encrypted_under_its_content(one: Recorded, archive: Path) -> None:
    uploaded = one.one("BucketObjectv2").properties
    assert uploaded["key"] == f"models/{model_archive.digest(archive)}/model.tar.gz"
    assert uploaded["source"].path == str(archive)
    assert uploaded["serverSideEncryption"] == "aws:kms"
    assert uploaded["kmsKeyId"] == KEY


def test_a_changed_artifact_is_a_new_object_beside_the_old(one: Recorded, archive: Path, another: Path) -> None:
    before, after = one.one("BucketObjectv2"), store(archive, [another]).one("BucketObjectv2")
    assert before.urn != after.urn
    assert before.properties["key"] != after.properties["key"]
    assert before.retain_on_delete


def test_a_moved_artifact_is_the_same_object(one: Recorded, archive: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copy(archive, tmp_path / "renamed.tar.gz"))
    before, after = one.one("BucketObjectv2"), store(archive, [moved]).one("BucketObjectv2")
    assert before.urn == after.urn
    assert before.properties["key"] == after.properties["key"]


def test_models_of_the_same_content_share_one_object(archive: Path, another: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(archive, tmp_path / "copy.tar.gz"))
    recorded = store(archive, [archive, copy, another])
    assert len(recorded.all("BucketObjectv2")) == 2
    first, second, third = recorded.outputs["artifacts"]
    assert first == second
    assert first != third


def test_an_artifact_is_found_where_it_was_uploaded(one: Recorded) -> None:
    bucket, key = one.one("Bucket"), one.one("BucketObjectv2").properties["key"]
    (artifact,) = one.outputs["artifacts"]
    assert artifact["uri"] == f"s3://{bucket.outputs['bucket']}/{key}"
    assert artifact["readable"] == f"{bucket.outputs['arn']}/models/*"


def test_an_artifact_in_s3_stays_where_it_is(archive: Path) -> None:
    recorded = store(archive, ["s3://shared-models/triage/model.tar.gz"])
    assert recorded.all("BucketObjectv2") == []
    object_itself = "arn:aws:s3:::shared-models/triage/model.tar.gz"
    (artifact,) = recorded.outputs["artifacts"]
    assert (artifact["uri"], artifact["readable"]) == ("s3://shared-models/triage/model.tar.gz", object_itself)


def test_nothing_is_uploaded_before_the_bucket_is_closed_encrypted_and_versioned(one: Recorded) -> None:
    waited_for = one.depends_on(one.one("BucketObjectv2"))
    for type_ in (
        "BucketPublicAccessBlock",
        "BucketServerSideEncryptionConfiguration",
        "BucketPolicy",
        "BucketVersioning",
    ):
        assert one.one(type_).urn in waited_for


@pytest.mark.parametrize("keep", [True, False])
def test_destroy_leaves_the_bucket_with_all_that_closes_it_or_nothing(keep: bool, archive: Path) -> None:
    recorded = store(archive, [archive], keep=keep)
    bucket = recorded.one("Bucket")
    assert {resource.retain_on_delete for resource in recorded.resources if resource.custom} == {keep}
    assert bucket.protect == keep
    assert bucket.properties["forceDestroy"] is not keep


def test_a_directorys_files_lie_below_a_prefix_that_is_named_by_their_content(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer" / "vocabulary").write_text("a")
    recorded = store(archive, [f"{tmp_path}/"])
    (found,) = recorded.outputs["artifacts"]
    prefix = f"models/{model_directory.digest(model_directory.files(tmp_path))}/"
    objects = [each.properties for each in recorded.all("BucketObjectv2")]
    assert {each["key"] for each in objects} == {f"{prefix}config.json", f"{prefix}tokenizer/vocabulary"}
    assert all(each["kmsKeyId"] == KEY for each in objects)
    assert found["uri"].endswith(f"/{prefix}")


def test_a_prefix_elsewhere_is_read_as_a_whole(archive: Path) -> None:
    (found,) = store(archive, ["s3://models-of-others/llama/"]).outputs["artifacts"]
    assert found["uri"] == "s3://models-of-others/llama/"
    assert found["readable"] == "arn:aws:s3:::models-of-others/llama/*"
