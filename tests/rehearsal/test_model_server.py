"""Models behind the embedded endpoints, asked through the runtime client."""

import csv
import io
import json
from typing import Any

import pytest
import xgboost
from botocore.exceptions import ClientError

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from tests.rehearsal.conftest import packed
from tests.rehearsal.test_patches import REGION, role, unique

Rows = list[list[float]]
ROWS: Rows = [[2.0, 1.0], [12.0, 1.0], [19.0, 1.0]]


def serve(aws: EmbeddedAws, archive: bytes) -> str:
    """An endpoint for an archive; its name."""
    s3, sagemaker, name = aws.client("s3"), aws.client("sagemaker"), unique("served")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=archive)
    container = {"Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1", "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(aws), PrimaryContainer=container)
    variant = {"VariantName": "only", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return name


def ask(aws: EmbeddedAws, name: str, **more: Any) -> Any:
    body = io.StringIO()
    csv.writer(body, lineterminator="\n").writerows(ROWS)
    request = {"ContentType": "text/csv", "Body": body.getvalue().encode()} | more
    return aws.client("sagemaker-runtime").invoke_endpoint(EndpointName=name, **request)


def test_predictions_are_those_of_the_model(aws: EmbeddedAws, archive: bytes, booster: xgboost.Booster) -> None:
    answer = ask(aws, serve(aws, archive))
    scores = [float(line) for line in answer["Body"].read().split()]
    assert scores == pytest.approx(booster.predict(xgboost.DMatrix(ROWS)).tolist())
    assert (answer["InvokedProductionVariant"], answer["ContentType"]) == ("only", "text/csv")


def test_another_answer_format_can_be_asked_for(aws: EmbeddedAws, archive: bytes) -> None:
    answer = ask(aws, serve(aws, archive), Accept="application/json")
    assert len(json.loads(answer["Body"].read())["predictions"]) == len(ROWS)


def test_a_request_can_be_json_and_leave_a_value_out(
    aws: EmbeddedAws, archive: bytes, booster: xgboost.Booster
) -> None:
    body = json.dumps({"instances": [{"features": [2.0, None]}, {"features": [19.0, 1.0]}]}).encode()
    answer = ask(aws, serve(aws, archive), ContentType="application/json; charset=utf-8", Body=body)
    scores = [entry["score"] for entry in json.loads(answer["Body"].read())["predictions"]]
    rows = xgboost.DMatrix([[2.0, float("nan")], [19.0, 1.0]])
    assert scores == pytest.approx(booster.predict(rows).tolist())


def test_a_changed_archive_is_a_changed_model(aws: EmbeddedAws, archive: bytes, booster: xgboost.Booster) -> None:
    flipped = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 2, "base_score": 0.5},
        xgboost.DMatrix([[float(value), 1.0] for value in range(20)], label=[float(v < 10) for v in range(20)]),
        5,
    )
    other = packed({"xgboost-model": bytes(flipped.save_raw())})
    first, second = (
        [float(line) for line in ask(aws, serve(aws, content))["Body"].read().split()] for content in (archive, other)
    )
    assert first[0] < 0.5 < first[-1]
    assert second[0] > 0.5 > second[-1]


@pytest.mark.parametrize(
    ("content", "asked", "status", "told"),
    [
        (packed({"weights.bin": b""}), {}, 500, "xgboost-model"),
        (b"no archive", {}, 500, "can't be run|this is none"),
        (None, {"ContentType": "image/png"}, 415, "image/png"),
        (None, {"Body": b"1,2,3\n"}, 400, "3 values, the model takes 2"),
        (None, {"Body": b"1,2\n3\n"}, 400, "rows of numbers"),
        (None, {"Body": b"1,1e40\n"}, 400, "rows of numbers"),
        (None, {"Body": b"{}", "ContentType": "application/json"}, 400, "rows of numbers"),
        (None, {"Accept": "image/png"}, 406, "image/png"),
        (None, {"Body": b"\xff\xfe"}, 400, "UTF-8"),
    ],
    # An archive holds the time it was packed at: as part of a name it would differ between two workers.
    ids=[
        "no model inside",
        "no archive",
        "content type",
        "number of features",
        "ragged",
        "too large",
        "no instances",
        "accept",
        "no text",
    ],
)
def test_what_the_model_refuses_is_a_model_error(
    aws: EmbeddedAws, archive: bytes, content: bytes | None, asked: dict[str, Any], status: int, told: str
) -> None:
    with pytest.raises(ClientError, match=told) as raised:
        ask(aws, serve(aws, archive if content is None else content), **asked)
    answer: Any = raised.value.response
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == status


def test_an_unknown_variant_is_refused(aws: EmbeddedAws, archive: bytes) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*Variant blue"):
        ask(aws, serve(aws, archive), TargetVariant="blue")
