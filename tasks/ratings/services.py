"""Fetch and check the published ratings, by one GET per day and service."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from tasks.addresses import shown, shown_within
from tasks.errors import InputError, RatingsServiceError
from tasks.ratings.columns import Columns

if TYPE_CHECKING:
    import pandas as pd

    from tasks.ratings.clean import RatingRows
    from tasks.ratings.csv_table import Rows

DEFAULT_BASE_URL = "https://betfair-data-supplier-prod.herokuapp.com"
"""Base address of both services."""

COLUMNS = Columns(
    market_id="meetings.races.bfExchangeMarketId",
    selection_id="meetings.races.runners.bfExchangeSelectionId",
    rating="meetings.races.runners.ratedPrice",
    name="meetings.races.runners.name",
)
"""The columns that both services have, in any order; others are ignored."""

LONGEST_WAIT = 60.0
"""Seconds; upper limit on the wait that a Retry-After header asks for."""

_backoff = wait_exponential_jitter(initial=1, max=30, jitter=1)


@dataclass(frozen=True)
class Service:
    """A ratings service.

    Attributes:
        name: Its name for users.
        path: Its name in URLs.
    """

    name: str
    path: str


SERVICES = {
    service.name: service
    for service in (
        Service("iggy", "iggy-joey"),  # greyhounds
        Service("kash", "kash-ratings-model"),  # thoroughbreds
    )
}
"""The services by name."""


@dataclass(frozen=True)
class ServiceRatings:
    """A service's ratings, as a source that is read day by day.

    Attributes:
        service: The service.
        base_url: The services' base address with any credentials, only for requests.
    """

    service: Service
    base_url: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse an address that is none, before anything waits for it.

        Raises:
            InputError: It is not an http or https address.
        """
        _address(self.service, date.min, self.base_url)

    @property
    def name(self) -> str:
        """Its name for users and in the lake."""
        return self.service.name

    @property
    def address(self) -> str:
        """The services' base address without secrets."""
        return shown(self.base_url)

    @property
    def content(self) -> str:
        """The address; with the day, it identifies the ratings."""
        return self.address

    def days(self, market_dates: "pd.Series[date]") -> list[str]:
        """Return the markets' days, sorted, as YYYY-MM-DD."""
        return sorted({day.isoformat() for day in market_dates})

    def read(self, day: str) -> "Iterator[RatingRows]":
        """Fetch a day (YYYY-MM-DD).

        Raises:
            RatingsServiceError: The service did not return the day.
        """
        when = date.fromisoformat(day)
        with session() as http:
            return parse_day(fetch_day(http, self.service, when, self.base_url), self.service, when)


def session() -> requests.Session:
    """Open a session for `fetch_day`, without retries of its own; one per thread, closed by the caller."""
    http = requests.Session()
    http.headers["User-Agent"] = "betfair-backtest"
    return http


