"""The services, against a real server on this machine. Waits are recorded, not waited."""

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs, urlsplit

import pytest
from rated import whole

from tasks.errors import InputError, RatingsServiceError
from tasks.ratings.services import COLUMNS, DEFAULT_BASE_URL, SERVICES, fetch_day, parse_day, session

IGGY, KASH = SERVICES["iggy"], SERVICES["kash"]
DAY = date(2022, 3, 1)
HEADER = (
    "meetings.name,meetings.races.bfExchangeMarketId,meetings.races.runners.bfExchangeSelectionId,"
    "meetings.races.runners.number,meetings.races.runners.name,meetings.races.runners.ratedPrice\n"
)
CSV = HEADER + "Devonport,1.195395419,43154446,1,Magic Rogue,8.23\nDevonport,1.195395419,43154447,2,Youré Off,6.12\n"


@dataclass
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: bytes = CSV.encode()
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None  # the Content-Length, where it is not the truth
    hangs: bool = False
    chunked_and_cut: bool = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer; headers and body in two cost 40 ms on a kept connection

    def do_GET(self):
        self.server.requests.append(self)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.hangs:
            self.server.closing.wait()
            self.close_connection = True
            return
        self.send_response(answer.status)
        if answer.chunked_and_cut:
            self.send_header("Transfer-Encoding", "chunked")
            self.close_connection = True
        else:
            length = len(answer.body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
            self.close_connection = length != len(answer.body)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(answer.body), answer.body) if answer.chunked_and_cut else answer.body)

    def log_message(self, *_):
        """Keep the test's output to the test's."""


class Server(ThreadingHTTPServer):
    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.requests = []
        self.closing = Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(*answers):
    with Server(answers) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def http():
    with session() as opened:
        opened.trust_env = False  # a proxy of this machine is not to be asked for 127.0.0.1
        yield opened


@pytest.fixture
def waits():
    return []


@pytest.fixture
def fetch(http, waits):
    def fetch_from(server, service=IGGY, **options):
        return fetch_day(http, service, DAY, server.url, **{"sleep": waits.append, **options})

    yield fetch_from
    http.close()  # before the server, which waits for its open connections


@pytest.fixture
def published():
    folder = os.environ.get("BACKTEST_TEST_DATA")
    if not folder:
        pytest.skip("BACKTEST_TEST_DATA does not name the folder of the published data")
    return Path(folder) / "iggy"


@contextmanager
def refused(server, match, *, service=IGGY):
    with pytest.raises(RatingsServiceError, match=match) as raised:
        yield
    text = str(raised.value)
    assert text.startswith(f"{server.url}/api/widgets/{service.path}/datasets?date=2022-03-01&")
    assert " for 2022-03-01: " in text
    assert "\n" not in text


@pytest.mark.parametrize(("service", "path"), [(IGGY, "iggy-joey"), (KASH, "kash-ratings-model")])
def test_a_day_is_one_request(fetch, waits, service, path):
    with serving(Answer()) as server:
        assert fetch(server, service) == CSV
    (request,) = server.requests
    address = urlsplit(request.path)
    assert address.path == f"/api/widgets/{path}/datasets"
    assert parse_qs(address.query) == {"date": ["2022-03-01"], "presenter": ["RatingsPresenter"], "csv": ["true"]}
    assert request.headers["User-Agent"] == "betfair-backtest"
    assert waits == []


def test_text_is_utf8_whatever_the_header_leaves_open(fetch):
    with serving(Answer(headers={"Content-Type": "text/csv"})) as server:
        assert "Youré Off" in fetch(server)


def test_a_server_error_passes(fetch, waits):
    with serving(Answer(500), Answer(503), Answer()) as server:
        assert fetch(server) == CSV
    assert len(server.requests) == 3
    assert 1 <= waits[0] <= 2 <= waits[1] <= 3


def test_half_of_the_requests_failing_loses_no_day(fetch, waits):
    with serving(*[Answer(502), Answer()] * 20) as server:
        assert [fetch(server) for _ in range(20)] == [CSV] * 20
    assert len(waits) == 20


