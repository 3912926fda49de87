"""Markets drawn message by message, stranger than the exchange's: a stream of ours takes them as flumine's does."""

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import strategies as st

MARKET_ID = "1.200000001"
OFF = int(datetime(2026, 1, 2, 3, 0, tzinfo=UTC).timestamp() * 1000)

# Few prices, so that levels are hit again, changed, removed and brought back.
_PRICES = st.sampled_from([1.01, 2, 2.0, 2.02, 3.5, 10, 10.5, 1000])
_SIZES = st.sampled_from([0, 0, 0.0, 1, 2.5, 7.25, 100])
_LEVELS = st.lists(st.tuples(_PRICES, _SIZES).map(list), max_size=4)
_POSITIONS = st.lists(st.tuples(st.integers(0, 3), _PRICES, _SIZES).map(list), max_size=3)
_STARTING = st.sampled_from(["NaN", "Infinity", 2.5, 3, None])
_FIELDS = {
    **dict.fromkeys(("trd", "atb", "atl", "spb", "spl"), _LEVELS),
    **dict.fromkeys(("batb", "batl", "bdatb", "bdatl"), _POSITIONS),
    "ltp": _PRICES,
    "tv": st.sampled_from([0, 12.5, 300]),
    "spn": _STARTING,
    "spf": _STARTING,
}
_RUNNERS = [{"id": 11}, {"id": 12}, {"id": 13, "hc": 0}, {"id": 13, "hc": -1.5}, {"id": 13, "hc": 0.0}, {"id": 14}]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """What a message says of one runner: one field as a rule, sometimes several, or one that nobody knows."""
    fields = draw(st.lists(st.sampled_from(list(_FIELDS)), max_size=3, unique=True))
    return {**draw(st.sampled_from(_RUNNERS)), **{field: draw(_FIELDS[field]) for field in fields}}


@st.composite
def definitions(draw: st.DrawFn, version: int) -> dict[str, Any]:
    """A market's definition; its runners come in any order, and not always all."""
    named = draw(st.lists(st.sampled_from(_RUNNERS), unique_by=lambda r: (r["id"], r.get("hc", 0)), max_size=5))
    runners = [
        {
            **runner,
            "sortPriority": place,
            "status": draw(st.sampled_from(["ACTIVE", "ACTIVE", "REMOVED", "WINNER"])),
            **draw(
                st.sampled_from(
                    [{}, {"adjustmentFactor": 12.5, "removalDate": "2026-01-02T02:58:00.000Z"}, {"bsp": 3.5}]
                )
            ),
        }
        for place, runner in enumerate(named)
    ]
    off = OFF + draw(st.sampled_from([0, 0, 30_000, 60_000]))
    return {
        "betDelay": draw(st.sampled_from([0, 5])),
        "bettingType": "ODDS",
        "bspMarket": True,
        "bspReconciled": draw(st.booleans()),
        "complete": True,
        "crossMatching": False,
        "discountAllowed": True,
        "eventId": "34000001",
        "eventTypeId": "4339",
        "inPlay": draw(st.sampled_from([False, False, True])),
        "marketBaseRate": 7.0,
        "marketTime": datetime.fromtimestamp(off / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "marketType": "WIN",
        "numberOfActiveRunners": len(runners),
        "numberOfWinners": 1,
        "persistenceEnabled": True,
        "regulators": ["SYNTHETIC"],
        "runnersVoidable": False,
        "status": draw(st.sampled_from(["OPEN", "OPEN", "OPEN", "OPEN", "SUSPENDED", "CLOSED"])),
        "timezone": "UTC",
        "turnInPlayEnabled": True,
        "version": version,
        "runners": runners,
        **draw(
            st.sampled_from(
                [
                    {},
                    {"priceLadderDefinition": {"type": "CLASSIC"}},
                    {"keyLineDefinition": {"kl": [{"id": 11, "hc": -1.5}]}, "unheardOf": 1},
                ]
            )
        ),
    }


@st.composite
def markets(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Publish time and JSON of each message of a market; its off is at `OFF`, first scheduled."""
    publish_time = OFF - draw(st.sampled_from([20_000, 90_000, 200_000]))
    messages = []
    known: set[tuple[int, float]] = set()
    for number in range(draw(st.integers(1, 25))):
        change: dict[str, Any] = {"id": MARKET_ID}
        image = draw(st.sampled_from([None, None, False, False, False, False, True])) if number else None
        if image is not None:
            change["img"] = image
        if not number or image:
            known.clear()
        if not number or image or not draw(st.integers(0, 3)):
            change["marketDefinition"] = draw(definitions(number))
            known.update((runner["id"], runner.get("hc", 0)) for runner in change["marketDefinition"]["runners"])
        if draw(st.booleans()):
            change["tv"] = draw(st.sampled_from([0, 50.5, 1000]))
        if draw(st.integers(0, 5)):
            change["rc"] = draw(st.lists(entries(), max_size=5))
            for entry in change["rc"]:
                # Betfairlightweight fails on a field it does not know when the entry is a runner's first naming.
                if (entry["id"], entry.get("hc", 0)) in known and draw(st.booleans()):
                    entry["unheardOf"] = [1]
                known.add((entry["id"], entry.get("hc", 0)))
        message = {"op": "mcm", "clk": str(number), "pt": publish_time, "mc": [{**change, "con": True}]}
        messages.append((publish_time, orjson.dumps(message)))
        publish_time += draw(st.sampled_from([0, 50, 1000, 20_000, 60_000, 100_000]))
    return messages
