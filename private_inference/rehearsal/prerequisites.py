"""The embedded AWS with what a stack needs to find there.

That is a VPC of somebody else's, a gateway to on-premises networks, the bucket for access logs, the key for EBS
volumes, and model archives and images from other pipelines.
"""

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from components.model_packages import assumed
from components.settings import Settings
from components.settings.authorizer import AuthorizerSettings
from components.settings.front_door import FrontDoorSettings
from private_inference.rehearsal import authorizer_function
from private_inference.rehearsal.embedded_aws import EmbeddedAws
from private_inference.rehearsal.existing_vpc import existing_vpc
from private_inference.rehearsal.fleet_needs import REGISTRY
from private_inference.rehearsal.model_packages import model_package, registered
from private_inference.rehearsal.operations import Operations
from private_inference.runner.aws_facts import EXAMPLE_ACCOUNT, partition_of


@contextlib.contextmanager
def prepared_aws(settings: Settings) -> Iterator[EmbeddedAws]:
    """The embedded AWS with what `settings` refers to."""
    premises = settings.network.on_premises
    gateways = [premises.gateway_id] if premises else []
    with EmbeddedAws(settings.region, account=settings.account or EXAMPLE_ACCOUNT, gateways=gateways) as aws:
        provide(aws, settings)
        yield aws


def provide(aws: EmbeddedAws, settings: Settings) -> None:
    """Make the buckets, model archives and images of others that `settings` refers to; its caller is a deployer.

    The archives are empty, because their content is in the real account only; their models answer no request here.
    """
    if settings.artifacts.access_log_bucket:
        _log_bucket(aws, settings.artifacts.access_log_bucket)
    packages = registered(model.package for endpoint in settings.endpoints for model in endpoint.models)
    packaged = [container for package in packages for container in assumed(package)]
    for uri in {each.artifact for each in (*settings.containers, *packaged) if not each.local}:
        place = urlparse(uri)
        _bucket(aws, place.netloc)
        key = place.path.lstrip("/") + ("model.safetensors" if uri.endswith("/") else "")
        aws.client("s3").put_object(Bucket=place.netloc, Key=key, Body=b"")
    for image in {each.image.uri or "" for each in (*settings.containers, *packaged)}:
        _image(aws, image)
    for package in packages:
        model_package(aws, package)
    if settings.account_guards.ebs_default_key_arn:
        Operations(aws.endpoint_url).has_key(settings.account_guards.ebs_default_key_arn)
    if settings.network.existing:
        existing_vpc(aws, settings, settings.network.existing)
    if settings.front_door:
        _front_door(aws, settings.front_door)
    if settings.perimeter.attach:
        _organization(aws)
    if settings.perimeter.deployers:
        Operations(aws.endpoint_url).called_by(re.sub(r"[*?]", "x", settings.perimeter.deployers[0]))


def _front_door(aws: EmbeddedAws, settings: FrontDoorSettings) -> None:
    """What the front door's settings name, from its certificate to its image; the account's role for its API's logs.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    operations = Operations(aws.endpoint_url)
    if settings.load_balancer:
        _image(aws, settings.load_balancer.forwarder)
    if settings.certificate_arn:
        operations.certificate(settings.certificate_arn, settings.domain_name)
    if settings.authorizer:
        _function(aws, settings.authorizer)
    if settings.web_acl_arn:
        operations.web_acl(settings.web_acl_arn)
    parent = settings.domain_name.partition(".")[2]
    for identity, private in ((settings.public_zone_id, False), (settings.zone_id, True)):
        if identity:
            operations.zone(identity, parent, private)
    account = aws.client("sts").get_caller_identity()["Account"]
    role = f"arn:{partition_of(aws.region)}:iam::{account}:role/api-gateway-logs"
    change = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}]
    aws.client("apigateway").update_account(patchOperations=change)


def _function(aws: EmbeddedAws, settings: AuthorizerSettings) -> None:
    """A function by the name of the stack's authorizer, which lets in whoever shows a rehearsal's token."""
    iam, functions = aws.client("iam"), aws.client("lambda")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    name, code = settings.function_arn.split(":")[6], Path(authorizer_function.__file__)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(code, code.name)
    role = f"{name[:60]}-own"
    with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
        made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        functions.create_function(
            FunctionName=name,
            Role=made["Role"]["Arn"],
            Runtime="python3.13",
            Handler=f"{code.stem}.handler",
            Code={"ZipFile": packed.getvalue()},
            Environment={"Variables": {"HEADER": settings.header}},
        )


def _organization(aws: EmbeddedAws) -> None:
    """An organization that the account is in, with policies of both kinds. It is its own management account here.

    So its policies are kept and attached, and refuse nothing: that is proved, not rehearsed.
    """
    client = aws.client("organizations")
    with contextlib.suppress(client.exceptions.AlreadyInOrganizationException):
        client.create_organization(FeatureSet="ALL")
        (root,) = client.list_roots()["Roots"]
        client.enable_policy_type(RootId=root["Id"], PolicyType="RESOURCE_CONTROL_POLICY")


def _image(aws: EmbeddedAws, uri: str) -> None:
    """An image in the embedded account's own registry; what others have is taken for granted."""
    named = REGISTRY.fullmatch(uri)
    if named is None or named["account"] != aws.client("sts").get_caller_identity()["Account"]:
        return
    ecr, version = aws.client("ecr"), named["version"] or "latest"
    with contextlib.suppress(ecr.exceptions.RepositoryAlreadyExistsException):
        ecr.create_repository(repositoryName=named["name"], imageScanningConfiguration={"scanOnPush": True})
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "layers": [], "annotations": {"uri": uri}}
    as_named = {"imageDigest" if version.startswith("sha256:") else "imageTag": version}
    with contextlib.suppress(ecr.exceptions.ImageAlreadyExistsException):
        ecr.put_image(repositoryName=named["name"], imageManifest=json.dumps(manifest), **as_named)


def _bucket(aws: EmbeddedAws, name: str) -> None:
    if name not in {bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]}:
        place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
        aws.client("s3").create_bucket(Bucket=name, **({} if aws.region == "us-east-1" else place))


def _log_bucket(aws: EmbeddedAws, name: str) -> None:
    """A bucket that S3 may deliver access logs to.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html.
    """
    _bucket(aws, name)
    delivery = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [delivery]})
    aws.client("s3").put_bucket_policy(Bucket=name, Policy=policy)
