"""What a job's process does on a Dask worker; never imports Dask, which would cost each of them half a second."""

import pickle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.cluster.place import Place


def lacking_at(packed: bytes) -> str | None:
    """Enter a place and return what is lacking there, in words, or None.

    Args:
        packed: A `Place`, pickled.
    """
    place: Place = pickle.loads(packed)  # noqa: S301 - Dask itself unpickles all that it is sent
    place.enter()
    return place.lacking()


def work_at(packed: tuple[bytes, bytes]) -> object:
    """Enter a place and do a job there.

    Args:
        packed: A `Place`, and the function and its argument, each pickled.
    """
    place, job = packed
    there: Place = pickle.loads(place)  # noqa: S301 - as above
    there.enter()
    # Only now, because a lake's relative path is resolved as it is unpickled.
    work, argument = pickle.loads(job)  # noqa: S301 - as above
    return work(argument)
