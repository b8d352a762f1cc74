"""Where SageMaker keeps what it captures of an endpoint's calls: a bucket whose objects expire."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components import capture_policies, iam
from components.data_perimeter import Readers
from components.expiring_bucket import ExpiringBucketArgs, expiring_bucket
from components.iam import Account, Arn
from components.live_endpoints import LiveEndpoint
from components.settings import DataCaptureSettings, Settings
from components.storage import StorageArgs

CSV, JSON = ["text/csv"], ["application/json", "application/jsonlines"]
"""Types of requests and answers that are kept as text; others as Base64 (API_CaptureContentTypeHeader)."""

MODES = {"request": "Input", "response": "Output"}

_Capture = aws.sagemaker.EndpointConfigurationDataCaptureConfigArgs
_Option = aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureOptionArgs
_Types = aws.sagemaker.EndpointConfigurationDataCaptureConfigCaptureContentTypeHeaderArgs


@dataclass(frozen=True, kw_only=True)
class DataCaptureArgs:
    """One endpoint's, and what it takes from the rest of the stack."""

    settings: DataCaptureSettings
    storage: StorageArgs
    readers: Readers
    """Who reads, and from where."""
    bounded: bool
    """Whether the bucket's policy says so, too."""
    iam_path: str
    hooks: pulumi.ResourceHookBinding
    """Of the policy for whoever reads."""


class DataCapture(pulumi.ComponentResource):
    """A private, encrypted bucket that the endpoint's role writes into; if asked for, a policy for whoever reads."""

    bucket: aws.s3.Bucket
    read_policy: aws.iam.Policy | None

    def __init__(self, name: str, args: DataCaptureArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("private-inference:inference:DataCapture", name, None, opts)
        self._args = args
        made = expiring_bucket(
            f"{name}-captured",
            self,
            ExpiringBucketArgs(
                storage=args.storage,
                rule="captured-calls",
                days=args.settings.retention_days,
                access_log_prefix=f"{name}-captured",
                readers=args.readers if args.bounded else None,
            ),
        )
        self.bucket, self.safeguards = made.bucket, made.safeguards
        self.read_policy = self._read_policy(name) if args.settings.read_policy else None
        self.register_outputs({"bucketName": self.bucket.bucket})

    def configuration(self) -> _Capture:
        """The part of the endpoint's configuration that captures calls."""
        return _Capture(
            enable_capture=True,
            initial_sampling_percentage=self._args.settings.percent,
            destination_s3_uri=self.location,
            kms_key_id=self._args.storage.key_arn,
            capture_options=[_Option(capture_mode=MODES[part]) for part in self._args.settings.parts],
            capture_content_type_header=_Types(csv_content_types=CSV, json_content_types=JSON),
        )

    @property
    def location(self) -> pulumi.Output[str]:
        """S3 URI of what is kept."""
        return pulumi.Output.concat("s3://", self.bucket.bucket)

    def _read_policy(self, name: str) -> aws.iam.Policy:
        args = self._args
        document = capture_policies.read(args.storage.account, self.bucket.arn, args.storage.key_arn, args.readers.vpc)
        return aws.iam.Policy(
            f"{name}-captured",
            path=args.iam_path,
            description=f"Reads what is kept of the calls of {name}",
            policy=iam.json_document(document),
            opts=pulumi.ResourceOptions(parent=self, hooks=args.hooks),
        )


def captures_of(
    settings: Settings,
    storage: StorageArgs,
    readers: Readers,
    iam_path: str,
    hooks: pulumi.ResourceHookBinding,
    opts: pulumi.ResourceOptions,
) -> dict[str, DataCapture]:
    """The capture of each endpoint that has one, by its name; `hooks` are those of policies that are handed out."""
    return {
        endpoint.name: DataCapture(
            endpoint.name,
            DataCaptureArgs(
                settings=endpoint.data_capture,
                storage=storage,
                readers=readers,
                bounded=settings.perimeter.data_through_vpc,
                iam_path=iam_path,
                hooks=hooks,
            ),
            opts,
        )
        for endpoint in settings.endpoints
        if endpoint.data_capture
    }


def captured_buckets(
    captures: Mapping[str, DataCapture], live: Mapping[str, LiveEndpoint], account: Account
) -> Mapping[str, Arn]:
    """ARN of the bucket that each endpoint's calls go into, by its name.

    What serves may capture calls until an update is over that ends it, and longer if that is rolled back.
    """
    serving = {name: f"arn:{account.partition}:s3:::{each.capture_bucket}" for name, each in live.items()}
    still = {name: arn for name, arn in serving.items() if live[name].capture_bucket}
    return still | {name: capture.bucket.arn for name, capture in captures.items()}
