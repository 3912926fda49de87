"""Markets that flumine cannot replay: of an archive just those are refused on which plain flumine raises."""

import bz2
import inspect

import orjson
import pytest
from betfairlightweight.resources.streamingresources import MarketDefinition
from flumine import BaseStrategy
from plain_flumine import Raised, orders_of

from tasks.archives.identity import read_archive
from tasks.extraction.chunks import cut_into_chunks
from tasks.extraction.extract import extract_chunk, extract_job
from tasks.lake.datasets import CATALOGUE_MARKETS, REJECTS
from tasks.lake.store import Lake

PARAMETERS = inspect.signature(MarketDefinition).parameters.values()
FIELDS = {one.name: one.default is one.empty for one in PARAMETERS if one.kind is not one.VAR_KEYWORD}
REQUIRED = {name for name, is_required in FIELDS.items() if is_required}

# The first definition, one in the middle, the last.
PLACES = {"first": 0, "later": 1, "last": -1}

# The whole market, and one that asks for the time to the off.
WINDOWS = [{}, {"inplay": False, "seconds_to_start": 100_000}]


class Archive:
    """An archive of markets that were spoiled in different ways, each with a name, and of a good one."""

    def __init__(self, extract, hand_made):
        self._extract, self._hand_made = extract, hand_made
        self.markets = {}
        self.markets["good"] = self.market().lines

    def market(self):
        market = self._hand_made(f"1.2{len(self.markets):08d}")
        return market.define(3600).prices(300, 11, 2.0, 2.1).define(200).prices(100, 12, 3.0, 3.1).close()

    def spoil(self, name, place, spoil):
        """Add a market, one of its definitions spoiled."""
        messages = [orjson.loads(line) for line in self.market().lines]
        definitions = [change for message in messages for change in message["mc"] if "marketDefinition" in change]
        spoil(definitions[PLACES[place]]["marketDefinition"])
        self.markets[name] = [orjson.dumps(message) for message in messages]

    def insert(self, name, change):
        """Add a market with a message more, after its second."""
        market = self.market()
        message = orjson.loads(market.lines[1])
        message["mc"] = [{"id": market.id, **change}]
        self.markets[name] = [*market.lines[:2], orjson.dumps(message), *market.lines[2:]]

    def raises(self):
        """Those on which plain flumine raises."""
        return {
            name
            for name, lines in self.markets.items()
            if any(isinstance(orders_of(lines, BaseStrategy, window), Raised) for window in WINDOWS)
        }

    def refused(self):
        """Those that extraction refuses, with what it says of each; all others are in the catalogue."""
        members = {f"PRO/1.2{n:08d}.bz2": lines for n, lines in enumerate(self.markets.values())}
        month = self._extract({path: bz2.compress(b"\n".join(lines)) for path, lines in members.items()})
        names = dict(zip(members, self.markets, strict=True))
        rows = month.lake.read_all(REJECTS.of("extract", month.archive.name)).to_pylist()
        refused = {names[row["what"]]: f"{row['reason']}: {row['detail']}" for row in rows}
        assert {names[row["member"]] for row in month.catalogue} == self.markets.keys() - refused.keys()
        return refused


@pytest.fixture
def archive(extract, hand_made):
    return Archive(extract, hand_made)


@pytest.mark.parametrize("place", PLACES)
def test_a_definition_may_lack_what_flumine_can_do_without(archive, place):
    for field in FIELDS:
        archive.spoil(field, place, lambda definition, field=field: definition.pop(field, None))
    refused = archive.refused()
    assert refused.keys() == archive.raises() == REQUIRED
    assert all(field in said for field, said in refused.items())


def runner(**changes):
    """Change the first runner; `...` takes a field away."""

    def spoil(definition):
        first, *others = definition["runners"]
        definition["runners"] = [changed(first, changes), *others]

    return spoil


def changed(row, changes):
    return {name: value for name, value in {**row, **changes}.items() if value is not ...}


