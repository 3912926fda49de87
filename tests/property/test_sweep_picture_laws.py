"""Laws of a sweep's picture: each variant has a place of its own, whatever its parameters are, and its own figures."""

import json

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.report.drawing import plain
from tasks.report.sweep import plot_sweep
from tasks.report.words import name_variants, signed

# Neighbours that look alike when they are written briefly, and words that look like other values.
NUMBERS = (
    0,
    0.0,
    1,
    1.0,
    True,
    1645272000.0,
    1645272000,
    1645274000.0,
    0.1,
    0.10000001,
    0.30000000000000004,
    0.3,
    1e400,
)
WORDS = (
    "1",
    "1.0",
    "true",
    "True",
    None,
    "None",
    "null",
    "default",
    "",
    '""',
    "a",
    "a ",
    "a\n",
    "a\\n",
    "a · a",
    "<b>",
)
VALUES = st.sampled_from((*NUMBERS, *WORDS, ["a"], "['a']", [1, 2], "[1, 2]"))
GRIDS = st.lists(
    st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES),
    min_size=2,
    max_size=16,
    unique_by=lambda one: json.dumps(one, sort_keys=True),
)


def swept(grid, name="mine:Mine"):
    return pd.DataFrame(
        {
            "strategy": [f"{name}-{number:08d}" for number in range(len(grid))],
            "name": name,
            "parameters": [json.dumps(one, sort_keys=True) for one in grid],
            "bets": 1,
            "net": [float(number) for number in range(1, len(grid) + 1)],
            "roi": [number / 1000 for number in range(1, len(grid) + 1)],
        }
    )


def draw(summary):
    nothing = pd.DataFrame({"strategy": [], "roi_low": [], "roi_high": []}).astype({"strategy": "str"})
    return plot_sweep(summary, nothing)


@settings(max_examples=300)
@given(GRIDS)
def test_each_variant_has_its_own_place_with_its_own_figures(grid):
    summary = swept(grid)
    plot = draw(summary)
    [trace] = plot.figure["data"]
    assert len(set(trace["x"])) == len(trace["x"])
    if trace["type"] == "scatter":
        found = sorted(zip(trace["y"], trace["customdata"], strict=True))
        assert found == sorted((roi, signed(net)) for roi, net in zip(summary["roi"], summary["net"], strict=True))
        return
    assert len(set(trace["y"])) == len(trace["y"])
    cells = [
        (roi, said)
        for row, texts in zip(trace["z"], trace["customdata"], strict=True)
        for roi, said in zip(row, texts, strict=True)
    ]
    drawn = sorted(cell for cell in cells if cell[0] is not None)
    assert drawn == sorted((roi, f"net {signed(net)}") for roi, net in zip(summary["roi"], summary["net"], strict=True))
    assert {said for roi, said in cells if roi is None} <= {"no variant"}
    assert "mean" not in plot.caption.partition("Neighbours")[0]


@settings(max_examples=300)
@given(GRIDS)
def test_no_two_variants_have_one_name(grid):
    summary = swept(grid)
    names = name_variants(summary)
    assert list(names) == list(summary["strategy"])
    assert len({plain(name) for name in names.values()}) == len(grid)


@settings(max_examples=100)
@given(st.integers(5, 9), st.integers(3, 9), st.sets(st.integers(0, 400)))
def test_where_rows_are_too_many_each_cell_is_the_mean_of_those_that_bet(first, second, idle):
    grid = [{"x": x, "y": y, "z": z} for x in range(10) for y in range(first) for z in range(min(first, second))]
    summary = swept(grid)
    summary.loc[summary.index.isin(idle), ["roi", "net"]] = [np.nan, 0.0]
    plot = draw(summary)
    [heat] = plot.figure["data"]
    parameters = summary.join(pd.DataFrame(grid))
    betting = parameters[parameters["roi"].notna()]
    if first * min(first, second) <= 16:
        assert "mean" not in plot.caption.partition("Neighbours")[0]
        return
    assert "Each cell is the mean over z, of the variants with bets." in plot.caption
    for y in range(first):
        for x in range(10):
            own = betting[(betting["x"] == x) & (betting["y"] == y)]
            if own.empty:
                assert (heat["z"][y][x], heat["customdata"][y][x]) == (None, "no bets")
                continue
            assert np.isclose(heat["z"][y][x], own["roi"].mean())
            count = f"{len(own)} variant{'' if len(own) == 1 else 's'}"
            assert heat["customdata"][y][x] == f"net {signed(own['net'].mean())}, the mean of {count} with bets"


def test_variants_of_other_strategies_are_told_and_share_no_cell():
    summary = pd.concat([swept([{"x": 1}, {"x": 2}, {"x": 3}]), swept([{"x": 1}, {"x": 2}], "mine:Other")])
    plot = draw(summary)
    [dots] = plot.figure["data"]
    assert dots["x"] == ["1", "2", "3"]
    assert "of 3 variants of mine:Mine (the run has 2 variants of other strategies) by x" in plot.caption


def test_what_a_variant_was_not_given_is_its_strategys_default():
    [heat] = draw(swept([{"a": 1.5, "b": 3}, {"a": 3.5, "b": 3}, {"a": 3.5, "b": 3, "side": "LAY"}])).figure["data"]
    assert (heat["x"], heat["y"]) == (["1.5", "3.5"], ["default", "LAY"])
    assert [row[1] for row in heat["z"]] == [0.002, 0.003]
    assert [row[0] for row in heat["customdata"]] == ["net +1.00", "no variant"]
