"""Where moto falls short of AWS, mended: the one place that makes up for the emulator.

Each mend wraps one function of moto, says what AWS does there and where AWS says so, and is needed only as long as moto
lacks it: tests/rehearsal/test_mends.py fails for a mend that plain moto no longer needs. Importing this package loads
moto; only the embedded AWS's own process does.
"""

from private_inference.rehearsal.mends import network, observability, security, serving
from private_inference.rehearsal.mends.mend import MENDS

__all__ = ["MENDS", "apply_all", "network", "observability", "security", "serving"]


def apply_all() -> None:
    """Apply every mend to the moto of this process."""
    for mend in MENDS:
        mend.apply()
