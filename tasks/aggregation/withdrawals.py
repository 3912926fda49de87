"""When runners were withdrawn, and which of these withdrawals flumine passes over.

Flumine's middleware remembers a withdrawal by selection, handicap and adjustment factor, for all markets of its
framework: where a second market of a session loses the same runner, it neither reduces prices nor voids bets.
"""

import pandas as pd

from tasks.orders.session import TOGETHER

_SAME = ["session", "selection_id", "handicap", "adjustment_factor"]


def concerned(orders: pd.DataFrame, markets: pd.DataFrame, session: str) -> pd.DataFrame:
    """Select the markets whose withdrawals decide what orders are worth: theirs, and others of their sessions.

    Args:
        orders: Rows of `orders`.
        markets: Rows of `catalogue/markets`.
        session: `market`, `event`, `day` or `run`.
    """
    sessions = _sessions(markets, session)
    return markets[sessions.isin(sessions[markets["market_id"].isin(orders["market_id"])])]


def last_withdrawals(markets: pd.DataFrame, runners: pd.DataFrame, session: str) -> pd.DataFrame:
    """Return when a market's last withdrawal was announced, and the last that flumine passes over.

    Args:
        markets: Rows of `catalogue/markets`, of whole sessions.
        runners: Rows of `catalogue/runners` of these markets.
        session: `market`, `event`, `day` or `run`.

    Returns:
        `withdrawn_at` and `passed_over_at` by market id, of markets with a withdrawal that has an adjustment factor;
        `passed_over_at` is empty where flumine meets all.
    """
    gone = runners[runners["withdrawn_at"].notna()]
    session_of = dict(zip(markets["market_id"], _sessions(markets, session), strict=True))
    gone = gone.assign(session=gone["market_id"].map(session_of))
    first = gone.groupby(_SAME, dropna=False)["withdrawn_at"].transform("min")
    # Which of two in the same millisecond flumine meets depends on its queue.
    is_met = (gone["withdrawn_at"] == first) & ~gone.duplicated([*_SAME, "withdrawn_at"], keep=False)
    told = gone.assign(passed_over_at=gone["withdrawn_at"].mask(is_met))
    last: pd.DataFrame = told.groupby("market_id")[["withdrawn_at", "passed_over_at"]].max()
    return last


def _sessions(markets: pd.DataFrame, session: str) -> pd.Series:
    """Return what tells each market's session from others."""
    return markets[TOGETHER[session]] if session in TOGETHER else pd.Series(session, index=markets.index)
