"""The server's own part: requests are answered in turn and at once, and a slow one holds up nobody."""

import io
import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from werkzeug.serving import WSGIRequestHandler, make_server

from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.server import LOOPBACK, WholeAnswers, one_at_a_time


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
    with pytest.raises(ClientError, match="the embedded AWS can't do this: NotImplementedError") as refused:
        getattr(aws.client(service), operation)(**parameters)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501, "which clients do not ask for again"


def test_a_condition_that_can_not_be_evaluated_is_told_by_s3(aws: EmbeddedAws) -> None:
    s3, late = aws.client("s3"), {"DateLongAfter": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}
    s3.create_bucket(Bucket="dated", CreateBucketConfiguration={"LocationConstraint": aws.region})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "*",
        "Resource": "arn:aws:s3:::dated/*",
        "Condition": late,
    }
    s3.put_bucket_policy(Bucket="dated", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with pytest.raises(ClientError, match="can't evaluate the condition operator DateLongAfter"):
        s3.put_object(Bucket="dated", Key="key", Body=b"")


def connected(aws: EmbeddedAws) -> socket.socket:
    host, port = aws.endpoint_url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"Action=GetCallerIdentity&Version=2011-06-15", b"200"), (b"Action=GetFederationTokens", b"501")],
)
def test_an_answer_is_whole_in_the_first_read(aws: EmbeddedAws, body: bytes, status: bytes) -> None:
    """Whatever comes later is lost to a client that closes the connection early, as the AWS SDK for Go may do."""
    head = (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Authorization: AWS4-HMAC-SHA256 Credential=a/20260101/eu-west-1/sts/aws4_request, Signature=b\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    for _ in range(100):
        with connected(aws) as client:
            client.sendall(head.encode())
            client.sendall(body)
            answered, _, content = client.recv(64 * 1024).partition(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 " + status)
        assert f"Content-Length: {len(content)}\r\n".encode() in answered


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(aws: EmbeddedAws) -> None:
    with connected(aws) as client:
        client.sendall(
            b"PUT /asked-first HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(64 * 1024).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sendall(b" ")
        assert b"HTTP/1.1 " in client.recv(64 * 1024)


def test_a_client_that_has_gone_is_no_error() -> None:
    asked, gone, errors = threading.Event(), threading.Event(), []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        asked.set()
        gone.wait(30)
        start_response("200 OK", [("Content-Length", "1")])
        return [b"1"]

    class Handler(WholeAnswers, WSGIRequestHandler):
        def log(self, *_: Any) -> None:
            """Nothing."""

    with make_server(LOOPBACK, 0, application, request_handler=Handler) as server:
        server.handle_error = lambda *_: errors.append(sys.exc_info()[1])  # type: ignore[method-assign]
        serving = threading.Thread(target=server.handle_request)
        serving.start()
        with socket.create_connection((LOOPBACK, server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close by a reset
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            asked.wait(30)
        gone.set()
        serving.join()
    assert errors == []


def test_a_client_that_sends_nothing_holds_up_nobody(aws: EmbeddedAws) -> None:
    with connected(aws) as stalled:
        stalled.sendall(b"PUT /bucket/key HTTP/1.1\r\nHost: s3.amazonaws.com\r\nContent-Length: 10\r\n\r\n")
        assert aws.client("sts").get_caller_identity()["Account"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address only")
def test_it_listens_on_one_loopback_address_only(aws: EmbeddedAws) -> None:
    port = int(aws.endpoint_url.rpartition(":")[2])
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with socket.socket() as other:
        other.bind(("127.0.0.2", port))  # would be in use, too, if the server listened on every address
