"""Prefect's server, to which only its own pages speak: `python -m flows.serving.server FD` on a socket that is open.

The socket is the caller's, so that nobody else can listen on its port while this starts. All else is in the
environment, as Prefect's settings.
"""

import socket
import sys

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings

from flows.serving import sign_in
from flows.serving.same_origin import SameOriginMiddleware


def main(descriptor: int) -> None:
    """Serve until SIGTERM.

    Args:
        descriptor: Of the socket that listens.
    """
    settings = get_current_settings().server
    prefect = create_app(final=True)
    prefect.router.routes.insert(0, sign_in.ROUTE)  # before the UI, which has all paths that nothing else has
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
