"""What a person does in Prefect's UI, in a real browser: fill in the form, watch, look at what came out, retry."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from served import BROWSER_PATIENCE
from ui import Form, Ui

SCREENSHOTS = Path(os.environ.get("BACKTEST_SCREENSHOTS", "test-screenshots"))

# What is wrong with it is in a file it reads: another source would be another strategy, and all its chunks be redone.
FLAWED = '''
from pathlib import Path

from flumine import BaseStrategy

class Flawed(BaseStrategy):
    """Raises where its machine lets it down: in the market of which a file lies there."""

    def check_market_book(self, market, market_book):
        return True

    def process_market_book(self, market, market_book):
        if Path(__file__).with_name(market_book.market_id).exists():
            raise ZeroDivisionError("one market too many")
'''


@pytest.fixture
def page(browser, request) -> Iterator[Page]:
    """A page of a desk's width; what it shows when a test fails is kept."""
    page = browser.new_page(viewport={"width": 1300, "height": 1400})
    page.set_default_timeout(BROWSER_PATIENCE)
    failed_before = request.session.testsfailed
    yield page
    if request.session.testsfailed > failed_before:
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{request.node.name}.png", full_page=True)
    page.close()


@pytest.fixture
def ui(page, served) -> Ui:
    ui = Ui(page, served.address)
    ui.sign_in(served.link)
    return ui


def ask_for(form: Form, archive: Path) -> None:
    form.fill_item("Archives", str(archive))
    form.fill("Chunk Bytes", "150000")


def test_a_backtest_from_the_form(ui, page, month):
    form = ui.ask("backtest")
    for label, default in {"Seconds To Start": "60", "Window": "80s", "Chunk Bytes": "2000000"}.items():
        assert form.value(label) == default
    assert "tar" in form.help("Archives")
    ask_for(form, month.archive)
    form.fill("Seconds To Start", "30")
    form.choose("Currency", "AUD")
    form.kind("Date From", "date")
    ui.start(form)
    ui.wait_for_state("Completed")

    expect(page.get_by_text("backtest 2026_01_JanSyntheticPro").first).to_be_visible()
    ui.tab("Parameters")
    expect(page.get_by_text('"seconds_to_start": 30').first).to_be_visible()
    ui.tab("Subflow Runs")
    for stage in ("extract", "simulate", "aggregate"):
        expect(page.get_by_text(f"{stage} 2026_01_JanSyntheticPro").first).to_be_visible()
    ui.artifact("variants")
    expect(page.get_by_text(re.compile("^back_favourite-")).first).to_be_visible()
    page.go_back()
    ui.artifact("rejects")
    expect(page.get_by_text("reason").first).to_be_visible()
    page.go_back()
    ui.artifact("report")
    picture = page.get_by_role("img", name="net of each variant")
    assert picture.evaluate("picture => picture.complete && picture.naturalWidth") == 900


def test_a_wrong_parameter_does_not_start_a_run(ui, page, served, month):
    before = {run["id"] for run in served.runs("backtest")}
    form = ui.ask("backtest")
    ask_for(form, month.archive)
    form.fill("Stake", "-1")
    form.submit()
    expect(page.get_by_text("-1 is less than or equal to the minimum of 0").first).to_be_visible()
    assert page.url.split("?")[0].endswith("/run")
    assert {run["id"] for run in served.runs("backtest")} == before


def test_one_failed_chunk_is_retried_alone(ui, page, month, user):
    market_id = month.races[30].market_id
    (user / "flawed.py").write_text(FLAWED)
    (user / market_id).touch()
    form = ui.ask("backtest")
    ask_for(form, month.archive)
    form.fill("Strategy", "flawed:Flawed", within=form.add("Own Strategies"))
    ui.start(form)
    ui.wait_for_state("Failed")
    # A retry that comes before the old process has ended would be crashed by its end.
    expect(page.get_by_text("exited with status code").first).to_be_visible()
    ui.tab("Details")
    page.get_by_text("See More").first.click()
    expect(page.get_by_text(f"one market too many in market {market_id}").first).to_be_visible()
    page.keyboard.press("Escape")

    (user / market_id).unlink()
    ui.retry()
    ui.wait_for_state("Completed")
    ui.subflow("simulate 2026_01_JanSyntheticPro")
    assert ui.task_runs() == [("simulate chunk 4/7", "Completed")]
    page.get_by_role("link", name="backtest 2026_01_JanSyntheticPro").first.click()
    ui.subflow("extract 2026_01_JanSyntheticPro")
    assert ui.state() == "Cached"
