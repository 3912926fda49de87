"""The ratings service on this machine: the addresses and answers of the real one, out of a folder of daily files."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sample.ratings import as_csv, path_of

MODELS = ("iggy-joey", "kash-ratings-model")
"""The service's models. Both are answered from the same files: of a second model a test wants but the address."""


@contextmanager
def serve(folder: Path, port: int = 0) -> Iterator[str]:
    """Answers `/api/widgets/<model>/datasets?date=YYYY-MM-DD&presenter=RatingsPresenter&csv=true` while its block runs.

    A day without a file has a header and no rows, as a day without racing has. Anything else is not found.

    Args:
        folder: Holds `YYYY-MM-DD.csv`.
        port: The port on 127.0.0.1; 0 takes a free one.

    Yields:
        The base address, `http://127.0.0.1:<port>`.
    """
    with running(_Server(("127.0.0.1", port), partial(_Handler, folder))) as address:
        yield address


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[str]:
    """Answer requests while the block runs.

    Args:
        server: A server on 127.0.0.1.

    Yields:
        Its base address, `http://127.0.0.1:<port>`.
    """
    # The default polls for the end every half second, which every test would wait for.
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="ratings-server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    # Threads that are not daemons are waited for by server_close(): nothing goes on after the block.
    daemon_threads = False


class _Handler(BaseHTTPRequestHandler):
    timeout = 5  # seconds; a client that says nothing would otherwise hold up the end

    def __init__(self, folder: Path, *args: Any) -> None:  # noqa: ANN401 - handed on to the standard library as they come
        # Before the base's own, which handles the request at once.
        self._folder = folder
        super().__init__(*args)

    def do_GET(self) -> None:
        day = _requested_day(self.path)
        if day is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            body = path_of(self._folder, day).read_bytes()
        except FileNotFoundError:
            body = as_csv()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 - the base's own signature
        """Says nothing: requests are the business of whoever asks."""


def _requested_day(address: str) -> date | None:
    url = urlsplit(address)
    query = dict(parse_qsl(url.query))
    if url.path not in {f"/api/widgets/{model}/datasets" for model in MODELS}:
        return None
    if (query.get("presenter"), query.get("csv")) != ("RatingsPresenter", "true"):
        return None
    asked = query.get("date", "")
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        return None
    # Python reads other ISO forms too, which the service is never asked in.
    return day if day.isoformat() == asked else None