def test_a_server_error_that_stays_is_given_up(fetch, waits):
    with serving(Answer(500)) as server, refused(server, "got HTTP 500 Internal Server Error, asked 5 times"):
        fetch(server)
    assert len(server.requests) == 5
    assert [int(wait) for wait in waits] == [1, 2, 4, 8]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("0", 0), ("3600", 60)])
def test_retry_after_is_obeyed_up_to_a_minute(fetch, waits, status, header, seconds):
    with serving(Answer(status, headers={"Retry-After": header}), Answer()) as server:
        assert fetch(server) == CSV
    assert waits == [seconds]


@pytest.mark.parametrize(
    ("seconds", "least", "most"), [(40, 20, 40), (3600, 60, 60), (-3600, 0, 0)], ids=["soon", "late", "past"]
)
def test_retry_after_may_be_a_date(fetch, waits, seconds, least, most):
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)
    with serving(Answer(429, headers={"Retry-After": when}), Answer()) as server:
        assert fetch(server) == CSV
    assert least <= waits[0] <= most


def test_retry_after_that_says_nothing_is_ignored(fetch, waits):
    with serving(Answer(429, headers={"Retry-After": "soon"}), Answer(429), Answer()) as server:
        assert fetch(server) == CSV
    assert [int(wait) for wait in waits] == [1, 2]


@pytest.mark.parametrize(
    "cut", [Answer(length=10_000), Answer(chunked_and_cut=True)], ids=["shorter than its Content-Length", "chunks"]
)
def test_a_connection_cut_within_the_body_is_asked_again(fetch, waits, cut):
    with serving(cut, Answer()) as server:
        assert fetch(server) == CSV
    assert len(waits) == 1
    with serving(cut) as server, refused(server, "got no whole answer .*asked 2 times"):
        fetch(server, attempts=2)


def test_no_answer_in_time_is_asked_again(fetch, waits):
    with serving(Answer(hangs=True), Answer()) as server:
        assert fetch(server, timeout=(60, 2)) == CSV
    assert len(waits) == 1
    with serving(Answer(hangs=True)) as server, refused(server, "got no answer in time, asked 2 times"):
        fetch(server, timeout=(60, 0.2), attempts=2)


def test_nobody_there_is_asked_again(fetch, waits):
    with serving(Answer()) as server:
        pass
    with refused(server, "got no whole answer .*refused.*asked 5 times"):
        fetch(server)
    assert len(waits) == 4


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Answer(404, b"no such day"), "got HTTP 404 Not Found"),
        (Answer(401), "got HTTP 401 Unauthorized"),
        (Answer(202, b""), "got HTTP 202"),
        (Answer(304, b""), "got HTTP 304"),
        (
            Answer(body=b"<html>Sign in</html>", headers={"Content-Type": "text/html; charset=utf-8"}),
            "got an HTML page",
        ),
        (Answer(body=b"\n<!DOCTYPE html>"), "got an HTML page"),
        (Answer(body=b'{"error":"none"}'), "columns missing: 'meetings.*'; columns seen: '{\"error\":\"none\"}'"),
        (Answer(body=b"\xff\xfe\x00"), "got bytes that are not UTF-8"),
        (Answer(body=CSV.replace("Magic", '"Magic').encode()), "not a CSV file: line 2: "),
        (
            Answer(body=b"not packed", headers={"Content-Encoding": "gzip"}),
            "got no whole answer .ContentDecodingError",
        ),
        (Answer(302, b"", {"Location": "nosuch://host/"}), "got no whole answer .InvalidSchema"),
        (Answer(302, b"", {"Location": "http://[host/"}), "got no whole answer .ValueError: Invalid IPv6 URL"),
    ],
)
def test_a_wrong_answer_is_refused_at_once(fetch, waits, answer, what):
    with serving(answer) as server, refused(server, what):
        fetch(server)
    assert len(server.requests) == 1
    assert waits == []


