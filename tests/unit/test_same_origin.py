"""Whom the server answers: its own pages and programs; asked as an ASGI server asks it, by HTTP and by websocket."""

import asyncio
from typing import Any

import pytest

from flows.serving.same_origin import SameOriginMiddleware

ALLOWED = [
    {"host": "127.0.0.1:4200"},
    {"host": "localhost:4200"},
    {"host": "127.0.0.1:4200", "origin": "http://127.0.0.1:4200", "sec-fetch-site": "same-origin"},
    {"host": "localhost:4200", "origin": "http://localhost:4200"},
    {"host": "127.0.0.1:4200", "sec-fetch-site": "none"},
]
REFUSED = [
    {},
    {"host": "evil.example:4200"},
    {"host": "evil.example"},
    {"host": "127.0.0.1"},
    {"host": "127.0.0.1:4201"},
    {"host": "127.0.0.1:4200.evil.example"},
    {"host": "evil@127.0.0.1:4200"},
    {"host": "[::1]:4200"},
    {"host": "127.0.0.1:4200", "origin": "http://evil.example"},
    {"host": "127.0.0.1:4200", "origin": "http://127.0.0.1:4201"},
    {"host": "127.0.0.1:4200", "origin": "http://127.0.0.1"},
    {"host": "127.0.0.1:4200", "origin": "https://127.0.0.1:4200"},
    {"host": "127.0.0.1:4200", "origin": "http://localhost:4200"},
    {"host": "127.0.0.1:4200", "origin": "http://127.0.0.1:4200.evil.example"},
    {"host": "127.0.0.1:4200", "origin": "null"},
    {"host": "127.0.0.1:4200", "origin": ""},
    {"host": "127.0.0.1:4200", "sec-fetch-site": "cross-site"},
    {"host": "127.0.0.1:4200", "sec-fetch-site": "same-site"},
]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", ALLOWED)
def test_its_own_pages_and_programs_are_answered(kind, headers):
    reached, _ = ask(kind, list(headers.items()))
    assert reached


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", REFUSED)
def test_others_are_refused(kind, headers):
    reached, said = ask(kind, list(headers.items()))
    assert not reached
    assert said == {"http": 403, "websocket": "websocket.close"}[kind]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("name", ["host", "origin", "sec-fetch-site"])
def test_a_header_that_is_there_twice_does_not_help(kind, name):
    good = {"host": "127.0.0.1:4200", "origin": "http://127.0.0.1:4200", "sec-fetch-site": "none"}
    for twice in ([(name, good[name]), (name, "evil")], [(name, "evil"), (name, good[name])]):
        reached, _ = ask(kind, [*((other, value) for other, value in good.items() if other != name), *twice])
        assert not reached


def test_on_http_s_own_port_browsers_name_none():
    assert ask("http", [("host", "localhost"), ("origin", "http://localhost")], port=80)[0]
    assert not ask("http", [("host", "evil.example")], port=80)[0]


def ask(kind: str, headers: list[tuple[str, str]], port: int = 4200) -> tuple[bool, Any]:
    """Whether the application was reached, and what was answered first."""
    reached, said = [], []

    async def app(scope, receive, send) -> None:
        reached.append(scope)

    async def send(message) -> None:
        said.append(message)

    async def receive():
        return {"type": "websocket.connect" if kind == "websocket" else "http.request"}

    scope = {"type": kind, "headers": [(name.encode(), value.encode()) for name, value in headers], "method": "GET"}
    asyncio.run(SameOriginMiddleware(app, port)(scope, receive, send))
    first = said[0] if said else {}
    return bool(reached), first.get("status", first.get("type"))
