"""Train the triage model and pack it as the SageMaker XGBoost container 3.0-5 expects it.

The container, in algorithm mode, loads every file of the unpacked archive as a model (ensembles are on by default),
first as a pickle, then with `xgboost.Booster.load_model` (aws/sagemaker-xgboost-container, `serve_utils.py`). So the
archive holds one file, `xgboost-model`, in XGBoost's own UBJSON format, which is never a pickle.

The stack uploads an artifact under its digest: the same training gives the same bytes, and with them the same model.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xgboost
from sklearn.datasets import load_breast_cancer

MODEL_FILE = "xgboost-model"
HELD_OUT_EVERY = 5
SAMPLE_EVERY = 10
ROUNDS = 60
DEPTH = 3
CHALLENGER = "challenger"
CHALLENGER_DEPTH = 5
CALIBRATION = "calibration"
CALIBRATION_ROUNDS = 10
PARAMETERS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "learning_rate": 0.2,
    "seed": 7,
    # Sums of floats depend on the order in which threads add them.
    "nthread": 1,
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one training made.

    `accuracy` and `sensitivity` (the share of malignant tumours that were found) are fractions of the held-out rows.
    """

    artifact: Path
    sha256: str
    held_out: int
    accuracy: float
    sensitivity: float


def load_data() -> tuple[Floats, Floats]:
    """The breast cancer data of Wolberg, Street and Mangasarian that scikit-learn ships: (569, 30) and (569,).

    The label is 1 for malignant: scikit-learn's own target has it the other way round.
    """
    features, target = load_breast_cancer(return_X_y=True)
    return features, 1.0 - target


def train(features: Floats, labels: Floats, depth: int = DEPTH) -> bytes:
    """A model of P(malignant), of trees of that depth, serialized as UBJSON."""
    parameters = {**PARAMETERS, "max_depth": depth}
    booster = xgboost.train(parameters, xgboost.DMatrix(features, labels, nthread=1), num_boost_round=ROUNDS)
    return bytes(booster.save_raw("ubj"))


def train_calibration(scores: Floats, labels: Floats) -> bytes:
    """A small model of P(malignant) given the score of another one, which never falls as that rises."""
    parameters = {**PARAMETERS, "max_depth": 2, "monotone_constraints": "(1)"}
    rows = xgboost.DMatrix(scores.reshape(-1, 1), labels, nthread=1)
    return bytes(xgboost.train(parameters, rows, num_boost_round=CALIBRATION_ROUNDS).save_raw("ubj"))


def predict(model: bytes, features: Floats) -> npt.NDArray[np.float32]:
    """P(malignant) of each row, by the model as it was serialized."""
    scores: npt.NDArray[np.float32] = xgboost.Booster({"nthread": 1}, model_file=bytearray(model)).predict(
        xgboost.DMatrix(features, nthread=1)
    )
    return scores


def pack(model: bytes) -> bytes:
    """`model.tar.gz` with the model in its root; no time, owner or file name of this machine is in it."""
    member = tarfile.TarInfo(MODEL_FILE)
    member.size = len(model)
    member.mode = 0o644
    archive = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=archive, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        tar.addfile(member, io.BytesIO(model))
    return archive.getvalue()


def build(out: Path, depth: int = DEPTH) -> Report:
    """Train a model of trees of that depth, and write to `out`:

    - `model.tar.gz`: the artifact;
    - `sample.csv`: some of the held-out rows as a text/csv request, without label or header;
    - `expected.json`: the answer to that request, as the container gives it to `Accept: application/json`.
    """
    features, labels = load_data()
    held_out = np.arange(len(labels)) % HELD_OUT_EVERY == 0
    model = train(features[~held_out], labels[~held_out], depth)
    report = _write(out, model, predict(model, features[held_out]), labels[held_out])
    sample = features[held_out][::SAMPLE_EVERY].tolist()
    (out / "sample.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in sample))
    return report


def build_calibration(out: Path) -> Report:
    """Train what comes after the first model in a pipeline, and write its `model.tar.gz` and `expected.json` to `out`.

    That is the answer of both to the first model's sample.
    """
    features, labels = load_data()
    held_out = np.arange(len(labels)) % HELD_OUT_EVERY == 0
    first = train(features[~held_out], labels[~held_out])
    model = train_calibration(predict(first, features[~held_out]).astype(np.float64), labels[~held_out])
    scores = predict(first, features[held_out]).astype(np.float64)
    return _write(out, model, predict(model, scores.reshape(-1, 1)), labels[held_out])


def _write(out: Path, model: bytes, scores: npt.NDArray[np.float32], labels: Floats) -> Report:
    """A model, and its answer to the sample; `scores` are those of all held-out rows, whose labels are `labels`."""
    artifact, positive = pack(model), labels == 1
    hits = (scores > 0.5) == positive
    out.mkdir(parents=True, exist_ok=True)
    path = out / "model.tar.gz"
    path.write_bytes(artifact)
    expected = [{"score": score} for score in scores[::SAMPLE_EVERY].tolist()]
    (out / "expected.json").write_text(json.dumps({"predictions": expected}, indent=1) + "\n")
    return Report(
        artifact=path,
        sha256=hashlib.sha256(artifact).hexdigest(),
        held_out=len(labels),
        accuracy=float(hits.mean()),
        sensitivity=float(hits[positive].mean()),
    )


def main() -> None:
    """`train.py [--out DIR]`"""
    parser = argparse.ArgumentParser(description="Train the triage model and pack it for SageMaker.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "build", metavar="DIR", help="default: %(default)s"
    )
    out = parser.parse_args().out
    for report in (build(out), build(out / CHALLENGER, CHALLENGER_DEPTH), build_calibration(out / CALIBRATION)):
        sys.stdout.write(
            f"{report.artifact}\n"
            f"  sha256       {report.sha256}\n"
            f"  accuracy     {report.accuracy:.3f} on {report.held_out} held-out rows\n"
            f"  sensitivity  {report.sensitivity:.3f} of the malignant ones found\n"
        )


if __name__ == "__main__":
    main()
