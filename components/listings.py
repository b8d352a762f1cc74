"""Statements that let the files of a model be listed, where it is no archive: below its prefix, and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.iam import Arn, Document, Statement, allow, each_once


def with_listings(content: Document, listed: Sequence[Arn], common: Mapping[str, Any] | None = None) -> Document:
    """The document, and a statement for each bucket of `listed`: its objects may be listed below their prefixes only.

    SageMaker lists the files of a model that is no archive. `listed` are patterns of objects such as
    `arn:aws:s3:::bucket/prefix/*`, `common` is what its statements have in common, their conditions included.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """
    if not listed:
        return content
    common = dict(common or {})

    def appended(known: Any) -> list[Statement]:
        statements, patterns = known
        prefixes: dict[str, list[str]] = {}
        for pattern in patterns:
            bucket, _, prefix = pattern.partition("/")
            prefixes.setdefault(bucket, []).append(prefix)
        below = [{"StringLike": {"s3:prefix": each}} for each in prefixes.values()]
        listings = [
            common | allow(f"ListArtifacts{number}", ["s3:ListBucket"], [bucket], common.get("Condition", {}) | each)
            for number, (bucket, each) in enumerate(zip(prefixes, below, strict=True), 1)
        ]
        return [*statements, *listings]

    return content | {"Statement": pulumi.Output.all(content["Statement"], each_once(listed)).apply(appended)}
