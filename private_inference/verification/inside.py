"""A caller inside of the stack's network: a function in the app tier, for as long as one verification takes.

It runs as an application team's function does: in the app subnets, with the client group, and with a role that has the
contract's invoke policies and what Lambda needs for network interfaces
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html). Whoever verifies may assume the role, too.
"""

import base64
import io
import json
import secrets
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from private_inference.verification.checks import AbsentError, Result, SkippedError, UnreadableError
from private_inference.verification.desired import Desired
from private_inference.verification.reader import explain

CODE = Path(__file__).with_name("inside_function.py")
TIMEOUT = 90
"""Seconds: a container may take 60, and a cold start comes before."""
PAUSE = 5
KNOWN = 60
"""Seconds in which Lambda may not know yet of a role that has been made."""
INTERFACES_GONE = 1800
"""Seconds. Lambda deletes a function's interfaces up to 20 minutes after it (configuration-vpc.html)."""
TOO_EARLY = ("cannot be assumed by Lambda", "does not have permissions to call")
"""What Lambda says of a role that it does not know yet."""

Removal = tuple[str, Callable[[], object]]


class InsideCaller:
    """Makes its role and function when they are first needed. `remove` has to be called, whatever happened.

    Every method raises UnreadableError, or AbsentError, where AWS refuses.
    """

    def __init__(self, desired: Desired, client: Callable[[str], Any]) -> None:
        self._desired = desired
        self._client = cache(client)
        self._name = f"{desired.name[:48]}-inside-{secrets.token_hex(4)}"
        self._made: list[Removal] = []

    def call(
        self,
        endpoint: str,
        body: bytes,
        content_type: str,
        accept: str,
        *,
        named: Mapping[str, str],
        streaming: bool = False,
    ) -> bytes:
        """The answer of an endpoint to a call from the app subnets, which has these further parameters.

        With `streaming`, its answer comes in parts. Raises RefusedError with AWS's words.
        """
        event = {"endpoint": endpoint, "body": base64.b64encode(body).decode(), "named": dict(named)}
        event |= {"contentType": content_type, "accept": accept}
        return self._asked(event | ({"streaming": "true"} if streaming else {}))

    def call_later(self, event: Mapping[str, str]) -> bytes:
        """The answer to an asynchronous request; `event` is what `inside_function.later` takes."""
        return self._asked(event)

    def call_by_name(
        self,
        url: str,
        authority: str,
        body: bytes,
        content_type: str,
        accept: str,
        *,
        shown: str = "",
        said: Mapping[str, str] | None = None,
    ) -> bytes:
        """The answer to a POST to the front door, whose certificate this authority vouches for, too (PEM).

        It is signed, unless a client's certificate and key (PEM) are shown in place of that, or something is said in
        headers.
        """
        event = {"url": url, "authority": authority, "shown": shown, "said": dict(said or {})}
        event |= {"body": base64.b64encode(body).decode()}
        return self._asked(event | {"contentType": content_type, "accept": accept})

    def _asked(self, event: Mapping[str, Any]) -> bytes:
        with _explained():
            answer = self._client("lambda").invoke(FunctionName=self._function, Payload=json.dumps(event).encode())
            told = json.load(answer["Payload"])
        if "FunctionError" in answer:
            raise UnreadableError(f"the function inside failed: {told.get('errorMessage')}")
        if "error" in told:
            raise RefusedError(f"{told['error']}: {told['message']}")
        return base64.b64decode(told["body"])

    def refused_outside(self, endpoint: str, named: Mapping[str, str], *, inputs: str | None = None) -> Result:
        """What the endpoint answers to the same role's credentials, used where this runs. Raises SkippedError.

        The call names what calls of it have to name, or the endpoint would refuse it for that; `inputs` is where an
        asynchronous endpoint's requests are.
        """
        with _explained():
            role, here = self._role, self._client("sagemaker-runtime").meta
        try:
            found = self._client("sts").assume_role(RoleArn=role, RoleSessionName="verification")["Credentials"]
        except ClientError as error:
            code = error.response["Error"]["Code"]
            raise SkippedError(f"not called: whoever verifies may not assume the role ({code})") from None
        outside = _runtime(here, found)
        try:
            if inputs:
                outside.invoke_endpoint_async(EndpointName=endpoint, InputLocation=f"{inputs}none")
            else:
                outside.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=b"", **named)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise explain(error) from None
            return Result("AccessDeniedException", True)
        except BotoCoreError as error:
            raise explain(error) from None
        return Result("it was let through; or this runs within the VPC", False)

    def remove(self) -> Result:
        """Remove what was made, the last first, and say by name what could not be."""
        while self._made:
            name, removed = self._made[-1]
            why = ""
            try:
                removed()
            except (ClientError, BotoCoreError) as error:
                reason = explain(error)
                why = "" if isinstance(reason, AbsentError) else f"{name} {reason}"
            except _StillThereError as error:
                why = f"{name}: {error}"
            self._made.pop()
            if why:
                left, self._made = [each for each, _ in self._made], []
                return Result(f"left: {'; '.join([why, *left])}", False)
        return Result("nothing is left", True)

    @cached_property
    def _role(self) -> str:
        """The ARN of a role for Lambda, and for whoever verifies."""
        iam, contract = self._client("iam"), self._desired.contract
        caller = self._client("sts").get_caller_identity()["Arn"]
        made = iam.create_role(
            RoleName=self._name,
            Description="A verification's call from inside; it is removed afterwards",
            AssumeRolePolicyDocument=json.dumps(self._trust(caller)),
        )
        self._made.append((f"role {self._name}", partial(iam.delete_role, RoleName=self._name)))
        handed_out = [
            arn for each in contract.endpoints.values() for arn in (each.invoke_policy_arn, each.front_door_policy_arn)
        ]
        for policy in sorted({arn for arn in handed_out if arn}):
            given = {"RoleName": self._name, "PolicyArn": policy}
            iam.attach_role_policy(**given)
            self._made.append((f"policy of {self._name}", partial(iam.detach_role_policy, **given)))
        inline = {"RoleName": self._name, "PolicyName": "interfaces"}
        iam.put_role_policy(**inline, PolicyDocument=json.dumps(self._interfaces()))
        self._made.append((f"interfaces policy of {self._name}", partial(iam.delete_role_policy, **inline)))
        return str(made["Role"]["Arn"])

    @cached_property
    def _function(self) -> str:
        """The name of the function, which can be invoked."""
        role, contract, functions = self._role, self._desired.contract, self._client("lambda")
        asked = {
            "FunctionName": self._name,
            "Role": role,
            "Runtime": "python3.13",
            "Handler": f"{CODE.stem}.handler",
            "Code": {"ZipFile": _zipped(CODE)},
            "Timeout": TIMEOUT,
            "VpcConfig": {
                "SubnetIds": list(contract.app_subnet_ids),
                "SecurityGroupIds": [contract.client_security_group_id],
            },
        }
        if self._desired.settings.private_access.fips:
            asked["Environment"] = {"Variables": {"AWS_USE_FIPS_ENDPOINT": "true"}}
        self._made.append((f"network interfaces of {self._name}", self._await_interfaces))
        _once_known(lambda: functions.create_function(**asked))
        self._made.append((f"function {self._name}", partial(functions.delete_function, FunctionName=self._name)))
        functions.get_waiter("function_active_v2").wait(FunctionName=self._name)
        return self._name

    def _await_interfaces(self) -> None:
        """Wait until Lambda has deleted the function's network interfaces, for which it needs the role.

        An interrupt ends the waiting, no more.
        """
        named = [{"Name": "description", "Values": [f"AWS Lambda VPC ENI-{self._name}-*"]}]
        until = time.monotonic() + INTERFACES_GONE
        while self._client("ec2").describe_network_interfaces(Filters=named)["NetworkInterfaces"]:
            try:
                time.sleep(PAUSE)
                waits = time.monotonic() < until
            except KeyboardInterrupt:
                waits = False
            if not waits:
                raise _StillThereError("Lambda has not deleted them yet; it needs the role for that")

    def _trust(self, caller: str) -> dict[str, Any]:
        own = {"StringEquals": {"aws:SourceAccount": self._desired.account}}
        return _document(
            {"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": own},
            {"Principal": {"AWS": caller}, "Action": "sts:AssumeRole"},
        )

    def _interfaces(self) -> dict[str, Any]:
        """AWSLambdaVPCAccessExecutionRole, bounded to the app tier, without its log."""
        contract = self._desired.contract
        place = f"arn:{self._desired.partition}:ec2:{contract.region}:{self._desired.account}:"
        interfaces = f"{place}network-interface/*"
        places = [*(f"subnet/{key}" for key in contract.app_subnet_ids)]
        places.append(f"security-group/{contract.client_security_group_id}")
        managed = ["AssignPrivateIpAddresses", "DeleteNetworkInterface", "UnassignPrivateIpAddresses"]
        return _document(
            {"Action": "ec2:CreateNetworkInterface", "Resource": [*(place + each for each in places), interfaces]},
            {"Action": [f"ec2:{action}" for action in managed], "Resource": interfaces},
            {"Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], "Resource": "*"},
        )


class RefusedError(UnreadableError):
    """A call from inside that was refused, or not answered; the message is AWS's."""


class _StillThereError(Exception):
    """Something that goes later than it was waited for."""


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, WaiterError) as error:
        raise explain(error) from None


def _once_known(make: Callable[[], object]) -> None:
    """Make something for a role that Lambda may not know yet."""
    until = time.monotonic() + KNOWN
    while True:
        try:
            make()
            return
        except ClientError as error:
            told = error.response["Error"]["Message"]
            if time.monotonic() > until or not any(words in told for words in TOO_EARLY):
                raise
            time.sleep(PAUSE)


def _runtime(here: Any, found: Mapping[str, str]) -> Any:
    """A client of SageMaker Runtime at the same place with other credentials."""
    import boto3
    from botocore.config import Config

    connect: Any = boto3.client
    return connect(
        "sagemaker-runtime",
        region_name=here.region_name,
        endpoint_url=here.endpoint_url,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def _zipped(code: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as bundle:
        entry = zipfile.ZipInfo(code.name)
        entry.external_attr = 0o644 << 16
        bundle.writestr(entry, code.read_bytes())
    return packed.getvalue()


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | dict(one) for one in statements]}
