"""The interface of ratings sources, and finding the one that a user names."""

from typing import TYPE_CHECKING, Protocol

from tasks.ratings.predictions import find_file
from tasks.ratings.services import SERVICES, ServiceRatings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import pandas as pd

    from tasks.ratings.clean import RatingRows


class RatingsSource(Protocol):
    """A source of ratings; each kind has its own module.

    Attributes:
        name: Its name in the lake.
        address: Its path or URL without secrets.
        content: Identifies its ratings together with the day: an address, or the digest of a file's content.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - documented above

    @property
    def address(self) -> str: ...  # noqa: D102

    @property
    def content(self) -> str: ...  # noqa: D102

    def days(self, market_dates: "pd.Series[date]") -> list[str]:
        """Return the partitions in which it is read and stored.

        Args:
            market_dates: Days of the markets to be rated, in their tracks' time zones.

        Returns:
            Values of the lake's partition `date`, in order.
        """
        ...

    def read(self, day: str) -> "Iterator[RatingRows]":
        """Read one of its days.

        Args:
            day: From `days`.

        Returns:
            Its rows, block by block, to be believed once all are read; no block if it is blank.

        Raises:
            RatingsServiceError: The service did not return the day.
            RatingsFileError: The file cannot be read.
            ChangedSourceError: The file has changed since it was found.
        """
        ...


def find_source(ratings: str, base_url: str) -> RatingsSource:
    """Find the source that a user names.

    Args:
        ratings: `iggy`, `kash`, or the path or URL of a CSV file.
        base_url: The services' base address.

    Raises:
        InputError: The services' address is not an http or https address.
        RatingsFileError: There is no such file, it cannot be opened, is empty, or lacks columns.
    """
    if service := SERVICES.get(ratings):
        return ServiceRatings(service, base_url)
    return find_file(ratings)
