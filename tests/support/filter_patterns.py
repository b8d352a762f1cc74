"""CloudWatch Logs' filter patterns for space-delimited events, as far as their documentation describes them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html: one term for each field, with a
condition or without; = and != with `*` as a wildcard; && and || between the conditions of one field. No other operator
and no ellipsis.
"""

import re
from fnmatch import fnmatchcase

_FIELD = re.compile(r'"[^"]*"|\[[^]]*\]|\S+')
_CONDITION = re.compile(r'\s*\w+\s*(!?=)\s*("[^"]*"|[^\s"]+)\s*')


def matches(pattern: str, event: str) -> bool:
    """Whether a pattern in brackets matches a log event. Raises ValueError for what it doesn't know."""
    if not (pattern.startswith("[") and pattern.endswith("]")):
        raise ValueError(f"no pattern for space-delimited events: {pattern}")
    terms, fields = pattern[1:-1].split(","), _FIELD.findall(event)
    return len(terms) == len(fields) and all(map(_holds, terms, fields))


def _holds(term: str, field: str) -> bool:
    if re.fullmatch(r"\s*\w+\s*", term):
        return True
    return any(all(_condition(each, field) for each in either.split("&&")) for either in term.split("||"))


def _condition(text: str, field: str) -> bool:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"unknown condition: {text}")
    return fnmatchcase(field.strip('"[]'), found[2].strip('"')) is (found[1] == "=")
