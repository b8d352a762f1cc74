"""What takes minutes beside what is always run, and is run where EVERY_STACK=1 asks for it."""

import os

import pytest

of_every_stack = pytest.mark.skipif(
    os.environ.get("EVERY_STACK") != "1",
    reason="it takes minutes: EVERY_STACK=1 runs it, as `make conformance` and `make lives` do",
)
