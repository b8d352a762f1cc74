"""Which lines of a language model's log count as a KV cache that is nearly full."""

import re

from components.kv_cache import pattern

LINE = (
    "INFO 12-01 06:40:12 [loggers.py:236] Engine 000: Avg prompt throughput: 95.0 tokens/s, Avg generation throughput: "
    "100.0 tokens/s, Running: 99 reqs, Waiting: 93 reqs, GPU KV cache usage: {:.1f}%, Prefix cache hit rate: 97.5%"
)
ALLOWED = re.compile(r"[A-Za-z0-9:_#=@/;,\-^$?\[\]{}|\\*+.]*")
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html"""


def test_every_percentage_is_told_from_every_other() -> None:
    usages = [(tenths / 10, LINE.format(tenths / 10)) for tenths in range(1001)]
    for percent in range(10, 100):
        counted = re.compile(pattern(percent).strip("%"))
        assert [usage for usage, line in usages if counted.search(line)] == [
            usage for usage, _ in usages if usage >= percent
        ]


def test_the_pattern_is_one_that_cloudwatch_takes() -> None:
    for percent in range(10, 100):
        given = pattern(percent)
        assert (given[0], given[-1]) == ("%", "%")
        assert ALLOWED.fullmatch(given[1:-1])
