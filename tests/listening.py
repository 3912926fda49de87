"""A web server of a test's own on this machine."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sample.server import running


def listening(handler: Callable[..., BaseHTTPRequestHandler]) -> AbstractContextManager[str]:
    """Have requests answered while the block runs; gives the base address."""
    return running(ThreadingHTTPServer(("127.0.0.1", 0), handler))
