"""Money from archive to figures: markets closed in every way, settled by hand by the exchange's rules, in decimals."""

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from small_markets import BEGIN, market, write_archive

STATUSES = ("WINNER", "LOSER", "REMOVED")
# Each market's last statuses, what its definitions say, and its last statuses once more, where it is closed again.
CLOSED: dict[str, tuple[tuple[str, ...], dict[str, Any], tuple[str, ...]]] = {
    "1.200000001": (STATUSES, {}, ()),
    "1.200000002": (STATUSES, {}, ("LOSER", "WINNER", "REMOVED")),
    "1.200000003": (("WINNER", "WINNER", "REMOVED"), {}, ()),
    "1.200000004": (STATUSES, {"discountAllowed": False}, ()),
    "1.200000005": (STATUSES, {"bettingType": "LINE"}, ()),
    "1.200000006": (("ACTIVE", "WINNER", "REMOVED"), {}, ()),
}
STAKE, ODDS, RATE, DISCOUNT = Decimal(2), Decimal(3), Decimal("0.05"), Decimal("0.8")
GROSS = {
    "1.200000001": STAKE * (ODDS - 1),
    "1.200000002": -STAKE,
    "1.200000003": STAKE * ODDS / 2 - STAKE,
    "1.200000004": STAKE * (ODDS - 1),
}
COMMISSION = {
    "1.200000001": Decimal(4) * RATE * DISCOUNT,
    "1.200000002": Decimal(0),
    "1.200000003": Decimal(1) * RATE * DISCOUNT,
    "1.200000004": Decimal(4) * RATE,
}


def closed(market_id: str) -> bytes:
    """Close a small market in its own way."""
    statuses, said, again = CLOSED[market_id]
    messages = [json.loads(line) for line in market(market_id).splitlines()]
    for message in messages:
        message["mc"][0].get("marketDefinition", {}).update(said)
    settle(messages[-1], statuses)
    if again:
        messages.append(copy.deepcopy(messages[-1]))
        messages[-1]["pt"] += 60_000
        settle(messages[-1], again)
    return "\n".join(map(json.dumps, messages)).encode()


def settle(message: dict[str, Any], statuses: tuple[str, ...]) -> None:
    for runner, status in zip(message["mc"][0]["marketDefinition"]["runners"], statuses, strict=True):
        runner["status"] = status


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, backtest_json: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """What a run says that backs runner 11 with 2.00 at 3.0 in each of the markets."""
    folder = tmp_path_factory.mktemp("closed")
    (folder / "mine.py").write_text(BEGIN, encoding="utf-8")
    write_archive(folder / "month.tar", {market_id: closed(market_id) for market_id in CLOSED})
    asked = ("--strategy", "mine:Bets", "--window", "all", "--discount", "20", "--together", "--lake", folder / "lake")
    done = backtest_json("run", folder / "month.tar", *asked, PYTHONPATH=str(folder))
    return {**done, "lake": folder / "lake"}


@pytest.mark.parametrize("whose", ["variant", "account"])
def test_figures_are_those_of_the_rules(told: dict[str, Any], whose: str):
    row = told["account"] if whose == "account" else told["variants"][0]
    gross, commission = sum(GROSS.values()), sum(COMMISSION.values())
    assert (gross, commission) == (Decimal(7), Decimal("0.40"))
    figures = {"gross": gross, "commission": commission, "net": gross - commission, "turnover": 4 * STAKE}
    assert {name: Decimal(str(row[name])) for name in figures} == figures
    assert (row["bets"], row["replayed"]) == (4, 4)
    assert row["roi"] == pytest.approx(float(Decimal("6.60") / 8))


def test_each_market_is_settled_by_its_own_rule(told: dict[str, Any]):
    query = f"SELECT market_id, gross, commission FROM '{told['lake']}/results/markets/**/*.parquet' ORDER BY ALL"  # noqa: S608
    rows = duckdb.sql(query).fetchall()
    assert [(id_, Decimal(str(won)), Decimal(str(paid))) for id_, won, paid in rows] == [
        (market_id, won, COMMISSION[market_id]) for market_id, won in GROSS.items()
    ]


def test_where_flumine_settles_otherwise_and_what_cannot_be_settled_is_said(told: dict[str, Any]):
    [name] = [variant["strategy"] for variant in told["variants"]]
    amended = f"{name}: flumine settles 1 bet in 1 market otherwise, at 4.00 for −2.00: closed again"
    [otherwise] = [said for said in told["notices"] if said.startswith(amended)]
    assert otherwise.endswith("(first 1.200000002)")
    [rejected] = [said for said in told["notices"] if said.startswith(f"{name}: 2 of 6 markets are not in its figures")]
    assert "line market without a result (1.200000005" in rejected
    assert "runner without a result (1.200000006" in rejected
