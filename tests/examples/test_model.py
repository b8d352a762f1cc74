"""The artifact is one that the SageMaker XGBoost container 3.0-5 loads, and always the same one."""

import json
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, recall_score

from examples.model import train


def test_training_again_makes_the_same_bytes(tmp_path: Path) -> None:
    artifacts = []
    for run, surroundings in enumerate(({"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "1"})):
        out = tmp_path / str(run)
        command = [sys.executable, train.__file__, "--out", str(out)]
        subprocess.run(command, env=os.environ | surroundings, check=True, capture_output=True, timeout=60)
        artifacts.append((out / "model.tar.gz").read_bytes())
    assert artifacts[0] == artifacts[1]


def test_the_artifact_tells_nothing_of_who_packed_it_and_when() -> None:
    archive = train.pack(b"model")
    assert archive[4:8] == bytes(4), "the gzip header's time"
    assert not archive[3], "the gzip header's flags: no file name, no comment"
    assert archive == train.pack(b"model")


def test_the_container_finds_one_file_and_loads_it_without_pickle(build: Path, model_dir: Path) -> None:
    with tarfile.open(build / "model.tar.gz", "r:gz") as archive:
        members = archive.getmembers()
    # Every file would be loaded as one more model of an ensemble.
    assert [(member.name, member.type) for member in members] == [("xgboost-model", tarfile.REGTYPE)]
    assert (members[0].mtime, members[0].uid, members[0].gid, members[0].uname) == (0, 0, 0, "")

    path = model_dir / "xgboost-model"
    with path.open("rb") as file, pytest.raises(pickle.UnpicklingError):
        pickle.load(file)  # noqa: S301 - the container's first attempt, on a file that was just made here
    booster = xgboost.Booster()
    booster.load_model(path)
    assert booster.num_features() == 30
    assert json.loads(booster.save_config())["learner"]["objective"]["name"] == "binary:logistic"


def test_the_expected_answer_is_the_loaded_model_s(build: Path, model_dir: Path) -> None:
    rows = np.loadtxt(build / "sample.csv", delimiter=",")
    scores = xgboost.Booster(model_file=model_dir / "xgboost-model").predict(xgboost.DMatrix(rows))
    expected = json.loads((build / "expected.json").read_text())
    assert expected == {"predictions": [{"score": score} for score in scores.tolist()]}
    assert {score > 0.5 for score in scores.tolist()} == {True, False}, "the sample has both kinds"


def test_the_label_is_one_for_malignant() -> None:
    _, labels = train.load_data()
    shipped = load_breast_cancer()
    assert [shipped.target_names[target] == "malignant" for target in shipped.target] == [
        label == 1 for label in labels
    ]


def test_the_sample_is_held_out_of_the_training(build: Path, model_dir: Path) -> None:
    features, labels = train.load_data()
    held_out = {row.tobytes() for row in features[:: train.HELD_OUT_EVERY]}
    sample = np.loadtxt(build / "sample.csv", delimiter=",")
    assert {row.tobytes() for row in sample} <= held_out
    kept = np.array([row.tobytes() not in held_out for row in features])
    assert train.train(features[kept], labels[kept]) == (model_dir / "xgboost-model").read_bytes()


def test_the_report_is_measured_on_the_held_out_rows(tmp_path: Path) -> None:
    report = train.build(tmp_path)
    features, labels = train.load_data()
    held_out = slice(None, None, train.HELD_OUT_EVERY)
    with tarfile.open(report.artifact) as archive:
        model = archive.extractfile("xgboost-model")
        assert model is not None
        booster = xgboost.Booster(model_file=bytearray(model.read()))
    predicted = booster.predict(xgboost.DMatrix(features[held_out])) > 0.5
    assert report.held_out == len(predicted)
    assert report.accuracy == pytest.approx(accuracy_score(labels[held_out], predicted))
    assert report.sensitivity == pytest.approx(recall_score(labels[held_out], predicted))
    assert report.accuracy > max(np.mean(labels), 1 - np.mean(labels)), "better than always the more frequent answer"


def test_a_calibrated_score_never_falls_as_the_first_models_rises(tmp_path: Path) -> None:
    with tarfile.open(train.build_calibration(tmp_path).artifact, "r:gz") as archive:
        packed = archive.extractfile(train.MODEL_FILE)
        assert packed is not None
        model = packed.read()
    scores = train.predict(model, np.linspace(0, 1, 50).reshape(-1, 1))
    assert (np.diff(scores) >= 0).all()
    assert scores[0] < 0.5 < scores[-1]
