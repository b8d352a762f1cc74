"""An AWS on this machine: a moto server in a process of its own, and clients for it.

boto3, the AWS CLI and Terraform can use it through the variables of `EmbeddedAws.environment`. It listens on the
loopback address only and ends with the process that started it.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from private_inference.rehearsal.parameter_constraints import check_constraints
from private_inference.runner.aws_facts import EXAMPLE_ACCOUNT

CREDENTIALS: dict[str, str] = {"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "rehearsal"}
"""moto takes any credentials; these can't be mistaken for real ones."""

READS = ("Describe", "List", "Get", "Head", "BatchGet", "Lookup")
"""How the names of calls begin that change nothing."""

SETTINGS: dict[str, str] = {
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # nothing here starts a machine, and images take most of the start
    "MALLOC_ARENA_MAX": "2",  # one request computes at a time: a heap for each connection would only be memory
}


def administrator(account: str) -> dict[str, str]:
    """Credentials for everything in an account, as boto3's sessions take them: the embedded AWS has any account."""
    return {"aws_access_key_id": f"ACCOUNT0{account}", "aws_secret_access_key": account}


@cache
def clients_at(url: str, region: str, account: str) -> Callable[[str], Any]:
    """Takes a service's name and returns its boto3 client, for all of an account in the embedded AWS at `url`."""
    import boto3

    make: Any = boto3.Session
    session = make(region_name=region, **administrator(account))
    return cache(lambda service: session.client(service, endpoint_url=url))


class EmbeddedAwsError(Exception):
    """The embedded AWS did not start; the message holds what it said."""


class ServerProcess:
    """The process of rehearsal/server.py, with its arguments and environment."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "private_inference.rehearsal.server", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env=environment,
            start_new_session=True,  # an interrupt at the terminal reaches the caller, who then leaves in order
        )

    def port(self) -> int:
        """Wait until it can be asked. Raises EmbeddedAwsError if it ended before."""
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
        said = self._process.stdout.readline().strip()
        if not said:
            raise EmbeddedAwsError(f"The embedded AWS ended with exit code {self._process.wait()} before it was ready.")
        return int(said)

    def end(self) -> None:
        """End it, and wait until it has ended."""
        try:
            self._process.communicate(timeout=5)  # closes its standard input
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class EmbeddedAws:
    """One AWS account in one region, alive within `with`.

    `account` is its id; `gateways` are ids of virtual private (vgw-…) and transit gateways (tgw-…) that it has from the
    start.
    `patched=False` serves moto without rehearsal/patches: the tests use it to see that each patch is still needed.
    """

    def __init__(
        self, region: str, *, account: str = EXAMPLE_ACCOUNT, gateways: Sequence[str] = (), patched: bool = True
    ) -> None:
        self.region = region
        self.endpoint_url = ""
        self._arguments = [region, *gateways, *([] if patched else ["--without-patches"])]
        self._account = {"MOTO_ACCOUNT_ID": account}
        self._clients: dict[str, Any] = {}
        self._creating = threading.Lock()

    def __enter__(self) -> Self:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MOTO_"))}
        self._server = ServerProcess(self._arguments, inherited | SETTINGS | self._account | CREDENTIALS)
        self.endpoint_url = f"http://127.0.0.1:{self._server.port()}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.end()

    def environment(self) -> dict[str, str]:
        """The variables with which any AWS client (boto3, the AWS CLI, Terraform) finds this AWS and no other."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            **CREDENTIALS,
        }

    def client(self, service: str) -> Any:
        """The AWS SDK's client of a service, shared by all threads.

        It checks parameters against the service's published lengths, patterns and enumerations, which the SDK leaves to
        AWS and moto does not know; it does not retry, and it reads neither settings nor credentials of this machine.
        """
        with self._creating:
            if service not in self._clients:
                self._clients[service] = self.connect(service)
                if service == "s3control":
                    self._clients[service].meta.events.register("before-send.s3-control", _without_account)
            return self._clients[service]

    def connect(self, service: str, **credentials: str) -> Any:
        """A client of its own, with other credentials than the account's administrator's, if any are given."""
        return self._session.create_client(
            service, region_name=self.region, endpoint_url=self.endpoint_url, config=self._config, **credentials
        )

    def in_account(self, account: str) -> "OtherAccount":
        """Another account of the same AWS, in the same region."""
        return OtherAccount(self, account)

    def signs_with(self, credentials: Mapping[str, str] | None) -> None:
        """Have clients made from now on sign with these credentials (environment variables); None: its own again."""
        given = credentials or CREDENTIALS
        with self._creating:
            self._clients.clear()
            self._session.set_credentials(*given.values())

    def on_change(self, listener: Callable[[str, str, Mapping[str, Any]], None]) -> None:
        """Have `listener` called after each answered call that changes something: service, operation, what was sent.

        It is called in the thread that made the call, and others that change something wait until it is done: what it
        finds is what this call left. Only clients made afterwards are listened to.
        """
        changing = threading.RLock()

        def building(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
            context["sent"] = params

        def sending(model: Any, context: dict[str, Any], **_: Any) -> None:
            if not model.name.startswith(READS):
                changing.acquire()
                context["changing"] = model

        def answered(parsed: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
            if (model := context.pop("changing", None)) is None:
                return
            try:
                if parsed["ResponseMetadata"]["HTTPStatusCode"] < 300:
                    listener(model.service_model.service_name, model.name, context.get("sent", {}))
            finally:
                changing.release()

        def unanswered(context: dict[str, Any], **_: Any) -> None:
            if context.pop("changing", None) is not None:
                changing.release()

        self._session.register("before-parameter-build", building)
        self._session.register("before-call", sending)
        self._session.register("after-call", answered)
        self._session.register("after-call-error", unanswered)

    @cached_property
    def _session(self) -> Any:
        from botocore.session import Session

        nothing = (None, None, None, None)
        files = (None, None, os.devnull, None)
        session = Session({"profile": nothing, "config_file": files, "credentials_file": files})
        session.set_credentials(*CREDENTIALS.values())
        session.register("before-parameter-build", check_constraints)
        return session

    @cached_property
    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            max_pool_connections=16,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )


class OtherAccount:
    """Another account of an embedded AWS, as its administrator sees it."""

    def __init__(self, aws: EmbeddedAws, account: str) -> None:
        self._aws = aws
        self._credentials = administrator(account)

    @property
    def region(self) -> str:
        return self._aws.region

    @cache  # noqa: B019 - it lives as long as its AWS
    def client(self, service: str) -> Any:
        """The AWS SDK's client of a service."""
        return self._aws.connect(service, **self._credentials)


def _without_account(request: Any, **_: Any) -> None:
    """The SDK puts the account before the host, and no such name leads here."""
    account, _, rest = request.url.partition("://")[2].partition(".")
    request.url = request.url.replace(f"{account}.{rest}", rest, 1)
