"""A message that is left unread until somebody asks what it says, which in a lull nobody may ever do."""

from functools import cached_property

import orjson

from tasks.simulation.lean.book import Change


class Unread:
    """A message of the lake, which has one change.

    Attributes:
        message: As JSON.
    """

    def __init__(self, message: str) -> None:
        self.message = message

    @cached_property
    def _parsed(self) -> tuple[int, Change]:
        parsed = orjson.loads(self.message)
        (change,) = parsed["mc"]
        return parsed["pt"], change

    @property
    def publish_time(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._parsed[0]

    @property
    def change(self) -> Change:
        """The market's entry of `mc`."""
        return self._parsed[1]


def read(message: Change | Unread) -> Change:
    """Return a message's change, whether it was read or not."""
    return message.change if isinstance(message, Unread) else message


def has_only_prices(message: str) -> bool:
    """Return whether a message can be seen to have neither definition nor image, without parsing it."""
    # A backslash may spell a letter of a key.
    return (
        "marketDefinition" not in message
        and message.count('"img"') == message.count('"img":false')
        and "\\" not in message
    )
