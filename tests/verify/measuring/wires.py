"""A cluster of separate processes for tests, and a wire to one of them that can be cut."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from threading import Event, Thread

from tests.verify.cli.test_cli import HANGS

_HERE = ("--host", "127.0.0.1")


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Wire:
    """Forwards one port to another until it is cut; then nothing comes through, and nobody knows.

    A worker behind it is cut off as by a switch without power: no connection is closed.
    """

    def __init__(self, target: int) -> None:
        self.target, self._cut = target, Event()
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = int(self._sockets[0].getsockname()[1])
        Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        """From now on, nothing comes through."""
        self._cut.set()

    def close(self) -> None:
        """Close every connection."""
        for one in self._sockets:
            one.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._sockets[0].accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                self._sockets += [near, far]
                Thread(target=self._carry, args=(near, far), daemon=True).start()
                Thread(target=self._carry, args=(far, near), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self._cut.is_set():
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


class Processes:
    """A scheduler and workers on loopback, each a process of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self._running: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()

    @property
    def executor(self) -> str:
        """As of ``Workers``."""
        return f"dask://127.0.0.1:{self.port}"

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start it, or a new one at its address."""
        self.scheduler = self._run("dask_scheduler", *_HERE, "--port", str(self.port))
        return self.scheduler

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker with one thread, below a nanny."""
        return self._worker(self.port, *_HERE)

    def start_far_worker(self, there: Wire, back: Wire) -> subprocess.Popen[bytes]:
        """Start a worker with one thread at the far ends of two wires, and nothing above it."""
        listen, contact = f"tcp://127.0.0.1:{back.target}", f"tcp://127.0.0.1:{back.port}"
        addresses = ["--listen-address", listen, "--contact-address", contact]
        return self._worker(there.port, "--no-nanny", *addresses)

    def _worker(self, port: int, *options: str) -> subprocess.Popen[bytes]:
        return self._run("dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", *options)

    def _run(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{name}", *options]
        command += ["--no-dashboard"]
        quiet = subprocess.DEVNULL
        self._running.append(subprocess.Popen(command, stdout=quiet, stderr=quiet))
        return self._running[-1]

    def close(self) -> None:
        """End all of them; a worker ends with its nanny."""
        for process in self._running:
            process.kill()
        for process in self._running:
            process.wait(HANGS)


@contextlib.contextmanager
def processes() -> Iterator[Processes]:
    """A scheduler, to which a test adds workers."""
    started = Processes()
    try:
        yield started
    finally:
        started.close()
