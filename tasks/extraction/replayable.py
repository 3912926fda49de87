"""What a replay needs of a market's messages: betfairlightweight itself is asked, so that it and we cannot disagree.

It takes most of what it is given and raises on the rest, which would end the replay of other markets too. What a market
needs beyond that, to be settled and to have its place in the catalogue, is `catalogue.py`'s business.
"""

import inspect
from collections.abc import Iterator
from typing import Any

import orjson
from betfairlightweight.resources.streamingresources import MarketDefinition
from betfairlightweight.streaming.cache import RunnerBookCache

from tasks.extraction.messages import BadMemberError, Message

Row = dict[str, Any]
RunnerKey = tuple[int, float] | int

_REFUSALS = (AttributeError, KeyError, TypeError, ValueError)

_REQUIRED = [
    parameter.name
    for parameter in inspect.signature(MarketDefinition).parameters.values()
    if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
]

# A definition that is taken. Of one that is not, each field is tried alone, in the place of the one here.
_SOUND: Row = {**dict.fromkeys(_REQUIRED), "marketTime": "2026-01-01T00:00:00.000Z", "runners": []}


class ReplayCheck:
    """Finds the first of a market's messages on which flumine's stream would raise.

    Attributes:
        known: The runners that were named since the last image, by selection id and handicap; those whose handicap is 0
            also by the id alone, which is how most messages name them.
        problem: Why that message cannot be replayed; None while there is none.
    """

    def __init__(self, market_id: str) -> None:
        self._market_id = market_id
        self.known: set[RunnerKey] = set()
        self.problem: BadMemberError | None = None

    def define(self, change: Row, number: int) -> None:
        """Take a change with a definition, or with an image, which has to have one.

        Args:
            change: The market's entry of `mc`.
            number: Of its message, from 1.
        """
        if change.get("img"):
            self.known.clear()
        definition = change.get("marketDefinition")
        if definition is None:
            self._refuse("an image without definition", "flumine cannot tell when the market starts", number)
            return
        try:
            self.known |= _runners_of(definition)
        except _REFUSALS as error:
            wrong = "; ".join(_wrong(definition)) or str(error)
            self._refuse("a definition that cannot be replayed", wrong, number)

    def name(self, message: Message, number: int) -> None:
        """Take a message that names a runner for the first time, which no definition did.

        Args:
            number: Its own, from 1.
        """
        # As it came: what was read of it lacks the fields that nobody knows, and it is those that are refused.
        for entry in orjson.loads(message.raw)["mc"][0]["rc"]:
            if _key_of(entry) in self.known:
                continue
            try:
                RunnerBookCache(lightweight=False, **entry)
            except _REFUSALS as error:
                self._refuse("a runner that cannot be replayed", f"{entry['id']}: {error}", number)
            self.known |= _keys_of(entry)

    def _refuse(self, reason: str, detail: str, number: int) -> None:
        in_a_line = " ".join(detail.split())
        self.problem = self.problem or BadMemberError(reason, f"{self._market_id}: {in_a_line} (message {number})")


def _key_of(named: Row) -> RunnerKey:
    return (named["id"], named["hc"]) if "hc" in named else named["id"]


def _keys_of(named: Row) -> set[RunnerKey]:
    selection_id, handicap = named["id"], named.get("hc", 0)
    return {selection_id, (selection_id, handicap)} if handicap == 0 else {(selection_id, handicap)}


def _runners_of(definition: Row) -> set[RunnerKey]:
    """Do with a definition what a replay does, and raise where that does."""
    described = MarketDefinition(**definition)
    if described.market_time is None:
        raise ValueError(f"{definition['marketTime']!r} is no time")
    if not isinstance(described.market_type, str | None):
        raise TypeError(f"{described.market_type!r} is no text")  # and is not compared with the types asked for
    hash(described.event_id)  # flumine keeps markets by it
    return set().union(*map(_keys_of, definition["runners"]))


def _wrong(definition: Row) -> Iterator[str]:
    missing = [field for field in _REQUIRED if field not in definition]
    if missing:
        yield f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    for field, value in definition.items():
        try:
            _runners_of({**_SOUND, field: value})
        except _REFUSALS as error:
            yield f"{field}: {error}"
