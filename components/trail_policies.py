"""What one trail of CloudTrail's needs: of the key that encrypts its files, and of the bucket that they lie in."""

import pulumi

from components.iam import Account, Arn, Document, Statement, allow, deny_everyone, document, on_key


def trail_key_use(account: Account, trail: str) -> list[Statement]:
    """One trail's files: CloudTrail encrypts them, and whom IAM allows decrypts them where they lie, in S3.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-kms-key-policy-for-cloudtrail.html
    """
    cloudtrail, this_trail = {"Service": "cloudtrail.amazonaws.com"}, {"aws:SourceArn": trail}
    context = {"kms:EncryptionContext:aws:cloudtrail:arn": trail}
    through_s3 = {"kms:ViaService": f"s3.{account.region}.amazonaws.com"}
    return [
        on_key("TrailEncrypts", cloudtrail, ["kms:GenerateDataKey*"], {"StringEquals": this_trail | context}),
        on_key("TrailLooksAtKey", cloudtrail, ["kms:DescribeKey"], {"StringEquals": this_trail}),
        on_key("TrailIsRead", {"AWS": account.root}, ["kms:Decrypt"], {"StringEquals": context | through_s3}),
    ]


def trail_bucket(account: Account, bucket: Arn, trail: str) -> Document:
    """One trail delivers its files, and nobody comes without TLS.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
    """
    cloudtrail = {"Principal": {"Service": "cloudtrail.amazonaws.com"}}
    this_trail = {"aws:SourceArn": trail}
    owned = {"s3:x-amz-acl": "bucket-owner-full-control"}
    files = pulumi.Output.concat(bucket, f"/AWSLogs/{account.id}/*")
    objects = pulumi.Output.concat(bucket, "/*")
    return document(
        allow("TrailLooksAtBucket", ["s3:GetBucketAcl"], [bucket], {"StringEquals": this_trail}) | cloudtrail,
        allow("TrailDelivers", ["s3:PutObject"], [files], {"StringEquals": this_trail | owned}) | cloudtrail,
        deny_everyone("TlsOnly", "s3:*", [bucket, objects], {"Bool": {"aws:SecureTransport": "false"}}),
    )
