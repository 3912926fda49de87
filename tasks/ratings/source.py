"""Where ratings come from: what each source can do, and which one a user means."""

from typing import TYPE_CHECKING, Protocol

from tasks.ratings.columns import RatingRows
from tasks.ratings.predictions import find_file
from tasks.ratings.services import SERVICES, ServiceRatings

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd


class RatingsSource(Protocol):
    """A source of ratings; each kind is a file beside this one.

    Attributes:
        name: What the lake calls it.
        address: Where it is, without what may be secret.
        content: What decides its ratings besides the day: an address, or the digest of a file's content.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - said above

    @property
    def address(self) -> str: ...  # noqa: D102

    @property
    def content(self) -> str: ...  # noqa: D102

    def days(self, market_dates: "pd.Series[date]") -> list[str]:
        """Return the parts in which it is read and kept.

        Args:
            market_dates: Days of the markets to be rated, where their tracks are.

        Returns:
            Values of the lake's partition `date`, in order.
        """
        ...

    def read(self, day: str) -> RatingRows:
        """Read one of its days.

        Args:
            day: From `days`.

        Returns:
            The clean rows, and those that are left out.

        Raises:
            RatingsServiceError: The service did not give the day.
            RatingsFileError: The file cannot be read.
            ChangedSourceError: It is another by now.
        """
        ...


def find_source(ratings: str, base_url: str) -> RatingsSource:
    """Find the source a user means.

    Args:
        ratings: `iggy`, `kash`, or the path or URL of a CSV file.
        base_url: Where the services are.

    Returns:
        The source.

    Raises:
        RatingsFileError: There is no such file.
    """
    if service := SERVICES.get(ratings):
        return ServiceRatings(service, base_url)
    return find_file(ratings)
