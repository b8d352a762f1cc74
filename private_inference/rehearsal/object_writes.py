"""Whether a role may write an object into S3, or tell a topic: its own policies, and those of what it touches.

Only facts come in, as for fleets (`fleet_needs`). Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/
UsingKMSEncryption.html (what writing under a key takes) and https://docs.aws.amazon.com/sns/latest/dg/
sns-key-management.html there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from private_inference.rehearsal.fleet_needs import Artifact, Key, decrypting, reading
from private_inference.rehearsal.iam_decision import Document, Request, Role, Way, may, may_with_key, refusal
from private_inference.rehearsal.service_needs import USE_TOPIC_KEY, Topic

ENCRYPTION = "s3:x-amz-server-side-encryption"


@dataclass(frozen=True)
class Destination:
    """Where an object is to be written."""

    arn: str
    bucket_policy: Document | None
    key: Key | None
    """The key that it will be encrypted with, if any."""
    bucket_key: bool
    """Whether S3 uses a bucket key, which is bound to the bucket instead of the object."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """What the request says of encryption: condition keys, in lower case."""


def writing(role: Role, to: Destination, way: Way | None) -> Request:
    """The request that writes an object; without a way, from outside of any VPC."""
    return Request("s3:PutObject", to.arn, {**reading(role, to.arn, way).context, **to.asked})


def encrypting(region: str, role: Role, to: Destination, key: Key) -> Request:
    """S3 asks for a data key for whoever writes."""
    context = decrypting(region, role, Artifact("", to.arn, exists=True, bucket_key=to.bucket_key), key).context
    return Request("kms:GenerateDataKey", key.arn, context)


def read_refusal(region: str, role: Role, found: Artifact, way: Way | None) -> str:
    """Why a role can't read an object this way, in a few words; empty if it can."""
    if not found.exists:
        return "it is not there"
    if why := refusal(role, reading(role, found.arn, way), found.bucket_policy, way):
        return f"s3:GetObject is refused {why}"
    if found.key_missing or (found.key and not found.key.enabled):
        return "its key can't be used"
    if found.key and not may_with_key(role, decrypting(region, role, found, found.key), found.key.policy):
        return "kms:Decrypt is refused"
    return ""


def write_refusal(region: str, role: Role, to: Destination, way: Way | None) -> str:
    """Why a role can't write an object this way, in a few words; empty if it can."""
    if why := refusal(role, writing(role, to, way), to.bucket_policy, way):
        return f"s3:PutObject is refused {why}"
    if to.key and not to.key.enabled:
        return "the key can't be used"
    if to.key and not may_with_key(role, encrypting(region, role, to, to.key), to.key.policy):
        return "kms:GenerateDataKey is refused"
    return ""


def role_tells(region: str, role: Role, topic: Topic | None) -> bool:
    """Whether a role can publish to a topic, and use its key for that."""
    if topic is None:
        return False
    if not may(role, Request("sns:Publish", topic.arn, {"aws:securetransport": "true"}), topic.policy):
        return False
    key, context = (
        topic.key,
        {
            "kms:viaservice": f"sns.{region}.amazonaws.com",
            "kms:calleraccount": role.account,
            "kms:encryptioncontext:aws:sns:topicarn": topic.arn,
        },
    )
    if key is None:
        return True
    return key.enabled and all(
        may_with_key(role, Request(action, key.arn, context), key.policy) for action in USE_TOPIC_KEY
    )
