"""Notices: what to know before relying on a run's figures."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import pandas as pd

from tasks.aggregation.cents import HUNDRED, hundredths
from tasks.aggregation.no_bets import kinds_of, say_kind
from tasks.aggregation.words import money, plural
from tasks.aggregation.worth import Valued
from tasks.archives.manifest import Manifest, read_extracted, read_not_asked, reasons_left_out, say_types
from tasks.lake.datasets import CATALOGUE_MARKETS
from tasks.lake.fingerprint import ENGINE
from tasks.lake.store import Lake
from tasks.orders.coverage import Coverage
from tasks.orders.refusal import Refusal, is_of_least_stake
from tasks.rejects import Reject, say_reasons
from tasks.variants.variant import Variant, unseen

# The most kinds of refusal that are listed; a sweep may have thousands.
_MOST_REFUSED = 20

# By rule 13.7 the matched price is reduced in these, as flumine does in all. No rule is known for unlisted types.
_REDUCED_BY_PRICE = ("WIN", "EACH_WAY")
_REDUCED_BY_WINNINGS = ("PLACE", "OTHER_PLACE")


def notices(variants: Sequence[Variant], markets: pd.DataFrame, covered: Coverage) -> list[str]:
    """Return a run's notices, each once.

    Args:
        variants: The run's.
        markets: Its rows of the catalogue.
        covered: Its orders, rejects and refusals.
    """
    carried = dict.fromkeys(_carried(variants, covered.carries))
    return [
        *_rejected(covered.rejects, len(markets)),
        *unseen(variants),
        *nowhere_to_bet(variants, markets),
        *_refused(variants, covered.refused, markets),
        *carried,
        *_volumes(variants, markets),
    ]


def of_settlement(valued: Valued, markets: pd.DataFrame, runners: pd.DataFrame) -> Iterator[str]:
    """Yield notices of bets for which flumine's rule is not the exchange's.

    Args:
        valued: The run's orders, valued.
        markets: Its rows of the catalogue.
        runners: The runners of the markets with bets.

    Yields:
        A sentence per variant and rule.
    """
    yield from _settled_otherwise(valued.differences)
    yield from _averaged(valued.orders)
    yield from _reduced_otherwise(valued.orders, markets, runners)


def left_out(lake: Lake, archives: Iterable[Manifest]) -> Iterator[str]:
    """Yield how many markets were left out of the archives, and how many are of types that were not asked for.

    Args:
        archives: The manifests of the run's archives.

    Yields:
        At most two sentences per archive.
    """
    for archive in archives:
        if reasons := reasons_left_out(lake, archive):
            said = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            yield (
                f"of {archive.archive} {plural(archive.markets, 'market')} can be replayed, {reasons.total():,} left "
                f"out: {said}"
            )
        if others := read_not_asked(lake, archive):
            yield (
                f"of {archive.archive} {plural(len(others), 'market')} of other types not extracted for this run "
                f"({say_types(others.values())}): what may be damaged in them is not seen"
            )


def differing(lake: Lake, archives: Sequence[Manifest], markets: pd.DataFrame) -> Iterator[str]:
    """Yield how many of the run's markets another of its archives has with other messages.

    Args:
        archives: The manifests of the run's archives.
        markets: The run's rows of the catalogue.

    Yields:
        A sentence per archive.
    """
    digests = dict(zip(markets["market_id"], markets["digest"], strict=True))
    for archive in archives[1:]:
        rows = read_extracted(lake, archive, CATALOGUE_MARKETS).select(["market_id", "digest"]).to_pylist()
        others = [row["market_id"] for row in rows if digests.get(row["market_id"], row["digest"]) != row["digest"]]
        if others:
            yield (
                f"{archive.archive} has {plural(len(others), 'market')} with other messages than an archive before it "
                f"(first {others[0]}): the copy of the archive given first counts"
            )


def unrated(rated: Mapping[str, Collection[str]], markets: pd.DataFrame) -> Iterator[str]:
    """Yield how many of the run's markets have no ratings.

    Args:
        rated: The ids of markets with ratings, by model.
        markets: The run's rows of the catalogue.

    Yields:
        A sentence per model that lacks any.
    """
    for model, of_model in rated.items():
        missing = markets.loc[~markets["market_id"].isin(of_model), "market_id"]
        if len(missing):
            yield (
                f"{len(missing)} of {len(markets)} markets have no rating in {model} (first {missing.iloc[0]}): what "
                "bets by ratings saw them without any"
            )


def nowhere_to_bet(variants: Iterable[Variant], markets: pd.DataFrame) -> Iterator[str]:
    """Yield the variants whose tracks or countries have no selected market.

    Args:
        variants: The run's.
        markets: Its rows of the catalogue.

    Yields:
        A sentence per variant and parameter.
    """
    for variant in variants:
        if not variant.is_ours:
            continue
        for parameter, column in (("venues", "venue"), ("countries", "country_code")):
            wanted = variant.parameters.get(parameter)
            if wanted and not markets[column].str.casefold().isin(wanted).any():
                yield (
                    f"{variant.id} bets at {parameter} {', '.join(wanted)} alone, and none of the {len(markets)} "
                    "markets of the run is there: it can never bet"
                )


def _rejected(rejects: Mapping[str, Sequence[Reject]], markets: int) -> Iterator[str]:
    for variant_id, of_variant in rejects.items():
        yield f"{variant_id}: {len(of_variant)} of {markets} markets are not in its figures: {say_reasons(of_variant)}"


def _settled_otherwise(differences: pd.DataFrame) -> Iterator[str]:
    for (strategy, rule), rows in differences.groupby(["strategy", "rule"]):
        yield (
            f"{strategy}: flumine settles {plural(int(rows['bets'].sum()), 'bet')} in {plural(len(rows), 'market')} "
            f"otherwise, at {money(rows['flumine'].sum())} for {money(rows['settled'].sum())}: {rule} "
            f"(first {rows['market_id'].iloc[0]})"
        )


def _averaged(orders: pd.DataFrame) -> Iterator[str]:
    """Yield what flumine's average price, in two decimals, does to the gross of bets filled at several prices."""
    for strategy, rows in orders.groupby("strategy_name"):
        by_match, by_average = (hundredths(rows[profit]) for profit in ("profit_by_match", "profit"))
        if differing := int((by_match != by_average).sum()):
            yield (
                f"{strategy}: {plural(differing, 'bet')} filled at several prices: at the price of each part, not at "
                f"flumine's average in two decimals, its gross is {money(by_match.sum() / HUNDRED)} for "
                f"{money(by_average.sum() / HUNDRED)}"
            )


