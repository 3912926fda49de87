"""Who may speak to the server: its own pages, and programs that are no browser; other pages are refused.

A page of any origin can send requests to this machine, some without asking first, and open websockets, which no rule of
CORS covers. A name that points here makes its pages look like the server's own. So each request says where it
comes from and whom it means, in headers that no page can choose, and has to say the right thing.
"""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

NAMES: Final = ("127.0.0.1", "localhost")

_HTTP_PORT = 80
_POLICY_VIOLATION = 1008

# Pages run this server's scripts alone, wherever their text comes from, send nothing elsewhere, and are nobody's frame.
_PAGES = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' data: blob:; script-src 'self' "
    "'unsafe-eval'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class SameOriginMiddleware:
    """An ASGI application to which only its own pages and programs speak, by HTTP or websocket."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app, self._address = app, f"http://{NAMES[0]}:{port}"
        self._hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == _HTTP_PORT else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what comes from here; answer 403 to all else."""

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
            return "this server has another name"
        if origins and origins != [f"http://{hosts[0]}"]:
            return "a page of another origin asked for this"
        # A page of another port is of the same site.
        if not set(sites) <= {"same-origin", "none"}:
            return "a page of another origin led here"
        return None
