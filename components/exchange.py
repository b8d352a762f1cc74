"""Where callers of an asynchronous endpoint put requests and find answers: a bucket, and topics that tell of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import exchange_policies, iam
from components.data_perimeter import Readers
from components.exchange_policies import FAILURES, INPUTS, OUTPUTS, Exchanged
from components.execution_role import ExecutionRole
from components.expiring_bucket import ExpiringBucketArgs, expiring_bucket
from components.settings import AsynchronousSettings, Settings
from components.storage import StorageArgs

_Async = aws.sagemaker.EndpointConfigurationAsyncInferenceConfigArgs
_Client = aws.sagemaker.EndpointConfigurationAsyncInferenceConfigClientConfigArgs
_Output = aws.sagemaker.EndpointConfigurationAsyncInferenceConfigOutputConfigArgs
_Notification = aws.sagemaker.EndpointConfigurationAsyncInferenceConfigOutputConfigNotificationConfigArgs


@dataclass(frozen=True, kw_only=True)
class ExchangeArgs:
    """One endpoint's, and what it takes from the rest of the stack."""

    settings: AsynchronousSettings
    storage: StorageArgs
    role_arn: pulumi.Input[str]
    """The endpoint's execution role, which publishes."""
    notifications_key_arn: pulumi.Input[str]
    readers: Readers | None = None
    """Who reads, and from where, if the bucket's policy bounds it."""


class Exchange(pulumi.ComponentResource):
    """A private, encrypted bucket whose objects expire, and a topic for each outcome that is told."""

    bucket: aws.s3.Bucket
    topics: Mapping[str, aws.sns.Topic]
    """By outcome: `success`, `error`."""

    def __init__(self, name: str, args: ExchangeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:Exchange", name, None, opts)
        self._name = name
        self._args = args
        made = expiring_bucket(
            f"{name}-requests",
            self,
            ExpiringBucketArgs(
                storage=args.storage,
                rule="requests-and-answers",
                days=args.settings.retention_days,
                access_log_prefix=name,
                readers=args.readers,
            ),
        )
        self.bucket, self.safeguards = made.bucket, made.safeguards
        self.topics = {outcome: self._topic(outcome) for outcome in args.settings.notifications}
        self.register_outputs({"bucketName": self.bucket.bucket})

    @property
    def exchanged(self) -> Exchanged:
        """What policies are about."""
        return Exchanged(
            bucket=self.bucket.arn,
            topics=[topic.arn for topic in self.topics.values()],
            data_key=self._args.storage.key_arn,
            notifications_key=self._args.notifications_key_arn,
        )

    @property
    def locations(self) -> dict[str, pulumi.Output[str]]:
        """S3 URIs: `inputs`, into which callers put, `outputs` and `failures`, in which they find."""
        return {prefix.rstrip("/"): self._uri(prefix) for prefix in (INPUTS, OUTPUTS, FAILURES)}

    @property
    def parameters(self) -> dict[str, int]:
        """What callers pass to InvokeEndpointAsync, by its names."""
        settings = self._args.settings
        return {
            "RequestTTLSeconds": settings.request_ttl_seconds,
            "InvocationTimeoutSeconds": settings.invocation_timeout_seconds,
        }

    def configuration(self) -> _Async:
        """The part of the endpoint's configuration that makes it asynchronous."""
        most, arns = self._args.settings.max_concurrent_invocations_per_instance, self.topics
        told = _Notification(**{f"{outcome}_topic": topic.arn for outcome, topic in arns.items()}) if arns else None
        return _Async(
            client_config=_Client(max_concurrent_invocations_per_instance=most) if most else None,
            output_config=_Output(
                s3_output_path=self._uri(OUTPUTS),
                s3_failure_path=self._uri(FAILURES),
                kms_key_id=self._args.storage.key_arn,
                notification_config=told,
            ),
        )

    def _uri(self, prefix: str) -> pulumi.Output[str]:
        return pulumi.Output.concat("s3://", self.bucket.bucket, f"/{prefix}")

    def _topic(self, outcome: str) -> aws.sns.Topic:
        child = pulumi.ResourceOptions(parent=self)
        name = f"{self._name}-{outcome}"
        topic = aws.sns.Topic(name, kms_master_key_id=self._args.notifications_key_arn, opts=child)
        document = exchange_policies.topic(topic.arn, self._args.role_arn)
        aws.sns.TopicPolicy(name, arn=topic.arn, policy=iam.json_document(document), opts=child)
        return topic


def exchanges_of(
    settings: Settings,
    storage: StorageArgs,
    roles: Mapping[str, ExecutionRole],
    notifications_key_arn: pulumi.Input[str],
    readers: Readers,
    opts: pulumi.ResourceOptions,
) -> dict[str, Exchange]:
    """The exchange of each asynchronous endpoint, by its name; `roles` are the execution roles of all endpoints."""
    return {
        endpoint.name: Exchange(
            endpoint.name,
            ExchangeArgs(
                settings=endpoint.asynchronous,
                storage=storage,
                role_arn=roles[endpoint.name].role.arn,
                notifications_key_arn=notifications_key_arn,
                readers=readers if settings.perimeter.data_through_vpc else None,
            ),
            opts,
        )
        for endpoint in settings.endpoints
        if endpoint.asynchronous
    }
