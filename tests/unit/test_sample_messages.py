"""The sample's streams: the exchange's form, and books that flumine's own historical stream makes of them."""

import bz2
import functools
import math
import statistics

import orjson
import pytest
from flumine.streams.betfairhistoricalstream import BetfairHistoricalStream
from flumine.utils import PRICES_FLOAT

from sample.chance import seeded
from sample.messages import stream
from sample.races import draw_month
from sample.ticks import LAST, PRICES, at_or_above, at_or_below

RACES = draw_month(2026)
KINDS = {
    "usual": next(race for race in RACES if not (race.withdrawal or race.postponed_seconds or race.late_seconds > 100)),
    "early withdrawal": next(race for race in RACES if race.withdrawal and race.withdrawal.seconds_before_off == 9000),
    "late withdrawal": next(race for race in RACES if race.withdrawal and race.withdrawal.seconds_before_off == 40),
    "postponed": next(race for race in RACES if race.postponed_seconds),
    "late": next(race for race in RACES if race.late_seconds > 100),
}
LADDERS = ("atb", "atl", "trd")


@functools.cache
def lines_of(race):
    return list(stream(race, seeded(2026, race.market_id)))


def messages_of(race):
    return [orjson.loads(line) for line in lines_of(race)]


def definitions_of(race):
    changes = [(message["pt"], message["mc"][0]) for message in messages_of(race)]
    return [(pt, change["marketDefinition"]) for pt, change in changes if "marketDefinition" in change]


def books_of(race, folder):
    """The market's books by flumine; each is read before the next is made, as they share what they hold."""
    path = folder / f"{race.market_id}.bz2"
    path.write_bytes(bz2.compress(b"".join(lines_of(race))))
    for books in BetfairHistoricalStream(file_path=str(path)).create_generator()():
        assert len(books) == 1
        yield books[0]


def off_milliseconds(race):
    return round(race.off_time.timestamp() * 1000)


def test_ticks_are_flumines():
    assert list(PRICES) == PRICES_FLOAT
    assert (PRICES[at_or_below(2.03)], PRICES[at_or_above(2.03)]) == (2.02, 2.04)
    assert (PRICES[at_or_below(5)], PRICES[at_or_above(5)]) == (5, 5)
    assert (at_or_below(1), at_or_above(5000)) == (0, LAST)


def test_same_race_and_seed_same_bytes():
    race = KINDS["usual"]
    assert lines_of(race) == list(stream(race, seeded(2026, race.market_id)))
    assert lines_of(race) != list(stream(race, seeded(2027, race.market_id)))


def test_form_of_the_lines():
    for race in KINDS.values():
        lines = lines_of(race)
        assert all(line.endswith(b"}\n") and line.count(b"\n") == 1 for line in lines)
        messages = [orjson.loads(line) for line in lines]
        for message in messages:
            assert list(message) == ["op", "clk", "pt", "mc"]
            assert message["op"] == "mcm"
            [change] = message["mc"]
            assert [key for key in change if key != "marketDefinition"] == ["id", "rc", "con", "img"]
            assert change["id"] == race.market_id
            assert change["con"] is True
            assert change["rc"] or "marketDefinition" in change
        times = [message["pt"] for message in messages]
        assert times == sorted(times)
        assert "marketDefinition" in messages[0]["mc"][0]


def test_activity_gathers_towards_the_off():
    for race in RACES:
        messages = messages_of(race)
        off = off_milliseconds(race)
        assert 300 <= len(messages) <= 800
        assert sum(off - 80_000 <= message["pt"] <= off for message in messages) > 150


def test_ladder_prices_are_ticks_and_sizes_are_pence():
    ticks = set(PRICES)
    for race in KINDS.values():
        for message in messages_of(race):
            for change in message["mc"][0]["rc"]:
                for price, size in [pair for ladder in LADDERS for pair in change.get(ladder, ())]:
                    assert price in ticks
                    assert size >= 0
                    assert size == round(size, 2)


