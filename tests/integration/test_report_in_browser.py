"""The report of the generated month as a person opens it: from the disk, with no network, on a phone and on a desk."""

import re

import pytest
from made_report import make_report
from playwright.sync_api import expect
from served import BROWSER_PATIENCE

from tasks.report.html import render

ARCHIVE = "2026_01_JanSyntheticPro"
PHONE, DESK = {"width": 375, "height": 800}, {"width": 1280, "height": 900}
PLOTS = ["equity", "drawdown", "draws", "sweep", "calibration", "prices"]

# Traces that are really drawn: lines and dots, or the cells of a map.
DRAWN = """plot => plot.querySelectorAll(
    ".scatterlayer path.js-line, .scatterlayer path.point, .heatmaplayer image").length"""


@pytest.fixture(scope="module")
def report(backtest, tmp_path_factory):
    """The report's file, as the run wrote it."""
    folder = tmp_path_factory.mktemp("report")
    printed = backtest("sample", "--lake", folder).stdout
    [path] = folder.glob("results/report/run=*/report.html")
    assert str(path) in printed
    return path


@pytest.fixture
def opened(browser, report):
    """Open the report; anything it asks the network for, and anything it complains of, fails the test."""
    contexts, wrong = [], []

    def open_report(viewport=DESK, scheme="light", file=report):
        context = browser.new_context(viewport=viewport, color_scheme=scheme, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(BROWSER_PATIENCE)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: request.url == file.as_uri() or wrong.append(request.url[:100]))
        page.goto(file.as_uri())
        # A page under this policy evaluates no strings, so it is waited for by what it shows.
        expect(page.locator("#prices .xtick text").first).to_be_visible()
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert not wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_everything_is_drawn_and_fits(opened, viewport, scheme):
    page = opened(viewport, scheme)
    assert page.eval_on_selector_all(".js-plotly-plot", "plots => plots.map(plot => plot.id)") == PLOTS
    for plot in PLOTS:
        assert page.eval_on_selector(f"#{plot}", DRAWN) > 0, plot
        box = page.locator(f"#{plot}").bounding_box()
        assert box["height"] > 200
        assert box["x"] + box["width"] <= viewport["width"]
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    wide = page.eval_on_selector_all(".scroll", "all => all.filter(one => one.scrollWidth > one.clientWidth).length")
    assert wide or viewport is DESK


def test_both_sides_of_a_day_are_drawn(opened, tmp_path):
    file = tmp_path / "report.html"
    variants = [f"rated_price-{number:08d}" for number in range(6)]
    file.write_text(render(make_report(variants, split="2022-03-08")), "utf-8")
    page = opened(PHONE, file=file)
    assert page.eval_on_selector("#split", DRAWN) >= len(variants)
    expect(page.get_by_role("region", name="Before 2022-03-08 and from then on")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


LIGHT = ("rgb(253, 252, 250)", "rgb(29, 28, 26)")
DARK = ("rgb(22, 22, 24)", "rgb(233, 230, 225)")


def expect_colours(page, page_and_text):
    """Expect the page's colour, and that of its text, in the plots too."""
    background, text = page_and_text
    expect(page.locator("body")).to_have_css("background-color", background)
    expect(page.locator("h1")).to_have_css("color", text)
    for plot in PLOTS:
        expect(page.locator(f"#{plot} .ytick text").first).to_have_css("fill", text)


def test_it_follows_the_screen_from_light_to_dark_and_is_light_on_paper(opened):
    page = opened(DESK, "light")
    expect_colours(page, LIGHT)
    page.emulate_media(color_scheme="dark")
    expect_colours(page, DARK)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect_colours(page, LIGHT)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect_colours(page, DARK)


def test_variants_are_switched_in_every_plot(opened):
    page = opened()

    def shown():
        return page.evaluate(
            """() => ["equity", "drawdown", "draws", "prices"].map(id =>
                document.getElementById(id)._fullData.filter(t => t.meta && t.visible === true).length)"""
        )

    everything = shown()
    page.get_by_role("checkbox").first.uncheck()
    expect(page.locator("#equity .scatterlayer .trace")).to_have_count(everything[0] - 2)
    assert all(after < before for before, after in zip(everything, shown(), strict=True))
    page.get_by_role("button", name="none").click()
    assert shown() == [0, 0, 0, 0]
    page.get_by_role("button", name="all").click()
    assert shown() == everything


def test_hovering_tells_the_variant_and_the_money(opened):
    page = opened()
    page.locator("#equity").scroll_into_view_if_needed()
    box = page.locator("#equity .nsewdrag").first.bounding_box()
    point = page.evaluate(
        """() => { const plot = document.getElementById("equity"), trace = plot._fullData[1], full = plot._fullLayout;
            const at = Math.floor(trace.x.length / 2);
            return [full.xaxis.c2p(trace.x[at]), full.yaxis.c2p(trace.y[at])]; }"""
    )
    page.mouse.move(box["x"] + point[0], box["y"] + point[1])
    page.wait_for_selector("#equity .hoverlayer .hovertext")
    assert re.search(r"[\d.]+ (net|gross)", page.locator("#equity .hoverlayer").text_content())


def test_on_paper_nothing_is_cut_off(opened):
    page = opened()
    page.emulate_media(media="print")
    assert page.eval_on_selector_all(".tall", "all => all.every(one => one.scrollHeight <= one.clientHeight + 1)")
    assert page.locator("nav").is_hidden()
    assert len(page.pdf()) > 10_000
