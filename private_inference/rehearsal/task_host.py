"""Runs a container's program, whose path and arguments it is given, for as long as its standard input is open.

Who started it holds the other end: when that ends, for whatever reason, so does this.
"""

import os
import runpy
import sys
import threading


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
