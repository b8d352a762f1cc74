"""A model's files on disk."""

import subprocess
from pathlib import Path

import pytest

from components.model_directory import digest, files, manifest, problem_with


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = tmp_path / "model"
    (directory / "tokenizer").mkdir(parents=True)
    (directory / "config.json").write_text("{}")
    (directory / "tokenizer" / "vocabulary").write_bytes(b"\0\1")
    return directory


def test_files_are_named_from_the_directory_on(model: Path) -> None:
    assert problem_with(model) is None
    assert [*files(model)] == ["config.json", "tokenizer/vocabulary"]


def test_the_manifest_is_what_sha256sum_checks(model: Path) -> None:
    command = ["sha256sum", "--check", "--strict", "--quiet"]
    checked = subprocess.run(command, input=manifest(files(model)).encode(), cwd=model, check=False)
    assert checked.returncode == 0


@pytest.mark.parametrize("change", ["content", "name", "more", "fewer"])
def test_whatever_changes_is_another_model(model: Path, change: str) -> None:
    before, config = digest(files(model)), model / "config.json"
    match change:
        case "content":
            config.write_text("{ }")
        case "name":
            config.rename(model / "configuration.json")
        case "more":
            (model / "adapter").write_text("")
        case _:
            config.unlink()
    assert digest(files(model)) != before


def test_a_copy_is_the_same_model(model: Path, tmp_path: Path) -> None:
    before = digest(files(model))
    assert digest(files(model.rename(tmp_path / "elsewhere"))) == before


def test_what_sagemaker_can_not_load_is_told(tmp_path: Path) -> None:
    assert problem_with(tmp_path / "none") == "there is no such directory"
    assert problem_with(tmp_path) == "the directory is empty"
    (tmp_path / " ").write_text("")
    assert problem_with(tmp_path) == "SageMaker takes no file or directory named ' '"
