"""Containers that load language models stay offline, and what would have them ask the internet is refused."""

from pathlib import Path

import pytest

from components.offline import OFFLINE, refused, refused_files
from tests.support.stacks import endpoint, minimal, model, settings

LMI = {"framework": "lmi", "version": "0.33.0-lmi15.0.0-cu128"}


def test_language_models_are_offline_whatever_else_they_are_given(archive: Path) -> None:
    given = model(archive, image=LMI, environment={"OPTION_MAX_MODEL_LEN": "4096"})
    (entry,) = settings(minimal(archive, endpoints=[endpoint(archive, model=given)])).endpoints
    (variant,) = entry.production_variants
    assert variant.model.served[0].environment == {**OFFLINE, "OPTION_MAX_MODEL_LEN": "4096"}


def test_other_models_get_what_the_settings_say(archive: Path) -> None:
    (entry,) = settings(minimal(archive)).endpoints
    assert entry.production_variants[0].model.served[0].environment == {}


@pytest.mark.parametrize(
    "environment",
    [
        OFFLINE,
        {"HF_MODEL_ID": "/opt/ml/model", "SM_VLLM_MODEL": "/opt/ml/model/base"},
        {"TS_INSTALL_PY_DEP_PER_MODEL": "false", "OPTION_TENSOR_PARALLEL_DEGREE": "max"},
    ],
)
def test_what_stays_inside_is_taken(environment: dict[str, str]) -> None:
    assert list(refused(environment)) == []


def test_what_files_of_a_model_would_fetch_is_told(tmp_path: Path) -> None:
    (tmp_path / "serving.properties").write_text("engine=Python\noption.model_id=/opt/ml/model\n")
    assert list(refused_files(tmp_path)) == []
    (tmp_path / "serving.properties").write_text("option.model_id = Qwen/Qwen3-8B\n")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "requirements.txt").write_text("peft\n")
    packages, hub = refused_files(tmp_path)
    assert packages.startswith(
        "has code/requirements.txt, which containers install at their start, and no package index"
    )
    assert hub.startswith("has serving.properties with option.model_id=Qwen/Qwen3-8B, which is no path, and no hub")
