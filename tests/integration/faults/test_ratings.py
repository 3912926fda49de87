"""A ratings service at its worst: right ratings, or a clear failure of a day alone that the next run makes good."""

import random
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from chaos import times
from listening import listening

from sample.ratings import path_of
from sample.server import _requested_day

HALF_BAD = ("500", "503", "429", "cut", "hang up")
WRONG = {
    "html": "got an HTML page",
    "columns": "columns missing: 'meetings.races.runners.ratedPrice'",
    "404": "got HTTP 404 Not Found",
}


class Handler(BaseHTTPRequestHandler):
    """Answers with a day's file, or with one of these faults."""

    def __init__(self, folder: Path, fault, *args) -> None:
        self._folder, self._fault = folder, fault
        super().__init__(*args)

    def do_GET(self) -> None:
        day = _requested_day(self.path)
        body = path_of(self._folder, day).read_bytes()
        fault = self._fault(day)
        if fault in {"500", "503", "429", "404"}:
            self.send_response(int(fault))
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "hang up":
            self.close_connection = True
            return
        if fault == "html":
            body = b"<!DOCTYPE html><html>Sign in</html>"
        if fault == "columns":
            body = body.replace(b"ratedPrice", b"price")
        self.send_response(200)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
        self.close_connection = True

    def log_message(self, *_) -> None:
        """Say nothing."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(times(1, 20)))
def test_half_of_its_answers_are_faults(seed, month, asked, tmp_path, backtest, judge):
    rng = random.Random(seed)  # noqa: S311 - faults, not secrets
    fault = partial(lambda rng, _: rng.choice(HALF_BAD) if rng.random() < 0.5 else "", rng)
    with listening(partial(Handler, month.ratings, fault)) as url:
        done = backtest(*asked(tmp_path), expect=None, BACKTEST_RATINGS_URL=url)
        while done.returncode:  # five faults in a row for one day
            assert "asked 5 times" in done.stderr
            done = backtest(*asked(tmp_path), expect=None, BACKTEST_RATINGS_URL=url)
    judge("a ratings service of whose answers half are 5xx, 429, cut or none", tmp_path)


@pytest.mark.parametrize("kind", list(WRONG)[: times(1, len(WRONG))])
def test_a_day_that_is_wrong_fails_alone_and_is_asked_again(
    kind, month, ratings_url, asked, tmp_path, backtest, backtest_json, judge
):
    bad = sorted(month.ratings.glob("*.csv"))[1].stem
    with listening(partial(Handler, month.ratings, lambda day: kind if day.isoformat() == bad else "")) as url:
        failed = backtest(*asked(tmp_path), expect=1, BACKTEST_RATINGS_URL=url)
        assert "ratings: 1 of 3 tasks failed; the others' output is kept." in failed.stderr
        assert f"for {bad}: {WRONG[kind]}" in failed.stderr
        kept = {path.parent.name for path in (tmp_path / "ratings").rglob("*.parquet")}
        assert len(kept) == 2
        assert f"date={bad}" not in kept
    with listening(partial(Handler, month.ratings, lambda _: "")) as mended:
        backtest_json(*asked(tmp_path), BACKTEST_RATINGS_URL=mended)
    judge("a ratings service that answers a day with HTML, other columns, 404", tmp_path)
