"""What Lambda's Python runtime does, as a program: calls a handler with the event on standard input.

The arguments are the handler, such as `index.handler`, and the file for its answer; the working directory has the code.
An exception is an answer, too, with exit code 1: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path


def main(handler: str, answer: str) -> int:
    sys.path[0] = str(Path.cwd())
    event = json.load(sys.stdin)
    module, _, name = handler.rpartition(".")
    try:
        answered, code = getattr(importlib.import_module(module.replace("/", ".")), name)(event, None), 0
    except Exception as error:
        told = {"errorMessage": str(error), "errorType": type(error).__name__}
        answered, code = {**told, "stackTrace": traceback.format_tb(error.__traceback__)}, 1
    Path(answer).write_text(json.dumps(answered), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
