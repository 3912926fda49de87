"""Draw the equity curve as a PNG for the Prefect UI, which shows images only."""

import io

import pandas as pd

# More lines than this cannot be told apart, so only the best and the worst are drawn.
_MOST_LINES = 12


def draw_equity(settled: pd.DataFrame, together: pd.DataFrame) -> bytes:
    """Draw each variant's cumulative net in order of settlement.

    Args:
        settled: Rows of `results/markets`.
        together: Rows of `results/account_markets`; its line is black.

    Returns:
        A PNG.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow, and most runs that find all done need none

    figure = Figure(figsize=(9, 4.5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    last = settled.groupby("strategy")["cumulative_net"].last().sort_values(ascending=False)
    half = _MOST_LINES // 2
    drawn = last.index if len(last) <= _MOST_LINES else last.index[:half].append(last.index[-half:])
    for strategy in drawn:
        line = settled[settled["strategy"] == strategy]
        label = f"{strategy} {last[strategy]:+,.2f}"
        axes.step(line["settled_time"], line["cumulative_net"], where="post", label=label)
    if len(together):
        label = f"{together['strategy'].iloc[0]} {together['cumulative_net'].iloc[-1]:+,.2f}"
        axes.step(together["settled_time"], together["cumulative_net"], "black", where="post", label=label)
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_ylabel("net, account's currency")
    if len(drawn):
        axes.legend(fontsize="small", frameon=False)
    else:
        axes.text(0.5, 0.5, "no bets", transform=axes.transAxes, ha="center")
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()
