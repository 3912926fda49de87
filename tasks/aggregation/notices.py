"""What a run's figures do not say of themselves, in words: what to know before one relies on them."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from tasks.simulation.variant import Variant


def notices(variants: Sequence[Variant], markets: pd.DataFrame, carries: Mapping[str, Sequence[str]]) -> list[str]:
    """Say what a person should know of a run.

    Args:
        variants: The run's.
        markets: Its rows of the catalogue.
        carries: By variant, attributes that its strategy would carry from market to market.

    Returns:
        Sentences, each once.
    """
    return [*dict.fromkeys(_carried(variants, carries)), *_volumes(variants, markets)]


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
