"""The stack as it is: what its settings say more is all there is to an owner of the account's guards."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).parents[2] / "__main__.py"))