def test_traded_sizes_only_grow_until_the_settlement_takes_them_away():
    for race in KINDS.values():
        messages = messages_of(race)
        traded = {}
        for message in messages[:-2]:
            for change in message["mc"][0]["rc"]:
                if "trd" not in change:
                    continue
                again = message["mc"][0]["img"]
                for price, size in change["trd"]:
                    before = traded.get((change["id"], price), 0)
                    assert size >= before if again else size > before
                    traded[change["id"], price] = size
                assert change["ltp"] in [price for price, _ in change["trd"]]
                assert change["tv"] == pytest.approx(sum(size for _, size in change["trd"]))
        gone = {
            (change["id"], price): size
            for change in messages[-2]["mc"][0]["rc"]
            for price, size in change.get("trd", ())
        }
        assert gone == dict.fromkeys(traded, 0)
        assert len(traded) > 20


def test_starting_price_projections_are_not_always_numbers():
    seen = set()
    for race in KINDS.values():
        for message in messages_of(race):
            for change in message["mc"][0]["rc"]:
                if "spn" in change:
                    seen |= {(field, change[field]) for field in ("spn", "spf") if isinstance(change[field], str)}
    assert seen == {("spn", "NaN"), ("spf", "NaN"), ("spf", "Infinity")}


def test_an_image_repeats_all_there_is():
    for race in KINDS.values():
        held = {}
        images = 0
        for message in messages_of(race):
            change = message["mc"][0]
            if change["img"]:
                images += 1
                before, held = {key: size for key, size in held.items() if size}, {}
            for entry in change["rc"]:
                for field in ("atb", "atl", "trd", "spb", "spl"):
                    for price, size in entry.get(field, ()):
                        held[entry["id"], field, price] = size
            if change["img"]:
                assert held == before
        assert images == 1


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.market_id)
def test_flumine_replays_it(race, tmp_path):
    sides = 0
    for book in books_of(race, tmp_path):
        for runner in book.runners:
            back, lay = runner.ex.available_to_back, runner.ex.available_to_lay
            if back and lay:
                sides += 1
                assert book.status == "SUSPENDED" or (book.status, runner.status) == ("OPEN", "ACTIVE")
                assert back[0]["price"] < lay[0]["price"]
    assert sides > 1000
    assert book.status == "CLOSED"
    assert book.bsp_reconciled
    assert not book.inplay
    assert book.number_of_active_runners == 0
    assert book.market_definition.regulators == ["SYNTHETIC"]
    assert [runner.selection_id for runner in book.runners if runner.status == "WINNER"] == [race.winner]
    removed = [runner.selection_id for runner in book.runners if runner.status == "REMOVED"]
    assert removed == ([race.withdrawal.selection_id] if race.withdrawal else [])
    starting_prices = {runner.selection_id: runner.sp.actual_sp for runner in book.runners if runner.sp.actual_sp}
    assert starting_prices.keys() == {runner.selection_id for runner in race.starters}
    assert 0.97 < sum(1 / price for price in starting_prices.values()) < 1.03


