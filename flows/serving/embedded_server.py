"""Prefect's server for one command, in its own process: run as a program by `prefect_server.py`, never imported.

It listens on a free port of 127.0.0.1, prints its address once it answers, and ends when its standard input is closed,
which happens however its caller ends.
"""

import os
import signal
import socket
import sys
import threading
import time

_SECONDS_TO_STOP = 10


def _end_with_caller() -> None:
    sys.stdin.buffer.read()  # nothing is ever sent, so it returns when the caller ends
    signal.raise_signal(signal.SIGTERM)
    time.sleep(_SECONDS_TO_STOP)
    os._exit(1)


def main() -> None:
    """Serve until the caller ends, or SIGTERM."""
    threading.Thread(target=_end_with_caller, daemon=True).start()  # first, because the imports take seconds

    import uvicorn  # noqa: PLC0415
    from prefect.server.api.server import create_app  # noqa: PLC0415

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)  # noqa: T201 - the caller reads it

    app = create_app(ephemeral=True, final=True)
    server = Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    server.run(sockets=[listening])
    sys.exit(not server.started)


if __name__ == "__main__":
    main()