def _reduced_otherwise(orders: pd.DataFrame, markets: pd.DataFrame, runners: pd.DataFrame) -> Iterator[str]:
    """Yield the bets whose prices flumine reduces as in a WIN market, though the exchange may not."""
    others = markets[~markets["market_type"].isin(_REDUCED_BY_PRICE)]
    gone = runners[(runners["status"] == "REMOVED") & (runners["adjustment_factor"] > 0)]
    types = others[others["market_id"].isin(gone["market_id"])].set_index("market_id")["market_type"].fillna("no type")
    bets = orders[(orders["turnover"] > 0) & orders["market_id"].isin(types.index)]
    is_place = bets["market_id"].map(types).isin(_REDUCED_BY_WINNINGS)
    for strategy, rows in bets[is_place].groupby("strategy_name"):
        yield (
            f"{strategy}: {plural(len(rows), 'bet')} in {plural(rows['market_id'].nunique(), 'place market')} with a "
            "withdrawal: if matched before it, flumine reduces the whole price, as in a win market, the exchange the "
            "winnings alone"
        )
    for strategy, rows in bets[~is_place].groupby("strategy_name"):
        where = plural(rows["market_id"].nunique(), "market")
        of = ", ".join(sorted(set(rows["market_id"].map(types))))
        yield (
            f"{strategy}: {plural(len(rows), 'bet')} in {where} of {of} with a withdrawal: if matched before it, "
            "flumine reduces the whole price, as in a win market; how the exchange does there is not known"
        )


def _refused(
    variants: Sequence[Variant], refused: Mapping[str, Sequence[Refusal]], markets: pd.DataFrame
) -> Iterator[str]:
    kinds = [(variant, kind) for variant in variants for kind in kinds_of(refused.get(variant.id, ()))]
    for variant, kind in kinds[:_MOST_REFUSED]:
        yield say_kind(variant.id, kind)
    if more := kinds[_MOST_REFUSED:]:
        yield f"{len(more):,} more kinds of refusals are in results/refused, with an example of each"
    account = variants[0].account
    if account.min_stake is None and any(is_of_least_stake(kind.first) for _, kind in kinds):
        first, last = markets["market_date"].min(), markets["market_date"].max()
        days = f"{first}" if first == last else f"{first} to {last}"
        yield (
            f"the least stakes are those that betfairlightweight {ENGINE['betfairlightweight']} has for "
            f"{account.currency} now, and the markets are of {days}; if they were others then, give the run --min-stake"
        )


def _carried(variants: Sequence[Variant], carries: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for variant in variants:
        if names := carries.get(variant.id):
            yield (
                f"{variant.name} keeps {', '.join(names)} when a market is over, but each market meets a fresh "
                "instance; if one is to live on from market to market, give the run --session event, day or run"
            )


def _volumes(variants: Sequence[Variant], markets: pd.DataFrame) -> Iterator[str]:
    without = int(markets["total_matched"].isna().sum())
    settings = variants[0].settings
    # This project's own strategies read no volumes.
    is_read = not all(variant.is_ours for variant in variants)
    if is_read and without and not (settings.calculate_market_tv and settings.cumulative_runner_tv):
        yield (
            f"market_book.total_matched is 0 in {without} of {len(markets)} markets, whose files have no volume of the "
            "market, and runner.total_matched may be that of one update alone; for strategies that read them, give the "
            "run --calculate-market-tv and --cumulative-runner-tv"
        )
