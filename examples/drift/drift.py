"""Looks for drift: whether what callers sent of late is like what a model was trained on, column by column.

It reads the calls that SageMaker captured (`dataCapture` with `readPolicy` in the platform's stack), as CSV, and
compares each column with the same column of a baseline by the population stability index, over ten parts of the
baseline of like size: 0 where both are spread alike, and without a bound. The fewer rows, the more of it is chance:
with B parts, and N and M rows, about chi-squared of B - 1 degrees of freedom, times 1/N + 1/M (Yurdakul, Statistical
Properties of Population Stability Index, 2018, https://scholarworks.wmich.edu/dissertations/3208). So a column has
drifted if its index is beyond the limit, and beyond what chance makes of it once in a thousand times.

    python drift.py --location s3://BUCKET --endpoint triage --baseline baseline.csv

Exit codes: 0 no column has drifted, 1 one has, 2 it can't be told.
"""

from __future__ import annotations

import argparse
import bisect
import csv
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PARTS = 10
BEYOND_CHANCE = 27.88
"""The 99.9th percentile of chi-squared, of PARTS - 1 degrees of freedom."""
FEWEST_ROWS = 100
"""Ten in a part of the baseline: with fewer, chance alone is beyond every limit in use."""
LIMIT = 0.25
"""What is commonly taken for a change to act upon."""


class UntoldError(Exception):
    """Whether there is drift can't be told; the message says why."""


@dataclass(frozen=True)
class Column:
    """One column, counted from 0, and how far it is from its baseline."""

    column: int
    index: float
    drifted: bool


def compare(baseline: Sequence[float], seen: Sequence[float], limit: float, column: int = 0) -> Column:
    """The population stability index of a column's values against those of its baseline."""
    ordered = sorted(baseline)
    edges = sorted({ordered[len(ordered) * part // PARTS] for part in range(1, PARTS)})
    index = sum(
        (new - old) * math.log(new / old)
        for old, new in zip(_shares(ordered, edges), _shares(seen, edges), strict=True)
    )
    chance = BEYOND_CHANCE * (1 / len(baseline) + 1 / len(seen))
    return Column(column, round(index, 4), index > max(limit, chance))


def _shares(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    """The share of the values in each part; an empty one counts for half a value, which has a logarithm."""
    counts = [0.0] * (len(edges) + 1)
    for value in values:
        counts[bisect.bisect_right(edges, value)] += 1
    return [max(count, 0.5) / len(values) for count in counts]


def rows(text: str, source: str) -> list[list[float]]:
    """The rows of a CSV text. Raises UntoldError for what is no number."""
    try:
        return [[float(each) for each in row] for row in csv.reader(text.splitlines()) if row]
    except ValueError as error:
        raise UntoldError(f"{source} has a value that is no number: {error}") from None


def captured(s3: Any, location: str, endpoint: str, since: datetime) -> Iterator[list[float]]:
    """The rows of the requests that were captured since then, of all variants. Raises UntoldError, ClientError."""
    bucket = location.removeprefix("s3://").strip("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{endpoint}/")
    for found in (each for page in pages for each in page.get("Contents", [])):
        if found["LastModified"] < since:
            continue
        for line in s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read().decode().splitlines():
            request = json.loads(line)["captureData"].get("endpointInput")
            if request and request["encoding"] == "CSV":
                yield from rows(request["data"], found["Key"])


def columns(baseline: list[list[float]], seen: list[list[float]], limit: float) -> list[Column]:
    """Each column, compared. Raises UntoldError for too few rows, or rows of different lengths."""
    for name, given in (("the baseline", baseline), ("what was captured", seen)):
        if len(given) < FEWEST_ROWS:
            raise UntoldError(f"{name} has {len(given)} rows, and it takes {FEWEST_ROWS} at least")
    widths = {len(row) for row in (*baseline, *seen)}
    if len(widths) > 1:
        raise UntoldError(f"rows have {' or '.join(map(str, sorted(widths)))} columns; they need the same columns")
    pairs = zip(zip(*baseline, strict=True), zip(*seen, strict=True), strict=True)
    return [compare(old, new, limit, column) for column, (old, new) in enumerate(pairs)]


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tells whether what callers sent is like a baseline.")
    parser.add_argument("--location", required=True, help="captured.location of the contract: s3://BUCKET")
    parser.add_argument("--endpoint", required=True)
    parser.add_argument(
        "--baseline", required=True, type=Path, help="CSV with the columns that callers send, no header"
    )
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--limit", type=float, default=LIMIT)
    parser.add_argument("--json", action="store_true", dest="as_json")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    asked = _arguments(given)
    try:
        baseline = rows(asked.baseline.read_text(encoding="utf-8"), str(asked.baseline))
        since = datetime.now(UTC) - timedelta(hours=asked.hours)
        s3: Any = boto3.client("s3")
        seen = list(captured(s3, asked.location, asked.endpoint, since))
        found = columns(baseline, seen, asked.limit)
    except (UntoldError, OSError, ClientError, BotoCoreError) as error:
        print(f"It can't be told: {error}", file=sys.stderr)
        return 2
    drifted = [each for each in found if each.drifted]
    if asked.as_json:
        print(json.dumps({"rows": len(seen), "columns": [asdict(each) for each in found]}, indent=2))
    else:
        for each in sorted(found, key=lambda one: -one.index):
            print(f"column {each.column:3}  {each.index:8.4f}  {'drifted' if each.drifted else ''}".rstrip())
        print(f"{len(drifted)} of {len(found)} columns have drifted, in {len(seen)} rows of {asked.hours:g} hours")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
