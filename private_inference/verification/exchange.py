"""Where callers of an asynchronous endpoint put requests and find answers."""

from collections.abc import Iterator
from functools import partial

from components.settings import AsynchronousSettings, EndpointSettings
from private_inference.verification.checks import Assertion, Result, equal, result, short
from private_inference.verification.controls import AT_REST, INTEGRITY, LEAST_PRIVILEGE
from private_inference.verification.data import bucket_assertions, expiry
from private_inference.verification.deployed import Deployed
from private_inference.verification.exchange_permissions import FAILURES, OUTPUTS, bucket_of, topic_of
from private_inference.verification.policies import statements
from private_inference.verification.roles import role_name


def assertions(stack: Deployed, endpoint: EndpointSettings) -> Iterator[Assertion]:
    """Configuration, bucket and topics of an asynchronous endpoint; nothing of others. `endpoint` is its settings."""
    settings, name = endpoint.asynchronous, endpoint.name
    if settings is None:
        return
    expect = partial(Assertion, f"Endpoint {name}, requests", controls=AT_REST)
    yield expect("answers go into its bucket under the data key", partial(_configuration, stack, name, settings))
    yield from bucket_assertions(stack, expect, partial(bucket_of, stack, name))
    yield expect(
        f"inputs, answers and failures go after {settings.retention_days} days",
        lambda: expiry(stack, bucket_of(stack, name), settings.retention_days),
        controls=INTEGRITY,
    )
    for outcome in settings.notifications:
        yield expect(f"its {outcome} topic is under the notifications key", partial(_topic_key, stack, name, outcome))
        yield expect(
            f"its role alone tells its {outcome} topic, by TLS",
            partial(_topic_policy, stack, endpoint, outcome),
            controls=LEAST_PRIVILEGE,
        )


def _configuration(stack: Deployed, endpoint: str, settings: AsynchronousSettings) -> Result:
    found = stack.configuration(endpoint).get("AsyncInferenceConfig", {})
    output = found.get("OutputConfig", {})
    bucket, told = bucket_of(stack, endpoint), output.get("NotificationConfig", {})
    seen = {
        **{key: output.get(key) for key in ("S3OutputPath", "S3FailurePath", "KmsKeyId")},
        **{key: told.get(key) for key in ("SuccessTopic", "ErrorTopic")},
        "MaxConcurrentInvocationsPerInstance": found.get("ClientConfig", {}).get("MaxConcurrentInvocationsPerInstance"),
    }
    topics = {
        key: topic_of(stack, endpoint, outcome) if outcome in settings.notifications else None
        for key, outcome in (("SuccessTopic", "success"), ("ErrorTopic", "error"))
    }
    wanted = {
        "S3OutputPath": f"s3://{bucket}/{OUTPUTS}/",
        "S3FailurePath": f"s3://{bucket}/{FAILURES}/",
        "KmsKeyId": stack.desired.contract.key_arns.data,
        "MaxConcurrentInvocationsPerInstance": settings.max_concurrent_invocations_per_instance,
    }
    return equal(seen, wanted | topics)


def _topic_key(stack: Deployed, endpoint: str, outcome: str) -> Result:
    found = stack.aws.get("sns", "get_topic_attributes", TopicArn=topic_of(stack, endpoint, outcome))["Attributes"]
    return equal(found, {"KmsMasterKeyId": stack.desired.contract.key_arns.notifications})


def _topic_policy(stack: Deployed, endpoint: EndpointSettings, outcome: str) -> Result:
    arn = topic_of(stack, endpoint.name, outcome)
    found = statements(stack.aws.get("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]["Policy"])
    role = stack.aws.get("iam", "get_role", RoleName=role_name(stack, endpoint))["Role"]["Arn"]
    refusing = [s for s in found if not s.allows and "*" in s.principals and "sns:Publish" in s.actions]
    faults = ["it allows something" for s in found if s.allows]
    if not any(s.requires("ArnNotEquals", "aws:PrincipalArn", role) and len(s.conditions) == 1 for s in refusing):
        faults.append("others than its role are not refused")
    if not any(s.requires("Bool", "aws:SecureTransport", "false") for s in refusing):
        faults.append("nothing refuses what is not TLS")
    return result(f"all but {short(role)} are refused", faults)
