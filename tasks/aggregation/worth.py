"""Value each bet in whole cents, by the exchange's rules and the market's last definition.

Matched sizes and prices are flumine's, and so is a bet's result wherever flumine knows the rule. A difference must be
explained by one of the rules that it does not know, or the market is a reject. docs/settlement.md gives the source of
each rule.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from tasks.aggregation.cents import HUNDRED, Cents, hundredths, round_half_up
from tasks.aggregation.withdrawals import last_withdrawals
from tasks.errors import BalanceError
from tasks.rejects import Reject

EACH_WAY = "EACH_WAY"

AMENDED, DEAD_HEAT = "closed again with another result", "dead heat of several winners"
LINES, ROUNDED = "several lines won, which is no dead heat", "rounded from inexact numbers"
"""What flumine settles otherwise: it takes the first closing, divides the stake only if one was to win, and then on
lines, too, and rounds what floats make of sizes and prices."""

_UNEXPLAINED = "flumine settles it otherwise"

_RUNNER = ["market_id", "selection_id", "handicap"]
_OF_MARKET = [
    "market_id",
    "market_type",
    "betting_type",
    "number_of_winners",
    "each_way_divisor",
    "amended",
    "late_withdrawal",
    "late_small_withdrawal",
    "withdrawal_corrected",
]
# Types in which a race that was run has a winner.
_OF_A_RACE = ["WIN", "PLACE", "OTHER_PLACE", EACH_WAY]
_UNDIVIDED = 1.0
# Lines are in quarters of a goal; between halves, half the stake is won or lost, which no status shows.
_HALF_LINE = 0.5


class Valued(NamedTuple):
    """Valued orders.

    Attributes:
        orders: Rows of `orders` in markets that can be settled. `profit` (the account's currency) and `runner_status`
            follow the last definition; `turnover` and `liability` are added (the account's currency): the stake, and
            the most that can be lost, both 0 for a bet on a removed runner; and `profit_by_match`, the profit if each
            match had its own price instead of flumine's average in two decimals.
        rejects: By variant, the markets where one of its bets cannot be settled.
        differences: Rows of `results/differences`.
    """

    orders: pd.DataFrame
    rejects: dict[str, list[Reject]]
    differences: pd.DataFrame


class _Worth(NamedTuple):
    """Each order's value and flumine's, in whole cents."""

    cents: Cents
    flumines: Cents
    turnover: Cents
    liability: Cents


def value(orders: pd.DataFrame, markets: pd.DataFrame, runners: pd.DataFrame, session: str = "market") -> Valued:
    """Value orders by the last definition of their market.

    Args:
        orders: Rows of `orders`.
        markets: Rows of `catalogue/markets`, at least those that are `concerned`.
        runners: Rows of `catalogue/runners` of these markets.
        session: What an instance of the strategies was replayed on: `market`, `event`, `day` or `run`.

    Raises:
        BalanceError: An order's market is missing.
    """
    known = _with_definitions(orders, markets, runners, last_withdrawals(markets, runners, session))
    rejected = _reject(known, _problems(known))
    known = _without(known, rejected)
    worth = _settle_by_average(known)
    if more := _reject(known.assign(settled=worth.cents / HUNDRED), _unexplained(known, worth)):
        rejected |= more
        known = _without(known, more)
        worth = _settle_by_average(known)
    by_match = _settle(known, hundredths(known["value_matched"] * HUNDRED))
    differences = _differences(known, worth)
    status = known["last_status"].where(known["last_status"].notna(), known["runner_status"])
    kept = known[list(orders.columns)].assign(
        profit=worth.cents / HUNDRED,
        runner_status=status,
        turnover=worth.turnover / HUNDRED,
        liability=worth.liability / HUNDRED,
        profit_by_match=by_match.cents / HUNDRED,
    )
    rejects: dict[str, list[Reject]] = {}
    for (strategy, _), reject in rejected.items():
        rejects.setdefault(strategy, []).append(reject)
    return Valued(kept, rejects, differences)


def _with_definitions(
    orders: pd.DataFrame, markets: pd.DataFrame, runners: pd.DataFrame, withdrawals: pd.DataFrame
) -> pd.DataFrame:
    strangers = set(orders["market_id"]) - set(markets["market_id"])
    if strangers:
        raise BalanceError(f"{len(strangers)} markets have orders but are not in the catalogue: {min(strangers)}, …")
    won = runners["status"].eq("WINNER").groupby(runners["market_id"]).sum()
    placed = runners["status"].eq("PLACED").groupby(runners["market_id"]).sum()
    ran = runners["status"].ne("REMOVED").groupby(runners["market_id"]).agg(["sum", "count"])
    statuses = runners[[*_RUNNER, "status"]].rename(columns={"status": "last_status"})
    known = orders.merge(markets[_OF_MARKET], on="market_id", how="left", validate="many_to_one")
    known = known.merge(statuses, on=_RUNNER, how="left", validate="many_to_one")
    known = known.join(withdrawals.reindex(known["market_id"]).set_axis(known.index))
    return known.assign(
        won=known["market_id"].map(won).fillna(0).astype(int),
        placed=known["market_id"].map(placed).fillna(0).astype(int),
        ran=known["market_id"].map(ran["sum"]).fillna(0).astype(int),
        runners=known["market_id"].map(ran["count"]).fillna(0).astype(int),
    )


def _is_of_lines(known: pd.DataFrame) -> pd.Series:
    return known["betting_type"].fillna("").str.startswith("ASIAN_HANDICAP")


def _problems(known: pd.DataFrame) -> pd.Series:
    """Return why each order's bet cannot be settled; empty if it can."""
    each_way = known["market_type"] == EACH_WAY
    winners = known["number_of_winners"]
    of_lines = _is_of_lines(known)
    status = known["last_status"]
    too_many = np.where(
        each_way, (known["won"] > 1) | (known["won"] + known["placed"] > winners), known["won"] > winners
    )
    has_result = status.isin(["WINNER", "LOSER", "REMOVED"]) | (each_way & (status == "PLACED"))
    problems = pd.Series("", index=known.index)
    # A later problem overwrites an earlier one.
    # Where the number of winners is not given, any may win, except in a WIN market.
    is_untold = np.where(known["market_type"] == "WIN", (winners <= 0) & (known["won"] > 1), winners > 0)
    problems[too_many & is_untold & ~of_lines] = "dead heat that the files cannot tell"
    problems[each_way & ~(known["each_way_divisor"] > 0)] = "no each way divisor"
    # The place part is void once withdrawals leave no more runners than places.
    is_small = (known["ran"] <= winners) & (known["ran"] < known["runners"])
    problems[each_way & is_small] = "each way market left with no more runners than places"
    # Flumine reduces no price once the market is closed, and in-play also reduces bets matched in-play. Losing bets are
    # left out too, so that leaving out does not depend on the result.
    problems[known["late_withdrawal"]] = "prices reduced by a withdrawal after the off"
    is_lay, placed = known["side"] == "LAY", known["date_time_placed"]
    # Flumine then changes the size of lays matched at the starting price, whatever the factor.
    problems[known["late_small_withdrawal"] & is_lay & (known["order_type"] == "MARKET_ON_CLOSE")] = (
        "lay at starting price changed by a withdrawal after the off"
    )
    # The exchange reduces the liability of every lay at the starting price, flumine of those without a limit alone.
    is_limited = is_lay & (known["order_type"] == "LIMIT_ON_CLOSE")
    problems[is_limited & (placed <= known["withdrawn_at"])] = "limited lay at starting price before a withdrawal"
    problems[placed <= known["passed_over_at"]] = "withdrawal that flumine met in another market of the session"
    problems[known["market_type"].isin(_OF_A_RACE) & (known["won"] == 0) & (status != "REMOVED")] = "no winner"
    problems[of_lines & (known["handicap"] % _HALF_LINE != 0)] = "line that can be half won"
    problems[known["betting_type"] == "LINE"] = "line market without a result"
    problems[~has_result] = "runner without a result"
    problems[known["size_matched"] <= 0] = ""
    # Flumine reduces prices for each factor announced, and voids what was matched on a runner that came back.
    is_corrected = known["withdrawal_corrected"] & ((known["size_matched"] > 0) | (known["size_voided"] > 0))
    problems[is_corrected] = "withdrawal corrected before the off"
    return problems


def _unexplained(known: pd.DataFrame, worth: _Worth) -> pd.Series:
    """Return which bets' value differs from flumine's though no rule says why, as `_problems` does."""
    is_unexplained = (worth.cents != worth.flumines) & (_rules(known, worth) == "")
    return pd.Series(np.where(is_unexplained, _UNEXPLAINED, ""), index=known.index)


def _reject(known: pd.DataFrame, problems: pd.Series) -> dict[tuple[str, str], Reject]:
    first = known.assign(problem=problems)[problems != ""].drop_duplicates(["strategy_name", "market_id"])
    rejected = {}
    for bet in first.to_dict("records"):
        status = bet["last_status"] if isinstance(bet["last_status"], str) else "none"
        detail = f"bet {bet['bet_id']} on {bet['selection_id']}, whose last status is {status}"
        if bet["problem"] == _UNEXPLAINED:
            detail += f"; flumine says {bet['profit']:.2f} for {bet['settled']:.2f}"
        rejected[bet["strategy_name"], bet["market_id"]] = Reject(bet["market_id"], bet["problem"], detail)
    return rejected


def _without(known: pd.DataFrame, rejected: Mapping[tuple[str, str], Reject]) -> pd.DataFrame:
    at = pd.MultiIndex.from_frame(known[["strategy_name", "market_id"]])
    return known[~at.isin(rejected.keys())].reset_index(drop=True)


def _settle_by_average(known: pd.DataFrame) -> _Worth:
    return _settle(known, hundredths(known["size_matched"]) * hundredths(known["price_matched"]))


def _settle(known: pd.DataFrame, returned: Cents) -> _Worth:
    """Settle bets that would return these amounts, size × price, in hundredths of cents."""
    size = hundredths(known["size_matched"])
    divisor = hundredths(known["each_way_divisor"].fillna(_UNDIVIDED))
    won, to_win = known["won"].to_numpy(), known["number_of_winners"].to_numpy(dtype=np.int64)
    status = known["last_status"].to_numpy()
    each_way = (known["market_type"] == EACH_WAY).to_numpy()
    is_lay = (known["side"] == "LAY").to_numpy()
    is_void = (status == "REMOVED") | (size == 0)
    heats = (known["market_type"] == "WIN").to_numpy() & (to_win > 0) & (won > to_win)

    # A back's result × denominator. The place part of an each-way bet is paid at a fraction of the odds.
    gain = returned - size * HUNDRED
    denominator = np.select([each_way, heats], [HUNDRED * divisor, HUNDRED * won], HUNDRED)
    result = np.select(
        [
            is_void,
            each_way & (status == "WINNER"),
            each_way & (status == "PLACED"),
            status == "WINNER",
        ],
        [
            0,
            gain * (divisor + HUNDRED),
            HUNDRED * (gain - size * divisor),
            np.where(heats, to_win * returned - size * HUNDRED * won, gain),
        ],
        -size * denominator * np.where(each_way, 2, 1),
    )
    at_risk = np.where(each_way, gain * (divisor + HUNDRED), gain)
    numerator = np.where(is_lay, -result, result)
    turnover = np.where(is_void, 0, size * np.where(each_way, 2, 1))
    lay_liability = round_half_up(at_risk, np.where(each_way, HUNDRED * divisor, HUNDRED))
    flumines = hundredths(known["profit"])
    return _Worth(
        _nearest(numerator, denominator, flumines),
        flumines,
        turnover,
        np.where(is_void, 0, np.where(is_lay, lay_liability, turnover)),
    )


def _nearest(numerator: Cents, denominator: Cents, flumines: Cents) -> Cents:
    """Round to cents; a half cent is rounded as flumine does, so that both agree wherever the rule is the same."""
    agrees = 2 * np.abs(numerator - flumines * denominator) <= denominator
    return np.where(agrees, flumines, round_half_up(numerator, denominator))


def _rules(known: pd.DataFrame, worth: _Worth) -> npt.NDArray[np.str_]:
    """Return the rule by which a bet's value may differ from flumine's; empty if it must not."""
    several = known["won"] > known["number_of_winners"]
    rules = {
        AMENDED: known["amended"],
        DEAD_HEAT: (known["market_type"] == "WIN") & (known["number_of_winners"] > 1) & several,
        LINES: _is_of_lines(known) & (known["number_of_winners"] == 1) & several,
        ROUNDED: np.abs(worth.cents - worth.flumines) == 1,
    }
    return np.select(list(rules.values()), list(rules), "")


def _differences(known: pd.DataFrame, worth: _Worth) -> pd.DataFrame:
    """Sum by variant, market and rule the bets whose value differs from flumine's."""
    listed = pd.DataFrame(
        {
            "strategy": known["strategy_name"],
            "market_id": known["market_id"],
            "rule": _rules(known, worth),
            "bets": 1,
            "flumine": worth.flumines,
            "settled": worth.cents,
        }
    )[worth.cents != worth.flumines]
    summed: pd.DataFrame = listed.groupby(["strategy", "market_id", "rule"], as_index=False).sum()
    return summed.assign(flumine=summed["flumine"] / HUNDRED, settled=summed["settled"] / HUNDRED)
