"""Models behind the embedded endpoints, asked through the runtime client."""

import csv
import io
import json
from collections import Counter
from typing import Any

import pytest
import xgboost
from botocore.exceptions import ClientError

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from tests.rehearsal.conftest import packed
from tests.rehearsal.test_patches import REGION, role, unique

Rows = list[list[float]]
ROWS: Rows = [[2.0, 1.0], [12.0, 1.0], [19.0, 1.0]]


def serve(aws: EmbeddedAws, archive: bytes, **model: Any) -> str:
    """An endpoint for an archive, or of another model; its name."""
    s3, sagemaker, name = aws.client("s3"), aws.client("sagemaker"), unique("served")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="model.tar.gz", Body=archive)
    container = {"Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1", "ModelDataUrl": f"s3://{name}/model.tar.gz"}
    made = {"PrimaryContainer": container} | model
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role(aws), **made)
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


def test_a_changed_archive_is_a_changed_model(aws: EmbeddedAws, archive: bytes, other: bytes) -> None:
    first, second = (
        [float(line) for line in ask(aws, serve(aws, content))["Body"].read().split()] for content in (archive, other)
    )
    assert first[0] < 0.5 < first[-1]
    assert second[0] > 0.5 > second[-1]


FLIPPED = {"objective": "binary:logistic", "max_depth": 2, "base_score": 0.5}


@pytest.fixture(scope="module")
def other() -> bytes:
    """The archive of a model that answers the other way round."""
    rows = xgboost.DMatrix([[float(value), 1.0] for value in range(20)], label=[float(v < 10) for v in range(20)])
    return packed({"xgboost-model": bytes(xgboost.train(FLIPPED, rows, 5).save_raw())})


def serve_both(aws: EmbeddedAws, archives: dict[str, bytes], weights: dict[str, float]) -> str:
    """An endpoint with a variant for each archive; its name."""
    name = unique("both")
    variants = [
        {
            "VariantName": variant,
            "ModelName": serve(aws, archive),
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": weights[variant],
        }
        for variant, archive in archives.items()
    ]
    aws.client("sagemaker").create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    return name


def answered(aws: EmbeddedAws, name: str, calls: int) -> Counter[tuple[str, bool]]:
    """Of so many calls: by which variant they were answered, and whether it says that the first row is unlikely."""
    found: Counter[tuple[str, bool]] = Counter()
    for _ in range(calls):
        answer = ask(aws, name)
        first = float(answer["Body"].read().split()[0])
        found[answer["InvokedProductionVariant"], first < 0.5] += 1
    return found


def test_calls_are_split_by_weight_between_two_models(aws: EmbeddedAws, archive: bytes, other: bytes) -> None:
    name = serve_both(aws, {"main": archive, "canary": other}, {"main": 9, "canary": 1})
    assert answered(aws, name, 20) == {("main", True): 18, ("canary", False): 2}
    aws.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "main", "DesiredWeight": 0.0}]
    )
    assert answered(aws, name, 5) == {("canary", False): 5}


def test_a_call_may_name_its_variant_also_one_without_weight(aws: EmbeddedAws, archive: bytes, other: bytes) -> None:
    name = serve_both(aws, {"main": archive, "canary": other}, {"main": 1, "canary": 0})
    assert answered(aws, name, 3) == {("main", True): 3}
    answer = ask(aws, name, TargetVariant="canary")
    assert answer["InvokedProductionVariant"] == "canary"
    assert float(answer["Body"].read().split()[0]) > 0.5


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


def test_an_answer_may_come_part_by_part(aws: EmbeddedAws, archive: bytes) -> None:
    call, name = aws.client("sagemaker-runtime").invoke_endpoint_with_response_stream, serve(aws, archive)
    request = {"EndpointName": name, "ContentType": "text/csv", "Body": b"2,1\n12,1\n"}
    answer = call(**request, Accept="application/json")
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert len(json.loads(b"".join(parts))["predictions"]) == 2
    assert (answer["InvokedProductionVariant"], answer["ContentType"]) == ("only", "application/json")
    with pytest.raises(ClientError, match="ModelError") as raised:
        call(**request | {"ContentType": "image/png"})
    refused: Any = raised.value.response
    assert refused["OriginalStatusCode"] == 415


def test_a_model_may_be_files_below_a_prefix(aws: EmbeddedAws, booster: xgboost.Booster) -> None:
    s3, sagemaker, name = aws.client("s3"), aws.client("sagemaker"), unique("files")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=name, Key="other/xgboost-model", Body=b"none")
    source = {"S3Uri": f"s3://{name}/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    container = {"Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1", "ModelDataSource": {"S3DataSource": source}}
    asked: dict[str, Any] = {"ModelName": name, "ExecutionRoleArn": role(aws), "PrimaryContainer": container}
    with pytest.raises(ClientError, match="Could not find model data"):
        sagemaker.create_model(**asked)
    s3.put_object(Bucket=name, Key="m/xgboost-model", Body=bytes(booster.save_raw()))
    sagemaker.create_model(**asked)
    variant = {"VariantName": "only", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert len(ask(aws, name)["Body"].read().split()) == len(ROWS)
    iam, others = aws.client("iam"), unique("unlisted")
    trust = iam.get_role(RoleName=asked["ExecutionRoleArn"].split("/")[1])["Role"]["AssumeRolePolicyDocument"]
    iam.create_role(RoleName=others, AssumeRolePolicyDocument=json.dumps(trust))
    read = {"Effect": "Allow", "Action": ["s3:GetObject", "ecr:*"], "Resource": "*"}
    iam.put_role_policy(
        RoleName=others, PolicyName="read", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [read]})
    )
    arn = iam.get_role(RoleName=others)["Role"]["Arn"]
    sagemaker.create_model(**asked | {"ModelName": others, "ExecutionRoleArn": arn})
    config = [variant | {"ModelName": others}]
    sagemaker.create_endpoint_config(EndpointConfigName=others, ProductionVariants=config)
    sagemaker.create_endpoint(EndpointName=others, EndpointConfigName=others)
    assert "has s3:ListBucket there" in sagemaker.describe_endpoint(EndpointName=others)["FailureReason"]


@pytest.mark.parametrize(("setting", "kept"), [("Enabled", True), ("Disabled", False)])
def test_a_model_that_was_called_stays_in_memory_unless_that_is_off(
    setting: str, kept: bool, aws: EmbeddedAws, archive: bytes
) -> None:
    name = serve(aws, archive)
    many = {
        "Image": "1.dkr.ecr.eu-west-1.amazonaws.com/x:1",
        "ModelDataUrl": f"s3://{name}/",
        "Mode": "MultiModel",
        "MultiModelConfig": {"ModelCacheSetting": setting},
    }
    again = serve(aws, archive, PrimaryContainer=many)
    assert ask(aws, again, TargetModel="model.tar.gz")["Body"].read()
    aws.client("s3").delete_object(Bucket=name, Key="model.tar.gz")
    if kept:
        assert ask(aws, again, TargetModel="model.tar.gz")["Body"].read()
    else:
        with pytest.raises(ClientError, match="Failed to download model data"):
            ask(aws, again, TargetModel="model.tar.gz")
