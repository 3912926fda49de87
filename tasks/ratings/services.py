"""The published ratings: one GET a day and service, and what its answer must look like.

No lake and no Prefect: a day's text in, its clean rows out. The user's own file is in `predictions`.
"""

import time
from collections.abc import Callable
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
from tasks.ratings.columns import Columns, CsvTable, RatingRows, clean_rows, read_csv

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_BASE_URL = "https://betfair-data-supplier-prod.herokuapp.com"
"""Where both services are."""

COLUMNS = Columns(
    market_id="meetings.races.bfExchangeMarketId",
    selection_id="meetings.races.runners.bfExchangeSelectionId",
    rating="meetings.races.runners.ratedPrice",
    name="meetings.races.runners.name",
)
"""The columns that both services have; what else they send is not read, in whatever order it comes."""

LONGEST_WAIT = 60.0
"""Seconds: a service that asks for more patience than this is asked again after this."""

_backoff = wait_exponential_jitter(initial=1, max=30, jitter=1)


@dataclass(frozen=True)
class Service:
    """A ratings service.

    Attributes:
        name: What users call it.
        path: What its address calls it.
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
        base_url: Where the services are, with all that is in it; only requests have it.
    """

    service: Service
    base_url: str = field(repr=False)

    @property
    def name(self) -> str:
        """What users and the lake call it."""
        return self.service.name

    @property
    def address(self) -> str:
        """Where the services are, without what may be secret."""
        return shown(self.base_url)

    @property
    def content(self) -> str:
        """The address: whatever it gives is that day's."""
        return self.address

    def days(self, market_dates: "pd.Series[date]") -> list[str]:
        """A day for each day of racing."""
        return sorted({day.isoformat() for day in market_dates})

    def read(self, day: str) -> RatingRows:
        """Ask the service for a day.

        Args:
            day: YYYY-MM-DD.

        Raises:
            RatingsServiceError: It did not give the day.
        """
        when = date.fromisoformat(day)
        with session() as http:
            return parse_day(fetch_day(http, self.service, when, self.base_url), self.service, when)


def session() -> requests.Session:
    """Open a session for `fetch_day`; one a thread, and the caller closes it.

    Returns:
        A session that says who asks. It retries nothing by itself.
    """
    http = requests.Session()
    http.headers["User-Agent"] = "betfair-backtest"
    return http


