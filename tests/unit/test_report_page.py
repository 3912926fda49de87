"""The page of a run: what it says, that it is whole, and that no name can break out of it."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from made_report import RECORD, make_report, without_bets

from tasks.aggregation.races import Races
from tasks.aggregation.statistics import statistics, verdict
from tasks.report.drawing import MOST_POINTS
from tasks.report.html import render
from tasks.report.words import count, money, signed

NASTY = "<script>alert(1)</script>'\"&🐕</script><img src=x onerror=alert(2)>"
MOST_BYTES = 6_000_000
VOID = {"meta", "input", "path"}


class Reader(HTMLParser):
    """Reads a page as a browser would: its elements, and the text of its scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.scripts, self.open, self.text = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]

    def plots(self):
        return json.loads(self.scripts[0])

    @property
    def said(self):
        return re.sub(r"\s+", " ", "".join(self.text))


def read(report):
    page = render(report)
    assert len(page.encode()) < MOST_BYTES
    reader = Reader(page)
    assert not reader.open
    return reader


@pytest.fixture(scope="module")
def two():
    return make_report(("rated_price-00000001", "rated_price-00000002"))


@pytest.fixture(scope="module")
def page(two):
    return read(two)


def test_the_verdict_comes_first(two, page):
    best = two.summary.sort_values("net").iloc[-1]
    heading = page.said[page.said.index("month-0011aabb", 20) :]
    assert re.search(rf"Net [−\d.,]+ on {best['bets']} bets, 95 % interval .*: .*(evidence|needed to tell)", heading)
    assert page.said.index("evidence") < page.said.index("Variants")


