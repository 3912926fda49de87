"""All variants of a run on one account, where the exchange takes commission on their combined winnings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from tasks.aggregation.commission import Commission
from tasks.aggregation.races import Races
from tasks.aggregation.settlement import settle
from tasks.aggregation.statistics import statistics, verdict
from tasks.aggregation.summary import by_variant
from tasks.aggregation.words import plural
from tasks.rejects import Reject, say_reasons

ACCOUNT = "account"
"""The variant id in the account's rows."""

_BET = ["market_id", "selection_id", "handicap", "side"]


class OneAccount(NamedTuple):
    """The results of all variants together.

    Attributes:
        orders: Rows of `orders` that are in the figures.
        settled: Rows of `results/account_markets`.
        summary: The row of `results/account`.
        notices: Sentences on what the figures lack.
    """

    orders: pd.DataFrame
    settled: pd.DataFrame
    summary: pd.DataFrame
    notices: list[str]


def on_one_account(
    orders: pd.DataFrame,
    markets: pd.DataFrame,
    rejects: Mapping[str, Sequence[Reject]],
    variants: Sequence[str],
    commission: Commission,
) -> OneAccount:
    """Settle the bets of all variants as those of one account.

    A market that is a reject of any variant is left out: without that variant's bets, neither profit nor commission
    would be the account's.

    Args:
        orders: Rows of `orders` of all variants, as `worth.value` returns them.
        markets: The selected rows of the catalogue, with a column `archive`.
        rejects: By variant, the markets left out of its figures.
        variants: Their ids.
        commission: The rate.
    """
    left_out = {reject.what: reject for of_variant in rejects.values() for reject in of_variant}
    shared = orders[~orders["market_id"].isin(left_out)]
    together = shared.assign(strategy_name=ACCOUNT)
    settled = settle(together, markets, commission)
    replayed = markets[~markets["market_id"].isin(left_out)]
    row = pd.DataFrame({"strategy": [ACCOUNT], "variants": [len(variants)], "replayed": [len(replayed)]})
    summed = by_variant(settled, row)
    weighed = statistics(Races(together, settled, replayed), [ACCOUNT])
    added = ["strategy", *(column for column in weighed if column not in summed)]
    summary = summed.merge(weighed[added], on="strategy", validate="one_to_one")
    return OneAccount(together, settled, summary, [*_left_out(rejects, len(markets)), *_matched_alone(shared)])


def say_account(row: Mapping[str, Any]) -> str:
    """Return the conclusion from a row of `results/account`, a sentence without full stop."""
    # The account counts as one trial, however many variants bet on it.
    return f"{plural(row['variants'], 'variant')} on one account: {verdict({**row, 'variants': 1})}"


def _left_out(rejects: Mapping[str, Sequence[Reject]], markets: int) -> Iterator[str]:
    if of_any := [reject for of_variant in rejects.values() for reject in of_variant]:
        count = len({reject.what for reject in of_any})
        yield (
            f"{ACCOUNT}: {count} of {markets} markets are not in its figures, being rejects of a variant: "
            f"{say_reasons(of_any)}"
        )


def _matched_alone(orders: pd.DataFrame) -> Iterator[str]:
    """Yield a notice of bets by several variants on the same side of a runner, which compete for the same money."""
    bets = orders[orders["turnover"] > 0]
    strategies = bets.groupby(_BET)["strategy_name"].transform("nunique")
    alike = bets[strategies > 1]
    if len(alike):
        markets = plural(alike["market_id"].nunique(), "market")
        yield (
            f"{ACCOUNT}: {plural(len(alike), 'bet')} in {markets} are on the side "
            "and runner of another variant's; each was matched as if it were alone, which one account may not have been"
        )