def fetch_day(  # noqa: PLR0913 - the four that say what to get are its arguments; the others are patience, with defaults
    http: requests.Session,
    service: Service,
    day: date,
    base_url: str = DEFAULT_BASE_URL,
    *,
    timeout: tuple[float, float] = (5, 30),
    attempts: int = 5,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Get the ratings of one day as the service sends them.

    Asked again, after about 1, 2, 4 and 8 seconds or what a Retry-After header says: status 5xx and 429, time-outs, and
    connections that fail or are cut before the whole body is there. Nothing else is.

    Args:
        http: From `session`.
        service: One of `SERVICES`.
        day: The day of the races, by the service's calendar.
        base_url: Scheme, host and, where there is one, the path before `/api`; a user and password in it are sent, but
            never shown.
        timeout: Seconds to wait for a connection, and for each piece of an answer.
        attempts: How often to ask at most.
        sleep: Waits for so many seconds.

    Returns:
        A CSV text that has the columns `parse_day` needs, or a blank text for a day without races.

    Raises:
        RatingsServiceError: Anything else came, or nothing; it names the address and the day.
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
    except (requests.RequestException, ValueError) as error:  # a redirect to what is no URL is a plain ValueError
        asked = retrying.statistics["attempt_number"]
        times = "" if asked == 1 else f", asked {asked} times"
        # Not from the error: where the service sent us on, to a signed address say, stands in it.
        raise RatingsServiceError(f"{where}: {_what_came(error)}{times}; expected CSV") from None
    # 202 and its like also have an empty body, but do not mean that there are no races.
    if response.status_code not in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
        raise RatingsServiceError(f"{where}: got HTTP {response.status_code}, expected CSV")
    return _checked_text(response, where)


def parse_day(text: str, service: Service, day: date) -> RatingRows:
    """Read what `fetch_day` got.

    Args:
        text: The CSV text; blank, or only a header, on a day without races.
        service: The service it is from, for messages.
        day: The day it is for, for messages.

    Returns:
        The clean rows; ratings are decimal odds. Rejects are named by line of the text, the header being line 1.

    Raises:
        RatingsServiceError: The text is not a CSV file, or its columns are other than `COLUMNS`.
    """
    return clean_rows(_table(text, f"ratings of {service.name} for {day}"), COLUMNS)


def _address(service: Service, day: date, base_url: str) -> tuple[str, tuple[str, str] | None]:
    """Build a day's URL, and take user and password out of it: from there they get into every error's text."""
    try:
        base = urlsplit(base_url)
    except ValueError:
        base = urlsplit("")
    user, _, host = base.netloc.rpartition("@")
    if base.scheme not in ("http", "https") or not host or urlsplit(shown(base_url)).netloc != host:
        # Without the address: of one that cannot be taken apart nobody knows which part is the password.
        raise InputError(f"base address of the ratings services: not a URL; expected one like {DEFAULT_BASE_URL}")
    path = f"{base.path.rstrip('/')}/api/widgets/{service.path}/datasets"
    query = urlencode({"date": day.isoformat(), "presenter": "RatingsPresenter", "csv": "true"})
    name, _, password = user.partition(":")
    return urlunsplit((base.scheme, host, path, query, "")), (unquote(name), unquote(password)) if user else None


def _may_pass(error: BaseException) -> bool:
    """Tell a fault that may be gone at the next attempt from one that will not."""
    if isinstance(error, requests.HTTPError):
        status = error.response.status_code
        return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    # A body shorter than its Content-Length is a ChunkedEncodingError too, whatever its name says.
    return isinstance(error, requests.Timeout | requests.ConnectionError | requests.exceptions.ChunkedEncodingError)


def _wait(state: RetryCallState) -> float:
    """Seconds to wait after a failed attempt: what the service asks for, or else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = _retry_after(error.response) if isinstance(error, requests.HTTPError) else None
    return _backoff(state) if asked is None else min(asked, LONGEST_WAIT)


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that a Retry-After header asks for, as a number or as the time to ask again; None without a valid one."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    # A date with the zone "-0000" is UTC, but comes back without a zone.
    left = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime.now(UTC)
    return max(left.total_seconds(), 0.0)


def _what_came(error: Exception) -> str:
    """Return in one line what came instead of an answer."""
    if isinstance(error, requests.HTTPError):
        return f"got HTTP {error.response.status_code} {error.response.reason or ''}".rstrip()
    if isinstance(error, requests.Timeout):
        return "got no answer in time"
    # The outer texts say "Max retries exceeded" though there were none; the innermost says what happened.
    inner: object = error
    while isinstance(inner, Exception) and inner.args:
        deeper = getattr(inner, "reason", None) or inner.args[0]
        if not isinstance(deeper, str | Exception):  # the number of a system error
            break
        inner = deeper
    return f"got no whole answer ({type(error).__name__}: {' '.join(shown_within(str(inner)).split())})"


def _checked_text(response: requests.Response, where: str) -> str:
    """Decode an answer and see that it is the table that was asked for."""
    try:
        # Not `response.text`: without a declared charset that takes any text for Latin-1.
        text = response.content.decode()
    except UnicodeDecodeError as error:
        raise RatingsServiceError(f"{where}: got bytes that are not UTF-8, expected CSV") from error
    if "html" in response.headers.get("Content-Type", "") or text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise RatingsServiceError(f"{where}: got an HTML page, expected CSV")
    _table(text, where)
    return text


def _table(text: str, where: str) -> CsvTable:
    """Split a service's text and see that the columns are there."""
    try:
        table = read_csv(text)
    except ValueError as error:
        raise RatingsServiceError(f"{where}: what came is not a CSV file: {error}") from error
    if not table.header:
        return CsvTable([column for column in COLUMNS if column], [])
    if fault := COLUMNS.fault(table.header):
        raise RatingsServiceError(f"{where}: {fault}")
    return table
