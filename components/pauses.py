"""Pauses between looks at something that takes its time in AWS."""

import time
from collections.abc import Iterator


def pauses(seconds: float) -> Iterator[float]:
    """Seconds waited so far, after ever longer pauses, until `seconds` have passed."""
    waited, pause = 0.0, 0.5
    while waited < seconds:
        yield waited
        time.sleep(pause)
        waited, pause = waited + pause, min(pause * 2, 30)
