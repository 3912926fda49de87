"""The page that signs a browser in: it stores the credentials where Prefect's UI reads them, and redirects to the UI.

The credentials are in the fragment of the page's address, which a browser never sends.
"""

import base64
import hashlib

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

PATH = "/sign-in"

_SCRIPT = """
const word = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
if (word) localStorage.setItem("prefect-password", btoa(word));
location.replace("/");
"""
_PAGE = f'<!doctype html><meta charset="utf-8"><title>Signing in …</title><script>{_SCRIPT}</script>'
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; script-src 'sha256-{_HASH}'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def _sign_in(_: Request) -> HTMLResponse:
    return HTMLResponse(_PAGE, headers=_HEADERS)


ROUTE = Route(PATH, _sign_in)
"""The page, for the server."""
