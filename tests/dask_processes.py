"""A Dask cluster of processes of its own on this machine, as a user starts one by hand."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from distributed import Client
from served import PATIENCE, alive, free_port, until

DASK = Path(sys.executable).parent / "dask"

_QUIET = ("--no-dashboard",)


class Cluster:
    """A scheduler and its workers.

    Attributes:
        address: As `--executor` takes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.address = f"dask://127.0.0.1:{self._port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._family: set[psutil.Process] = set()
        self.scheduler = self.start_scheduler()

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start a scheduler at the address, and wait until it answers."""
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(self._port), *_QUIET)
        with self._client():
            return self.scheduler

    def start_worker(self, *options: str, cwd: Path | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """Start one that may start processes, and wait until it is there."""
        address = self.address.replace("dask://", "tcp://")
        settings = {"DASK_DISTRIBUTED__WORKER__DAEMON": "False", **environment}
        before = self.workers()
        worker = self._start("worker", address, "--host", "127.0.0.1", *_QUIET, *options, cwd=cwd, **settings)
        until(lambda: self.workers() - before or worker.poll() is not None)
        assert worker.poll() is None, self.said
        return worker

    def workers(self) -> set[str]:
        """The addresses of its workers."""
        with self._client() as client:
            return set(client.nthreads())

    def processes(self) -> list[psutil.Process]:
        """All its processes that live, and those that they started."""
        for process in list(self._processes):
            if process.poll() is None:
                top = psutil.Process(process.pid)
                self._family |= {top, *top.children(recursive=True)}
        return alive(list(self._family))

    @property
    def said(self) -> str:
        """What its processes wrote."""
        return "\n".join(log.read_text("utf-8", "replace") for log in sorted(self._folder.glob("*.log")))

    def end(self) -> None:
        """Kill what is left."""
        for process in self.processes():
            process.kill()
        for process in self._processes:
            process.wait(PATIENCE)

    def _client(self) -> "Client":
        return Client(self.address.replace("dask://", "tcp://"), set_as_default=False, timeout=PATIENCE)

    def _start(
        self, kind: str, *arguments: str, cwd: Path | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        with (self._folder / f"{kind}-{len(self._processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [DASK, kind, *arguments],
                cwd=cwd or self._folder,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process


@contextmanager
def started_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a scheduler without workers, and kill all that it became."""
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.end()


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """End a process as a person does, and wait for its end."""
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)
