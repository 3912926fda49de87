"""Whatever a market's messages say: extraction refuses it if, and only if, plain flumine raises on them."""

import orjson
from flumine import BaseStrategy
from hypothesis import event, given
from hypothesis import strategies as st
from plain_flumine import Raised, orders_of
from stream_messages import MARKET_ID, markets

from tasks.extraction.markets import read_markets
from tasks.rejects import Reject

LISTENER_KWARGS = [{}, {"inplay": False, "seconds_to_start": 80}]


@given(markets(), st.data())
def test_what_is_refused_is_what_flumine_cannot_replay(messages, data):
    lines = [orjson.loads(raw) for _, raw in messages]
    for _ in range(data.draw(st.integers(0, 3))):
        spoil(data.draw, data.draw(st.sampled_from(lines))["mc"][0])
    lines.append(closing(lines))
    written = [orjson.dumps(line) for line in lines]
    [found] = read_markets(f"PRO/{MARKET_ID}.bz2", b"\n".join(written), 1, "80s")
    raises = [isinstance(orders_of(written, BaseStrategy, window), Raised) for window in LISTENER_KWARGS]
    event(found.reason if isinstance(found, Reject) else "kept")
    assert isinstance(found, Reject) == any(raises)


def spoil(draw, change):
    """Do one of the things that flumine minds sometimes, depending on what came before."""
    definition, entries = change.get("marketDefinition"), change.get("rc")
    possible = [lambda: change.update(img=True)]
    if definition:
        possible += [
            lambda: definition.pop(draw(st.sampled_from(sorted(definition)))),
            lambda: change.pop("marketDefinition"),
        ]
    if definition and definition.get("runners"):
        runner = draw(st.sampled_from(definition["runners"]))
        possible += [lambda: definition["runners"].remove(runner), lambda: runner.update(unheardOf=1)]
    if entries:
        entry, other = draw(st.sampled_from(entries)), draw(st.sampled_from([{}, {"id": 15}, {"hc": 1}]))
        possible.append(lambda: entry.update(unheardOf=1, **other))
    draw(st.sampled_from(possible))()


def closing(lines):
    """A last message that settles the market, which none of those drawn need do."""
    definitions = [line["mc"][0]["marketDefinition"] for line in lines if "marketDefinition" in line["mc"][0]]
    definition = {**definitions[-1], "status": "CLOSED"} if definitions else {"status": "CLOSED"}
    change = {"id": MARKET_ID, "marketDefinition": definition}
    return {"op": "mcm", "pt": lines[-1]["pt"] + 1000, "mc": [change]}