def test_prices_draw_near_to_the_true_chances(tmp_path):
    errors = {"hours before": [], "at the off": []}
    overrounds = {"back": [], "lay": []}
    for race in RACES[:20]:
        true = {runner.selection_id: runner.win_probability for runner in race.runners}
        final = {runner.selection_id: runner.win_probability for runner in race.starters}
        off = off_milliseconds(race)
        at_the_off = {}
        for book in books_of(race, tmp_path):
            best = {
                runner.selection_id: (runner.ex.available_to_back[0]["price"], runner.ex.available_to_lay[0]["price"])
                for runner in book.runners
                if runner.ex.available_to_back and runner.ex.available_to_lay
            }
            if book.status == "OPEN" and book.publish_time_epoch < off:
                at_the_off = best
            if book.publish_time_epoch < off - 20_600_000:
                first = best
        for prices, chances, when in ((first, true, "hours before"), (at_the_off, final, "at the off")):
            errors[when] += [math.log(math.sqrt(back * lay) * chances[key]) for key, (back, lay) in prices.items()]
        overrounds["back"].append(sum(1 / back for back, _ in at_the_off.values()))
        overrounds["lay"].append(sum(1 / lay for _, lay in at_the_off.values()))
        starting = {runner.selection_id: runner.sp.actual_sp for runner in book.runners if runner.sp.actual_sp}
        for key, (back, lay) in at_the_off.items():
            assert abs(math.log(math.sqrt(back * lay) / starting[key])) < 0.15
    assert 0.18 < statistics.stdev(errors["hours before"]) < 0.35
    assert statistics.stdev(errors["at the off"]) < 0.07
    assert 1.01 < statistics.mean(overrounds["back"]) < 1.06
    assert 0.94 < statistics.mean(overrounds["lay"]) < 0.99


def test_the_off_and_the_result():
    race = KINDS["usual"]
    definitions = definitions_of(race)
    [(off, suspended), (_, reconciled), (closed_at, closed)] = definitions[-3:]
    assert off == off_milliseconds(race)
    assert (suspended["status"], suspended["bspReconciled"]) == ("SUSPENDED", False)
    assert (reconciled["status"], reconciled["bspReconciled"]) == ("SUSPENDED", True)
    assert all(runner["status"] == "ACTIVE" and runner["bsp"] > 1 for runner in suspended["runners"])
    assert closed["status"] == "CLOSED"
    assert closed["settledTime"].endswith(".000Z")
    assert 40_000 < closed_at - off < 100_000
    assert {runner["status"] for runner in closed["runners"]} == {"WINNER", "LOSER"}
    assert not any(definition["inPlay"] or definition["turnInPlayEnabled"] for _, definition in definitions)
    versions = [definition["version"] for _, definition in definitions]
    assert versions == sorted(versions)


@pytest.mark.parametrize("kind", ["early withdrawal", "late withdrawal"])
def test_a_withdrawal(kind, tmp_path):
    race = KINDS[kind]
    gone = race.withdrawal.selection_id
    definitions = [
        definition
        for _, definition in definitions_of(race)
        if definition["status"] != "CLOSED" and not definition["runners"][0].get("bsp")
    ]
    statuses = [(definition["status"], definition["numberOfActiveRunners"]) for definition in definitions]
    entered = len(race.runners)
    start = statuses.index(("SUSPENDED", entered))
    assert statuses[start : start + 3] == [
        ("SUSPENDED", entered),
        ("SUSPENDED", entered - 1),
        ("OPEN", entered - 1),
    ]
    versions = [definition["version"] for definition in definitions[start - 1 : start + 3]]
    assert len(set(versions)) == 4
    last = definitions[start + 1]["runners"][-1]
    assert (last["id"], last["status"], "removalDate" in last) == (gone, "REMOVED", True)

    offered = set()
    for book in books_of(race, tmp_path):
        removed = [runner for runner in book.runners if runner.status == "REMOVED"]
        if removed and book.status == "OPEN":
            assert [runner.selection_id for runner in removed] == [gone]
            assert not removed[0].ex.available_to_back
            assert not removed[0].ex.available_to_lay
            offered.update(runner.selection_id for runner in book.runners if runner.ex.available_to_back)
    assert offered == {runner.selection_id for runner in race.starters}


def test_delays():
    postponed, late = KINDS["postponed"], KINDS["late"]
    moved = [definition["marketTime"] for _, definition in definitions_of(postponed)]
    assert len(set(moved)) == 2
    assert moved[0] < moved[-1]
    fixed = {definition["marketTime"] for _, definition in definitions_of(late)}
    assert len(fixed) == 1
    assert (late.off_time - late.market_time).total_seconds() >= 150