def test_renamed_columns_are_refused_by_name(fetch):
    body = CSV.replace("ratedPrice", "price")
    seen = r"columns missing: 'meetings\.races\.runners\.ratedPrice'; columns seen: 'meetings\.name', .*runners\.price'"
    with serving(Answer(body=body.encode())) as server, refused(server, seen, service=KASH):
        fetch(server, KASH)
    with pytest.raises(RatingsServiceError, match=f"^ratings of kash for 2022-03-01: {seen}"):
        parse_day(body, KASH, DAY)


def test_redirects_are_followed(fetch):
    with serving(Answer(302, b"", {"Location": "/elsewhere"}), Answer()) as server:
        assert fetch(server) == CSV
    assert [request.path for request in server.requests][1:] == ["/elsewhere"]


def test_redirects_in_a_circle_are_refused(fetch, waits):
    with serving(Answer(302, b"", {"Location": "/round"})) as server, refused(server, "TooManyRedirects"):
        fetch(server)
    assert waits == []


def test_a_password_is_sent_and_never_shown(http):
    with serving(Answer(404)) as server:
        base_url = server.url.replace("//", "//me:se%2Fcret@") + "/mirror/?key=secret"
        with pytest.raises(RatingsServiceError) as raised:
            fetch_day(http, IGGY, DAY, base_url)
        http.close()
    assert server.requests[0].path.startswith("/mirror/api/widgets/iggy-joey/datasets?date=")
    assert server.requests[0].headers["Authorization"] == "Basic bWU6c2UvY3JldA=="  # me:se/cret
    assert "cret" not in str(raised.value)
    assert "cret" not in str(raised.value.__cause__)


@pytest.mark.parametrize("base_url", ["", "localhost:80", "ftp://me:secret@host", "https://", "http://me:secret@[host"])
def test_a_base_address_that_is_none_is_refused(http, base_url):
    with pytest.raises(InputError, match=f"expected one like {DEFAULT_BASE_URL}$") as raised:
        fetch_day(http, IGGY, DAY, base_url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "answer", [Answer(body=b""), Answer(204, b""), Answer(body=b"\n"), Answer(body=HEADER.encode())]
)
def test_a_day_without_races_is_an_empty_table(fetch, answer):
    with serving(answer) as server:
        ratings, rejects, rows = whole(parse_day(fetch(server), IGGY, DAY))
    assert (len(ratings), rejects, rows) == (0, [], 0)
    assert ratings["market_id"].dtype == "str"


def test_columns_in_any_order_with_others_and_ids_as_floats():
    header = f"x,{COLUMNS.rating},{COLUMNS.name},{COLUMNS.selection_id},{COLUMNS.market_id}"
    found = whole(
        parse_day(f"\ufeff{header}\n,8.23,Magic Rogue,43154446.0,1.19539574\n,N/A,,43154447,1.19539574\n", KASH, DAY)
    )
    assert found.ratings.to_dict("records") == [
        {"market_id": "1.195395740", "selection_id": 43154446, "rating": 8.23, "name": "Magic Rogue"}
    ]
    assert [(reject.what, reject.reason) for reject in found.rejects] == [("row 3", "not a rating")]
    assert found.rows == 2


@pytest.mark.parametrize(
    ("day", "rows", "markets"),
    [(date(2022, 3, 1), 646, 94), (date(2022, 3, 2), 585, 84), (date(2022, 3, 3), 739, 104)],
)
def test_the_published_days(fetch, published, day, rows, markets):
    with serving(Answer(500), Answer(body=(published / f"{day}.csv").read_bytes())) as server:
        found = whole(parse_day(fetch(server), IGGY, day))
    assert (found.rows, len(found.ratings), found.rejects) == (rows, rows, [])
    assert found.ratings["market_id"].nunique() == markets


def test_a_renamed_last_column_is_seen_in_the_message(published):
    text = (published / f"{DAY}.csv").read_text().replace("ratedPrice", "fairPrice", 1)
    with pytest.raises(RatingsServiceError, match=r"missing: .*ratedPrice'; columns seen: .*fairPrice'$"):
        parse_day(text, IGGY, DAY)