def test_it_is_a_whole_document(page):
    assert page.all("html") == [{"lang": "en"}]
    assert "Backtest month-0011aabb" in page.said
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(plot["aria-label"] for plot in page.all("div") if plot.get("class") == "plot")
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_it_fetches_nothing(page):
    assert not page.all("link", "img", "iframe")
    assert not [attrs for _, attrs in page.elements if attrs.get("src") or attrs.get("href", "#")[0] != "#"]
    (policy,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv")]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_money_has_a_currency_once_and_a_real_minus(page):
    assert page.said.count("AUD") == 1
    assert not re.search(r"(?<![\w-])-\d+\.\d\d\b", page.said)
    assert re.search(r"−\d+\.\d\d", page.said)


def test_every_plot_has_a_place(page):
    places = {div["id"] for div in page.all("div") if div.get("class") == "plot"}
    assert places == set(page.plots()) == {"equity", "drawdown", "sweep", "calibration", "prices"}


def test_the_variants_can_be_switched(page):
    switched = {box["data-variant"] for box in page.all("input")}
    drawn = {trace["meta"]["variant"] for trace in page.plots()["equity"]["data"]}
    assert switched == drawn == {"rated_price-00000001", "rated_price-00000002"}


def test_the_account_stands_below_the_variants(two):
    together = make_report(tuple(two.summary["strategy"]), together=True)
    page = read(together)
    (account,) = together.account.to_dict("records")
    variants, statistics = (
        page.said[page.said.index(start) : page.said.index(end)]
        for start, end in (("The best net first", "Statistics"), ("Statistics", "Pictures Variants drawn"))
    )
    name = "all 2 on one account"
    assert name in statistics
    assert signed(account["net"]) in variants[variants.index(name) :]
    assert variants.rindex("rated_price") < variants.index(name)
    assert f"2 variants on one account: net {money(account['net'])} on {count(account['bets'])} bets" in page.said
    drawn = [trace["meta"]["variant"] for trace in page.plots()["equity"]["data"]]
    assert drawn.count("account") == 2
    assert "account" in {box["data-variant"] for box in page.all("input")}
    assert name not in read(two).said


def test_breakdowns_are_tables(page):
    for title in ("Venue", "Country", "State", "Day", "Hour", "Odds", "Box", "Side", "Edge"):
        assert f"by {title.lower()}" in str(page.all("div"))
    assert "market type WIN" in page.said
    assert "Venues whose state is not known: Nowhere (AU)." in page.said


def test_what_was_left_out_and_how_to_run_it_again(page):
    for text in ("never closes", RECORD.command, "flumine", "3.3.2", "rated_price-00000002", "stake = 1.0"):
        assert text in page.said


@pytest.mark.parametrize("where", ["venue", "strategy", "parameter", "reject", "command", "provenance"])
def test_names_cannot_break_out(where):
    strategy = f"{NASTY}-1" if where == "strategy" else "a-1"
    report = make_report(
        (strategy, "b-2"),
        venues=((NASTY if where == "venue" else "Devonport", "AU"), ("Ballarat", "AU")),
        parameters=lambda number: {NASTY if where == "parameter" else "stake": NASTY if number else 1},
        races=20,
    )
    if where == "reject":
        report = replace(report, rejects=[dict.fromkeys(report.rejects[0], NASTY) | {"count": 1}])
    if where == "command":
        asked = {"command": NASTY, "parameters": {"currency": NASTY}}
        report = replace(report, record=RECORD.model_copy(update=asked))
    if where == "provenance":
        report = replace(report, provenance={NASTY: NASTY})
    page = read(report)
    assert len(page.scripts) == 3
    assert not page.all("img")
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert NASTY in page.said
    for trace in page.plots()["equity"]["data"]:
        assert "<" not in trace["name"]


def test_names_in_the_plots_are_what_they_were(two):
    summary = two.summary.assign(parameters=[json.dumps({"x": NASTY}), json.dumps({"x": "other"})])
    plots = read(replace(two, summary=summary)).plots()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;'\"&amp;🐕" in " ".join(t["name"] for t in plots["equity"]["data"])


def test_a_run_without_bets():
    page = read(without_bets(make_report()))
    assert "Net –" not in page.said
    assert "0 bets" in page.said or "no bets" in page.said.lower()
    assert not page.scripts
    assert "Breakdowns" not in page.said
    assert RECORD.command in page.said


def without_a_bet(report, where):
    """Add markets in which no bet stood: of other days, at a track that nobody knows, all of their runners rated."""
    last, times = report.markets.iloc[-1], ("market_time", "settled_time")
    far = [
        {
            **last,
            **{time: last[time] + pd.DateOffset(years=years) for time in times},
            "market_id": f"1.9{years}",
            "event_id": f"9{years}",
            "venue": "Elsewhere",
            "market_date": last["market_date"].replace(year=2022 + years),
        }
        for years in (-1, 1)
    ]
    markets = pd.DataFrame([{**market, "announced": [market["market_time"]]} for market in far])
    runners, ratings, orders, settled = (
        pd.concat([rows[rows["market_id"] == last["market_id"]].assign(market_id=id_) for id_ in markets["market_id"]])
        for rows in (report.runners, report.ratings, report.orders, report.settled)
    )
    nothing = dict.fromkeys(("turnover", "liability", "profit"), 0.0)
    orders = orders.assign(**nothing, **({"runner_status": "REMOVED"} if where == "void" else {"size_matched": 0.0}))
    figures = ["bets", "turnover", "liability", "gross", "commission", "net"]
    settled = settled.merge(markets[["market_id"]]).assign(**dict.fromkeys(figures, 0))
    added = {"markets": markets, "runners": runners, "ratings": ratings}
    if where != "reject":
        added |= {"orders": orders, "settled": settled}
    return replace(report, **{name: pd.concat([getattr(report, name), rows]) for name, rows in added.items()})


@pytest.mark.parametrize("where", ["unmatched", "void", "reject"])
def test_markets_without_a_bet_are_in_nothing_that_the_page_says(where):
    """Days, rated runners, tracks, counts: all of it is of the bets that the figures are of."""
    report = make_report(("a-1", "b-2"), races=30, with_statistics=False)
    pages = [read(one) for one in (report, without_a_bet(report, where))]
    assert pages[1].said == pages[0].said
    assert [div.get("aria-label") for div in pages[1].all("div")] == [
        div.get("aria-label") for div in pages[0].all("div")
    ]
    plots = [page.plots() for page in pages]
    assert [plots[1][key] for key in ("calibration", "prices")] == [plots[0][key] for key in ("calibration", "prices")]
    assert "Bets in markets of 1 March to 9 March 2022." in pages[0].said
    assert "240 rated runners" in pages[0].said


def test_a_variant_whose_orders_are_no_bets_is_not_drawn():
    report = make_report(("bets-1", "waits-2"), races=20, with_statistics=False)
    waits, of = report.orders["strategy_name"] == "waits-2", report.settled["strategy"] == "waits-2"
    orders = report.orders.assign(size_matched=report.orders["size_matched"].mask(waits, 0.0))
    zeros = {name: report.settled[name].mask(of, 0) for name in ("bets", "turnover", "gross", "commission", "net")}
    page = read(replace(report, orders=orders, settled=report.settled.assign(**zeros)))
    drawn = {trace["meta"]["variant"] for plot in ("equity", "drawdown") for trace in page.plots()[plot]["data"]}
    assert drawn == {box["data-variant"] for box in page.all("input")} == {"bets-1"}


def test_bets_with_a_starting_price_are_told_beside_what_is_theirs():
    report = make_report()
    orders = report.orders.assign(bsp=report.orders["bsp"].where(report.orders.index < 7))
    known = statistics(Races(orders, report.settled, report.markets), list(report.summary["strategy"]))
    page = render(replace(report, orders=orders, statistics=known))
    table = page[page.index("<b>Statistics</b>") : page.index('id="pictures"')]
    headings, cells = (re.findall(rf"<{tag}[^>]*>([^<]*)</{tag[:2]}>", table) for tag in ("th scope=.col.", "td"))
    assert dict(zip(headings[1:], cells, strict=True))["Bets with BSP"] == "7"


def test_a_run_without_bets_says_why_first():
    report = make_report()
    idle = report.statistics.assign(bets=0, roi_low=np.nan, roi_high=np.nan)
    summary = without_bets(report).summary.assign(no_bets="33 orders refused (X: <b>…)")
    page = read(replace(without_bets(report), statistics=idle, summary=summary))
    assert "No bets: 33 orders refused (X: <b>…)." in page.said


def refused(**changed):
    row = {"strategy": "rated_price-00000001", "action": "place", "control": "X", "reason": NASTY, "times": 74_621}
    example = {"market_id": "1.2", "selection_id": 11, "side": "BACK", "price": 2.505, "size": 20.0, "text": "no 20"}
    return {**row, "markets": 3, **example, **changed}


def test_what_was_refused_is_a_table():
    page = read(replace(make_report(), refused=[refused(), refused(price=None, size=None, control="")]))
    assert NASTY in page.said
    assert "74,621" in page.said
    assert "BACK 20.00 at 2.505 on 11 in 1.2: no 20" in page.said
    assert "BACK at starting price on 11 in 1.2" in page.said
    assert "are listed" not in page.said
    many = read(replace(make_report(), refused=[refused(reason=str(number)) for number in range(150)]))
    assert "The first 100 kinds are listed; 50 more are in results/refused." in many.said


def test_where_nothing_was_refused_there_is_no_table(page):
    assert "Refused" not in page.said


def test_a_variant_without_bets_is_not_the_best():
    report = make_report(("loses-1", "idle-2"))
    idle = report.orders["strategy_name"] == "idle-2"
    summary = report.summary.copy()
    summary.loc[1, ["orders", "markets", "bets", "turnover", "gross", "commission", "net"]] = 0
    summary.loc[0, "net"] = -10.0
    summary.loc[1, "roi"] = None
    page = read(
        replace(
            report,
            orders=report.orders[~idle],
            settled=report.settled[report.settled["strategy"] != "idle-2"],
            summary=summary,
        )
    )
    assert page.said.index("loses") < page.said.index("idle")
    assert len(page.all("input")) == 1


def test_one_variant():
    page = read(make_report())
    assert "The only variant" in page.said
    assert not page.all("input")


def test_a_run_of_before_there_were_statistics():
    page = read(make_report(with_statistics=False))
    assert re.search(r"Net [+−][\d.,]+ on 180 bets\.", page.said)
    assert "Romano" not in page.said


def test_a_run_without_ratings_and_starting_prices():
    report = make_report()
    page = read(replace(report, ratings=report.ratings[:0], orders=report.orders.assign(bsp=np.nan)))
    assert set(page.plots()) == {"equity", "drawdown"}
    assert "edge no rating" in page.said


def test_out_of_sample_both_sides_stand_beside_each_other():
    report = make_report([f"rated_price-{number:08d}" for number in range(12)], split="2022-03-08")
    page = read(report)
    [best] = report.split[(report.split["rank"] == 1) & (report.split["part"] == "second")].to_dict("records")
    name = f"rated_price · stake {int(best['strategy'][-2:])}"
    assert f"Out of sample from 2022-03-08: {name}, the best of 12 before" in page.said
    assert page.said.index(verdict(best)) < page.said.index("Variants")
    assert "The best 10 before are listed; 2 more are not." in page.said
    points = page.plots()["split"]["data"][1:]
    assert len(points) == 12
    assert [point["marker"]["symbol"] for point in points].count("star") == 1


def kept(report):
    """Of how many sides before with a profit, and how many of these had one after, in the words of the plot."""
    [said] = [div["aria-label"] for div in read(report).all("div") if div.get("id") == "split"]
    return said.removeprefix("Scatter plot of ROI before and after. ")


@pytest.mark.parametrize("split", ["2022-03-20", "month"])
def test_who_kept_a_profit_is_counted_over_all_variants_and_called_what_it_is(split):
    report = make_report([f"a-{number:08d}" for number in range(60)], races=280, bets=1, split=split)
    parts = report.split[report.split["part"] != "together"]
    sides = parts.pivot_table(index=["begins", "strategy"], columns="part", values="net")
    good = sides[sides["first"] > 0]
    before, after = len(good), int((good["second"] > 0).sum())
    page = read(report)
    drawn = {box["data-variant"] for box in page.all("input")}
    assert before > (good.index.get_level_values("strategy").isin(drawn)).sum()
    if split == "month":
        assert len(sides) == 2 * 60
        said = f"Of {before} times that a variant had a profit before a month, it had one in that month {after} times."
        assert (page.said.count("from then on"), page.said.count("and in that month The best 10")) == (0, 2)
    else:
        said = f"Of {before} variants with a profit before, {after} had one from then on."
        assert "in that month" not in page.said
    assert kept(report) == said


def test_without_a_split_there_is_no_section_for_it(page):
    assert "Out of sample" not in page.said


def test_draws_are_drawn():
    draws = {"rated_price-00000001": np.random.default_rng(1).normal(size=500)}
    assert "draws" in read(replace(make_report(), draws=draws)).plots()


@pytest.fixture(scope="module")
def fifty():
    names = tuple(f"rated_price-{number:08d}" for number in range(50))
    return make_report(
        names,
        races=400,
        parameters=lambda number: {
            "seconds_to_start": 15 * (number % 10),
            "staking": "ab"[number // 10 % 2],
            "x": number // 20,
        },
    )


def test_fifty_variants(fifty):
    page = read(fifty)
    assert "best of 50 variants" in page.said
    assert "5 best variants are shown; 45 more are not" in page.said
    assert len([box for box in page.all("input") if "checked" in box]) == 5
    assert len(page.all("input")) == 50


def test_of_very_many_variants_the_best_are_drawn():
    names = tuple(f"rated_price-{number:08d}" for number in range(200))
    report = make_report(names, races=12, bets=2)
    page = read(report)
    assert len(page.all("input")) == 50
    assert "Variants drawn; 150 more with bets are not" in page.said
    drawn = {box["data-variant"] for box in page.all("input")}
    backs = report.orders[report.orders["strategy_name"].isin(drawn) & (report.orders["side"] == "BACK")]
    [prices] = [div["aria-label"] for div in page.all("div") if div.get("id") == "prices"]
    assert f"{(backs['price_matched'] > backs['bsp']).mean():.0%} of backs" in prices
    assert len(page.plots()["drawdown"]["data"]) == 50
    assert page.said.count("rated_price ·") > 2 * 200


def test_a_sweep_of_one_parameter_is_a_row_of_intervals(two):
    [dots] = read(two).plots()["sweep"]["data"]
    assert dots["x"] == ["0", "1"]
    known = two.statistics.set_index("strategy").loc[list(two.summary["strategy"])]
    assert dots["y"] == pytest.approx(list(known["roi"]))
    high = [roi + above for roi, above in zip(dots["y"], dots["error_y"]["array"], strict=True)]
    assert high == pytest.approx(list(known["roi_high"]))


def test_the_sweep_is_a_map_with_a_cell_a_variant(fifty):
    sweep = read(fifty).plots()["sweep"]
    (heat,) = sweep["data"]
    assert heat["x"] == [str(15 * number) for number in range(10)]
    assert heat["y"] == ["0 · a", "0 · b", "1 · a", "1 · b", "2 · a"]
    titles = [sweep["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")]
    assert titles == ["seconds_to_start", "x · staking"]
    wanted = {"x": 1, "staking": "b", "seconds_to_start": 30}
    [variant] = fifty.summary[fifty.summary["parameters"].map(json.loads) == wanted].to_dict("records")
    assert heat["z"][3][2] == pytest.approx(variant["roi"])
    assert heat["customdata"][3][2] == f"net {signed(variant['net'])}"


def test_a_long_run_is_thinned_and_ends_where_it_ends():
    report = make_report(races=2 * MOST_POINTS, bets=1, with_statistics=False)
    page = read(report)
    assert "Thinned to 2,000 points a variant" in page.said
    for name in ("equity", "drawdown", "prices"):
        for trace in page.plots()[name]["data"]:
            if "meta" in trace:
                assert values(trace["y"]).size <= MOST_POINTS + 1
    gross, net = page.plots()["equity"]["data"]
    assert values(net["y"])[-1] == pytest.approx(report.settled["cumulative_net"].iloc[-1])
    assert values(gross["y"])[-1] == pytest.approx(report.settled["cumulative_gross"].iloc[-1])
    deepest = (report.settled["cumulative_net"].cummax().clip(lower=0) - report.settled["cumulative_net"]).max()
    (drawdown,) = page.plots()["drawdown"]["data"]
    assert values(drawdown["y"]).min() == pytest.approx(-deepest)


def values(packed):
    return np.frombuffer(base64.b64decode(packed["bdata"]), dtype="<" + packed["dtype"])


def test_ratings_that_are_right_are_on_the_line():
    report = make_report(races=200)
    winners = report.runners["status"] == "WINNER"
    rated = report.runners[["market_id", "selection_id"]].assign(rating=8.0)
    page = read(replace(report, ratings=rated))
    dots = page.plots()["calibration"]["data"][1]
    assert values(dots["x"]) == pytest.approx(np.full(10, 1 / 8))
    assert values(dots["customdata"]).sum() == len(winners)
    assert values(dots["y"]).mean() == pytest.approx(1 / 8)
    assert pd.Series(dots["error_y"]["array"]).gt(0).all()
