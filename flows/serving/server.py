"""Prefect's server behind the same-origin check: `python -m flows.serving.server FD`, on the caller's open socket.

The caller opens the socket, so that no other process can listen on the port meanwhile. Everything else is configured by
Prefect's settings in the environment.
"""

import socket
import sys

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from flows.serving import sign_in
from flows.serving.same_origin import SameOriginMiddleware


def main(descriptor: int) -> None:
    """Serve until SIGTERM on a listening socket, given by its file descriptor."""
    settings = get_current_settings().server
    prefect = create_app(final=True)
    prefect.router.routes.insert(0, sign_in.ROUTE)  # before the UI's catch-all route
    with socket.socket(fileno=descriptor) as listening:
        app = SameOriginMiddleware(prefect, port=listening.getsockname()[1])
        config = uvicorn.Config(
            app,
            log_level=settings.logging_level.lower(),
            timeout_keep_alive=settings.api.keepalive_timeout,
            proxy_headers=False,
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(int(sys.argv[1]))
