"""Embedded AWSs that are forked from one process, which has loaded moto and patched it: the suite starts hundreds.

A start takes a tenth of a CPU second so, and three otherwise. Each has its own memory, as a process of its own has.
"""

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from private_inference.rehearsal.embedded_aws import SETTINGS, EmbeddedAwsError, ServerProcess

ROOT = Path(__file__).parents[2]
ELSEWHERE = "000000000000"
"""The account that moto is warmed up with: no test has it."""


class ForkedServer:
    """What ServerProcess does, by a fork: its standard input and output are one socket."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._socket, its = socket.socketpair()
        with its:
            socket.send_fds(_loaded(arguments[0]), [b"."], [its.fileno()])
        self._socket.sendall(json.dumps({"arguments": arguments, "environment": dict(environment)}).encode() + b"\n")

    def port(self) -> int:
        said = self._socket.makefile("rb").readline().strip()
        if not said:
            raise EmbeddedAwsError("The embedded AWS ended before it was ready.")
        return int(said)

    def end(self) -> None:
        with self._socket:
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(30)
            while self._socket.recv(1024):
                pass


def server(arguments: Sequence[str], environment: Mapping[str, str]) -> ForkedServer | ServerProcess:
    """A fork has the patches: without them a server is started as ever."""
    unpatched = "--without-patches" in arguments
    return ServerProcess(arguments, environment) if unpatched else ForkedServer(arguments, environment)


@cache
def _loaded(region: str) -> socket.socket:
    """The socket of a process that forks a server for each socket that it is sent, and ends when this process does."""
    mine, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked_aws", region, str(its.fileno())],
            cwd=ROOT,
            env={**os.environ, **SETTINGS},
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end() -> None:
        mine.close()
        process.wait()

    atexit.register(end)
    return mine


def main(region: str, descriptor: str) -> None:
    from private_inference.rehearsal import server

    server.read_offerings_of(region)
    from moto.moto_api._internal import mock_random

    from private_inference.rehearsal import patches

    importlib.import_module("moto.moto_server.werkzeug_app")
    patches.apply_all()
    server.warm_up(ELSEWHERE, region)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(fileno=int(descriptor)) as asked:
        while (received := socket.recv_fds(asked, 1, 1))[0]:
            with socket.socket(fileno=received[1][0]) as connection:
                if os.fork():
                    continue
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                asked.close()
                order = json.loads(connection.makefile("rb").readline())
                os.dup2(connection.fileno(), 0)
                os.dup2(connection.fileno(), 1)
            os.environ.clear()
            os.environ.update(order["environment"])
            mock_random.seed()
            server.main(*order["arguments"])


if __name__ == "__main__":
    main(*sys.argv[1:])
