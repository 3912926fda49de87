"""The equity curve's picture."""

import io

import pandas as pd
import pytest
from PIL import Image

from tasks.aggregation.equity import draw_equity


def settled(nets: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {"strategy": name, "settled_time": pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=hour), "net": net}
        for name, values in nets.items()
        for hour, net in enumerate(values)
    ]
    frame = pd.DataFrame(rows, columns=["strategy", "settled_time", "net"]).astype({"net": float})
    return frame.assign(cumulative_net=frame.groupby("strategy")["net"].cumsum())


def picture(nets: dict[str, list[float]], together: dict[str, list[float]] | None = None) -> Image.Image:
    return Image.open(io.BytesIO(draw_equity(settled(nets), settled(together or {})))).convert("RGB")


def colours(image: Image.Image) -> int:
    """How many colours are really used: each line has one of its own."""
    strong = [colour for count, colour in image.getcolors(1_000_000) if count > 100 and max(colour) - min(colour) > 50]
    return len(strong)


def test_each_variant_has_a_line_of_its_own():
    assert colours(picture({"a-1": [1, -2, 3], "b-2": [-1, -2, -3]})) == 2


def test_other_figures_make_another_picture():
    assert picture({"a-1": [1, -2, 3]}).tobytes() != picture({"a-1": [1, 2, 3]}).tobytes()


def test_the_account_has_a_line_beside_them():
    alone, beside = (picture({"a-1": [9, 1, 9]}, together) for together in (None, {"account": [1, 9, 1]}))
    black = [
        sum(count for count, colour in image.getcolors(1_000_000) if max(colour) < 40) for image in (alone, beside)
    ]
    assert black[1] > black[0] + 500


def test_no_bets_is_a_picture_too():
    assert colours(picture({})) == 0


@pytest.mark.parametrize("variants", [12, 60])
def test_so_many_that_they_could_not_be_told_apart_are_not_all_drawn(variants):
    image = picture({f"v-{n}": [n, n, n] for n in range(variants)})
    assert image.size == (900, 450)
