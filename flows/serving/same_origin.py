"""Accept requests from the server's own pages and from programs other than browsers; refuse other pages.

A page of any origin can send requests to this machine, some without a preflight, and open websockets, which CORS does
not cover. With DNS rebinding, a foreign page can even appear as same-origin. So the middleware checks each request's
Host, Origin and Sec-Fetch-Site headers, which no page can set.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

NAMES: Final = ("127.0.0.1", "localhost")

_HTTP_PORT = 80
_POLICY_VIOLATION = 1008

# Pages may run only this server's scripts, send nothing elsewhere, and not be framed.
_PAGES = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' data: blob:; script-src 'self' "
    "'unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class SameOriginMiddleware:
    """ASGI middleware that refuses HTTP and websocket requests from pages of other origins."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._address = app, f"http://{NAMES[0]}:{port}"
        self._hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == _HTTP_PORT else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on accepted requests; answer others with 403."""

        async def send_page(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _PAGES.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = None if scope["type"] == "lifespan" else self._refusal(Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, send_page)
        elif scope["type"] == "websocket":
            await WebSocketClose(_POLICY_VIOLATION, refusal)(scope, receive, send)
        else:
            await PlainTextResponse(f"{refusal}; open {self._address}\n", 403)(scope, receive, send)

    def _refusal(self, headers: Headers) -> str | None:
        hosts, origins, sites = (headers.getlist(name) for name in ("host", "origin", "sec-fetch-site"))
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return "wrong host name for this server"
        if origins and origins != [f"http://{hosts[0]}"]:
            return "request from a page of another origin"
        # "same-site" is not enough: it includes pages on other ports.
        if not set(sites) <= {"same-origin", "none"}:
            return "navigation from a page of another origin"
        return None
