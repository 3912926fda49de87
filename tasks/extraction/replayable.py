"""Check that a market's messages can be replayed, by trying betfairlightweight itself.

A message on which it raises would also end the replay of other markets. `catalogue.py` checks what settlement and the
catalogue need beyond that.
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

# A valid definition. To find what is wrong with an invalid one, each of its fields is tried alone in this one.
_SOUND: Row = {**dict.fromkeys(_REQUIRED), "marketTime": "2026-01-01T00:00:00.000Z", "runners": []}


class ReplayCheck:
    """Finds the first of a market's messages on which flumine's stream would raise.

    Attributes:
        known: The runners seen since the last image, by selection id and handicap; those with handicap 0 also by id
            alone, as in most messages.
        problem: Why that message cannot be replayed; None if all can.
    """

    def __init__(self, market_id: str) -> None:
        self._market_id = market_id
        self.known: set[RunnerKey] = set()
        self.problem: BadMemberError | None = None

    def define(self, change: Row, number: int) -> None:
        """Check a change with a definition or an image; an image must have a definition.

        Args:
            change: The market's entry in `mc`.
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
        """Check a message with a runner that is in no definition.

        Args:
            message: The message.
            number: Its number, from 1.
        """
        # The raw message: its parsed form lacks unknown fields, which are what betfairlightweight refuses.
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
    """Return a definition's runners; raise where a replay would."""
    described = MarketDefinition(**definition)
    if described.market_time is None:
        raise ValueError(f"{definition['marketTime']!r} is not a time")
    if not isinstance(described.market_type, str | None):
        raise TypeError(f"{described.market_type!r} is not text")  # the market filter compares it with texts
    hash(described.event_id)  # flumine uses it as a dict key
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
