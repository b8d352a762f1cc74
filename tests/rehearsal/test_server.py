"""The server's own part: requests are answered in turn, and a slow one holds up nobody."""

import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.server import one_at_a_time


def test_requests_are_answered_in_turn() -> None:
    inside, overlapped, together = [], [], threading.Barrier(2)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        inside.append(environ["n"])
        overlapped.append(len(inside) > 1)
        threading.Event().wait(0.01)
        inside.pop()
        return [b""]

    served = one_at_a_time(application)

    def ask(number: int) -> None:
        together.wait()
        served({"n": number}, lambda *_: None)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlapped == [False, False]


def test_the_application_reads_the_whole_body() -> None:
    seen = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ["wsgi.input"].read())
        return []

    served = one_at_a_time(application)
    served({"CONTENT_LENGTH": "3", "wsgi.input": io.BytesIO(b"abcdef")}, lambda *_: None)
    assert seen == [b"abc"]


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("ec2", "enable_vgw_route_propagation", {"RouteTableId": "rtb-1", "GatewayId": "vgw-1"}),
        ("iam", "simulate_custom_policy", {"PolicyInputList": ["{}"], "ActionNames": ["s3:Get"]}),
        ("sagemaker", "create_workforce", {"WorkforceName": "w"}),
    ],
)
def test_what_moto_can_not_do_is_told_in_each_services_form(
    aws: EmbeddedAws, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="the embedded AWS can't do this: NotImplementedError"):
        getattr(aws.client(service), operation)(**parameters)


def test_a_condition_that_can_not_be_evaluated_is_told_by_s3(aws: EmbeddedAws) -> None:
    s3, late = aws.client("s3"), {"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}
    s3.create_bucket(Bucket="dated", CreateBucketConfiguration={"LocationConstraint": aws.region})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "*",
        "Resource": "arn:aws:s3:::dated/*",
        "Condition": late,
    }
    s3.put_bucket_policy(Bucket="dated", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with pytest.raises(ClientError, match="can't evaluate the condition operator DateGreaterThan"):
        s3.put_object(Bucket="dated", Key="key", Body=b"")


def test_a_client_that_sends_nothing_holds_up_nobody(aws: EmbeddedAws) -> None:
    host, port = aws.endpoint_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stalled:
        stalled.sendall(b"PUT /bucket/key HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 10\r\n\r\n")
        assert aws.client("sts").get_caller_identity()["Account"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address only")
def test_it_listens_on_one_loopback_address_only(aws: EmbeddedAws) -> None:
    port = int(aws.endpoint_url.rpartition(":")[2])
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))  # would be in use, too, if the server listened on every address