def fetch_day(  # noqa: PLR0913 - four say what to fetch; the others, with defaults, how long to try
    http: requests.Session,
    service: Service,
    day: date,
    base_url: str = DEFAULT_BASE_URL,
    *,
    timeout: tuple[float, float] = (5, 30),
    attempts: int = 5,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Fetch the ratings of one day as the service sends them.

    Retries, after about 1, 2, 4 and 8 seconds or what a Retry-After header says, only on status 5xx and 429, time-outs,
    and connections that fail or break before the whole body has arrived.

    Args:
        http: From `session`.
        service: One of `SERVICES`.
        day: The day of the races, by the service's calendar.
        base_url: Scheme, host and any path before `/api`; a user and password in it are sent, but never shown.
        timeout: Seconds to wait for a connection, and for each piece of a response.
        attempts: Maximum number.
        sleep: Waits for a number of seconds.

    Returns:
        A CSV text with the columns that `parse_day` needs, or a blank text for a day without races.

    Raises:
        RatingsServiceError: The service did not return that; the message names the address and the day.
        InputError: `base_url` is not an http or https address.
    """
    url, auth = _address(service, day, base_url)
    where = f"{url} for {day}"

    def get() -> requests.Response:
        with http.get(url, auth=auth, timeout=timeout) as response:
            response.raise_for_status()
            return response

    retrying = Retrying(
        sleep=sleep,
        stop=stop_after_attempt(attempts),
        wait=_wait,
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    try:
        response = retrying(get)
    except (requests.RequestException, ValueError) as error:  # a redirect to an invalid URL raises a plain ValueError
        asked = retrying.statistics["attempt_number"]
        times = "" if asked == 1 else f", asked {asked} times"
        # `from None`: the error's text contains the address of a redirect, which may be signed.
        raise RatingsServiceError(f"{where}: {_what_came(error)}{times}; expected CSV") from None
    # 202 and similar also have an empty body, but do not mean a day without races.
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        raise RatingsServiceError(f"{where}: got HTTP {response.status_code}, expected CSV")
    return _checked_text(response, where)


def parse_day(text: str, service: Service, day: date) -> "Iterator[RatingRows]":
    """Parse the text from `fetch_day`.

    Args:
        text: CSV; blank, or only a header, on a day without races.
        service: For messages.
        day: For messages.

    Returns:
        The clean rows, block by block; ratings are decimal odds. Rejects are named by line of the text; the header is
        line 1.

    Raises:
        RatingsServiceError: The text is not CSV, or lacks one of `COLUMNS` or has it twice.
    """
    # Imported late: each command's parameters name the sources of ratings, and few read any.
    from tasks.ratings.clean import clean_rows  # noqa: PLC0415

    return clean_rows(_rows(text, f"ratings of {service.name} for {day}"))


def _address(service: Service, day: date, base_url: str) -> tuple[str, tuple[str, str] | None]:
    """Build a day's URL, with user and password apart, because every error's text contains the URL."""
    try:
        base = urlsplit(base_url)
    except ValueError:
        base = urlsplit("")
    user, _, host = base.netloc.rpartition("@")
    if base.scheme not in ("http", "https") or not host or urlsplit(shown(base_url)).netloc != host:
        # Without the address: if it cannot be parsed, any part may be the password.
        raise InputError(f"base address of the ratings services: not a URL; expected one like {DEFAULT_BASE_URL}")
    path = f"{base.path.rstrip('/')}/api/widgets/{service.path}/datasets"
    query = urlencode({"date": day.isoformat(), "presenter": "RatingsPresenter", "csv": "true"})
    name, _, password = user.partition(":")
    return urlunsplit((base.scheme, host, path, query, "")), (unquote(name), unquote(password)) if user else None


def _may_pass(error: BaseException) -> bool:
    """Return whether an error is transient."""
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    # A body shorter than its Content-Length raises ChunkedEncodingError too, despite the name.
    return isinstance(error, requests.Timeout | requests.ConnectionError | requests.exceptions.ChunkedEncodingError)


def _wait(state: RetryCallState) -> float:
    """Seconds to wait after a failed attempt: what the service asks for, else exponential backoff."""
    error = state.outcome.exception() if state.outcome else None
    asked = _retry_after(error.response) if isinstance(error, requests.HTTPError) else None
    return _backoff(state) if asked is None else min(asked, LONGEST_WAIT)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as a date; None without a valid one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date with the zone "-0000" is UTC, but is parsed without a zone.
    left = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)
    return max(left.total_seconds(), 0.0)


def _what_came(error: Exception) -> str:
    """Describe an error in one line."""
    if isinstance(error, requests.HTTPError):
        return f"got HTTP {error.response.status_code} {error.response.reason or ''}".rstrip()
    if isinstance(error, requests.Timeout):
        return "got no answer in time"
    # The outer errors say "Max retries exceeded" though there were none; the innermost has the cause.
    inner: object = error
    while isinstance(inner, Exception) and inner.args:
        deeper = getattr(inner, "reason", None) or inner.args[0]
        if not isinstance(deeper, str | Exception):  # the errno of an OSError
            break
        inner = deeper
    return f"got no whole answer ({type(error).__name__}: {' '.join(shown_within(str(inner)).split())})"


def _checked_text(response: requests.Response, where: str) -> str:
    """Decode a response and check that it is the expected table."""
    try:
        # Not `response.text`, which assumes Latin-1 if no charset is declared.
        text = response.content.decode()
    except UnicodeDecodeError as error:
        raise RatingsServiceError(f"{where}: got bytes that are not UTF-8, expected CSV") from error
    if "html" in response.headers.get("Content-Type", "") or text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise RatingsServiceError(f"{where}: got an HTML page, expected CSV")
    _rows(text, where)
    return text


def _rows(text: str, where: str) -> "list[Rows]":
    """Split a service's text and check its columns; return all rows, as a day has few."""
    from tasks.ratings.csv_table import CsvTable  # noqa: PLC0415 - as `clean_rows`

    try:
        table = CsvTable([text.encode()])
        if not table.header:
            return []
        if fault := COLUMNS.fault(table.header):
            table.check()
            raise RatingsServiceError(f"{where}: {fault}")
        return list(table.blocks(COLUMNS))
    except ValueError as error:
        raise RatingsServiceError(f"{where}: what came is not a CSV file: {error}") from error