def fields(**changes):
    return lambda definition: definition.update(changes)


WRONG = {
    "a runner without id": runner(id=...),
    "a runner without sort priority": runner(sortPriority=...),
    "a runner without status": runner(status=...),
    "a runner without name": runner(name=...),
    "a runner with a field that nobody knows": runner(unheardOf=1),
    "a runner whose id is a list": runner(id=[11]),
    "a runner whose handicap is a list": runner(hc=[0]),
    "a runner removed at a list": runner(removalDate=["2026-01-02T03:00:00.000Z"]),
    "a runner removed tomorrow": runner(removalDate="tomorrow"),
    "no list of runners": fields(runners=None),
    "runners that are numbers": fields(runners=[11, 12, 13]),
    "runners by their names": fields(runners={"Dog 1": 11}),
    "a ladder of a type": fields(priceLadderDefinition={"type": "CLASSIC"}),
    "a ladder of more than a type": fields(priceLadderDefinition={"type": "CLASSIC", "step": 0.5}),
    "a ladder that is a name": fields(priceLadderDefinition="CLASSIC"),
    "an empty ladder": fields(priceLadderDefinition={}),
    "key lines": fields(keyLineDefinition={"kl": [{"id": 11, "hc": -1.5}]}),
    "key lines under another name": fields(keyLineDefinition={"keyLine": [{"id": 11, "hc": -1.5}]}),
    "key lines that are numbers": fields(keyLineDefinition={"kl": [11]}),
    "a suspension at a list": fields(suspendTime=["2026-01-02T03:00:00.000Z"]),
    "a suspension tomorrow": fields(suspendTime="tomorrow"),
    "an opening at a list": fields(openDate=["2026-01-02T03:00:00.000Z"]),
    "a field that nobody knows": fields(unheardOf={"a": [1]}),
    "a field called self": fields(self=1),
    "nothing at all": dict.clear,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_definition_with_wrong_values_is_refused_where_flumine_raises(archive, place):
    for name, spoil in WRONG.items():
        archive.spoil(name, place, spoil)
    assert archive.refused().keys() == archive.raises()


@pytest.mark.parametrize("place", PLACES)
def test_a_market_time_that_flumine_cannot_read_is_refused_wherever_it_stands(archive, place):
    times = {"none": None, "a word": "tomorrow", "no milliseconds": "2026-01-02T03:00:00Z", "a number": 1e300}
    for name, market_time in times.items():
        archive.spoil(name, place, fields(marketTime=market_time))
    assert archive.refused().keys() == times.keys()
    # Flumine does not ask a closed market for its time; a strategy might.
    assert archive.raises() == (set() if place == "last" else times.keys())


def test_what_a_message_may_say_of_runners(archive):
    changes = {
        "an image without definition": {"img": True, "rc": []},
        "no image": {"img": False, "rc": []},
        "a new runner": {"rc": [{"id": 99, "ltp": 2.0, "atb": [[2.0, 5]], "tv": 0}]},
        "a new runner of another handicap": {"rc": [{"id": 11, "hc": 1.5, "ltp": 2.0}]},
        "a new runner with a field that nobody knows": {"rc": [{"id": 99, "unheardOf": 1}]},
        "another handicap with such a field": {"rc": [{"id": 11, "hc": 1.5, "unheardOf": 1}]},
        "the same handicap with such a field": {"rc": [{"id": 11, "hc": 0, "unheardOf": 1}]},
        "the same in decimals": {"rc": [{"id": 11, "hc": 0.0, "unheardOf": 1}]},
        "a known runner with such a field": {"rc": [{"id": 11, "unheardOf": 1}]},
        "a new runner, the second time with such a field": {"rc": [{"id": 99}, {"id": 99, "unheardOf": 1}]},
        "two new runners, the second with such a field": {"rc": [{"id": 98}, {"id": 99, "unheardOf": 1}]},
        "a new runner that says how it is kept": {"rc": [{"id": 99, "lightweight": True}]},
    }
    for name, change in changes.items():
        archive.insert(name, change)
    refused = archive.refused().keys()
    assert refused == archive.raises()
    assert refused == {
        "an image without definition",
        "a new runner with a field that nobody knows",
        "another handicap with such a field",
        "two new runners, the second with such a field",
        "a new runner that says how it is kept",
    }


def test_an_image_forgets_who_was_named_and_a_definition_does_not(archive):
    definition = archive.market().definition
    change = {"marketDefinition": {**definition, "runners": [r for r in definition["runners"] if r["id"] != 12]}}
    archive.insert("a runner of the image", {**change, "img": True, "rc": [{"id": 11, "unheardOf": 1}]})
    archive.insert("a runner of before the image", {**change, "img": True, "rc": [{"id": 12, "unheardOf": 1}]})
    archive.insert("a runner of an earlier definition", {**change, "rc": [{"id": 12, "unheardOf": 1}]})
    assert archive.refused().keys() == archive.raises() == {"a runner of before the image"}


def test_the_market_the_field_and_the_message_are_named(archive):
    spoils = {
        "regulators is missing": {"regulators": ...},
        "regulators, timezone are missing": {"regulators": ..., "timezone": ...},
        "marketTime: 'tomorrow' is not a time": {"marketTime": "tomorrow"},
        "runners: MarketDefinitionRunner.__init__() missing 3 required positional arguments: 'id', 'sortPriority', and"
        " 'status'": {"runners": [{}]},
        "runners: unhashable type: 'list'": {"runners": [{"id": [], "sortPriority": 1, "status": "ACTIVE"}]},
        "suspendTime: unhashable type: 'list'": {"suspendTime": []},
    }
    for name, changes in spoils.items():
        archive.spoil(name, "later", lambda definition, changes=changes: replace(definition, changes))
    for number, (name, said) in enumerate(archive.refused().items(), start=1):
        assert said == f"a definition that cannot be replayed: 1.2{number:08d}: {name} (message 3)"


def replace(definition, changes):
    after = changed(definition, changes)
    definition.clear()
    definition.update(after)


def test_what_cannot_be_replayed_beside_definitions_is_named_too(archive):
    archive.insert("image", {"img": True})
    archive.insert("runner", {"rc": [{"id": 99, "un\nheard\nof": 1}]})
    refused = archive.refused()
    assert refused["image"].startswith("an image without definition: 1.200000001: ")
    assert refused["runner"].startswith("a runner that cannot be replayed: 1.200000002: 99: ")
    assert "'un heard of'" in refused["runner"]
    assert all(said.endswith(" (message 3)") for said in refused.values())


@pytest.mark.parametrize("publish_time", [10**17, -(10**17)])
def test_a_publish_time_that_is_in_no_calendar_is_refused(archive, publish_time):
    first, *others, last = archive.market().lines
    moved = orjson.dumps({**orjson.loads(first if publish_time < 0 else last), "pt": publish_time})
    archive.markets["strange"] = [moved, *others, last] if publish_time < 0 else [first, *others, moved]
    assert archive.refused().keys() == {"strange"}


def test_a_market_type_that_is_no_text_stops_nothing_where_types_are_asked_for(archive, write_tar, tmp_path):
    archive.spoil("strange", "first", fields(marketType=7))
    tar = {f"PRO/1.2{n:08d}": b"\n".join(lines) for n, lines in enumerate(archive.markets.values())}
    lake = Lake(tmp_path / "lake")
    archive = read_archive(lake, write_tar(tmp_path / "month.tar", tar))
    for chunk in cut_into_chunks(archive.members, 10**9):
        extract_chunk(extract_job(lake, archive, chunk))
    assert lake.read_all(CATALOGUE_MARKETS.of(archive.name))["market_id"].to_pylist() == ["1.200000000"]
