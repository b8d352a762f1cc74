"""What Lambda's Python runtime does, as a program: calls a handler with the event on standard input.

The arguments are the handler, such as `index.handler`, and the file for its answer; the working directory has the code.
An exception is an answer, too, with exit code 1: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html.
"""

import importlib
import json
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import Any


def main(handler: str, answer: str) -> int:
    sys.path[0] = str(Path.cwd())
    resolve(json.loads(os.environ.pop("REHEARSAL_NAMES", "{}")))
    event = json.load(sys.stdin)
    module, _, name = handler.rpartition(".")
    try:
        answered, code = getattr(importlib.import_module(module.replace("/", ".")), name)(event, None), 0
    except Exception as error:
        told = {"errorMessage": str(error), "errorType": type(error).__name__}
        answered, code = {**told, "stackTrace": traceback.format_tb(error.__traceback__)}, 1
    Path(answer).write_text(json.dumps(answered), encoding="utf-8")
    return code


def resolve(names: dict[str, int]) -> None:
    """Have names lead to ports on loopback, whatever port is asked for, as a VPC's resolver does for private names."""
    original = socket.getaddrinfo

    def resolved(host: Any, port: Any, *given: Any, **asked: Any) -> Any:
        if host in names:
            host, port = "127.0.0.1", names[host]
        return original(host, port, *given, **asked)

    socket.getaddrinfo = resolved


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
