"""Prefect's UI as a person uses it: pages, the form of a run, the tabs of a run's page."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from served import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator, Page, Response

# The timeline of a run is drawn again and again, so a page never goes idle: what is waited for is always an element.

# After which a form is submitted again, though Prefect has not said sorry.
_SECONDS_FOR_AN_ANSWER = 60

# The page of a deployment, once Prefect has chosen its tab: it comes to rest there after a form.
_DEPLOYMENT = re.compile(r"/deployments/deployment/[^/?]+\?tab=")


def _created(answer: Response) -> bool:
    """Whether it is Prefect's answer that a run was created."""
    return answer.url.endswith("/create_flow_run") and answer.ok


class Form:
    """The form in which a run's parameters are filled in."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def field(self, label: str, within: Locator | None = None) -> Locator:
        """The innermost block with this label."""
        header = "div[contains(@class,'p-label__header')]"
        name = "span[contains(@class,'schema-form-property__label')]"
        named = f"normalize-space()='{label}' or normalize-space()='{label} (Optional)'"
        path = f"xpath=.//div[contains(@class,'schema-form-property')][{header}//{name}[{named}]]"
        return (within or self._page.locator("body")).locator(path).first

    def help(self, label: str) -> str:
        return self.field(label).locator(".schema-form-property__description").first.inner_text()

    def add(self, label: str) -> Locator:
        """Add an item to a list."""
        self.field(label).get_by_role("button", name="Add item").last.click()
        return self.field(label).locator(".p-draggable-list__item").last

    def fill_item(self, label: str, value: str) -> None:
        """Add a text to a list."""
        self.add(label).locator("input, textarea").first.fill(value)

    def fill(self, label: str, value: str, within: Locator | None = None) -> None:
        self.field(label, within).locator("input, textarea").first.fill(value)

    def value(self, label: str, within: Locator | None = None) -> str:
        return self.field(label, within).locator("input, textarea").first.input_value()

    def choose(self, label: str, option: str, within: Locator | None = None) -> None:
        """Choose from a list of choices."""
        self.field(label, within).locator(".p-select-button__icon").first.click()
        self._page.locator(".p-select-option", has_text=option).first.click()

    def kind(self, label: str, kind: str, within: Locator | None = None) -> None:
        """Choose which of several kinds of value a field has: a date or none."""
        self.field(label, within).get_by_text(kind, exact=True).first.click()

    def submit(self) -> None:
        # By keyboard: an apology that is shown covers the button.
        self._page.get_by_role("button", name="Submit").press("Enter")


class Ui:
    """The UI in a browser's page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self._address = page, address

    def sign_in(self, link: str) -> None:
        """Open the printed link."""
        self.page.goto(link)
        self.page.get_by_role("link", name="Deployments", exact=True).first.wait_for()

    def ask(self, deployment: str) -> Form:
        """Open a deployment's form: Deployments, its name, Run, Custom run."""
        self.page.goto(f"{self._address}/deployments")
        self.page.get_by_role("link", name=deployment, exact=True).first.click()
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text("Custom run").click()
        self.page.get_by_text("Validate parameters").wait_for()
        return Form(self.page)

    def start(self, form: Form) -> None:
        """Submit a form and open the page of its run.

        Not by the message's "View run", which is there for five seconds: a click on it is lost while Prefect goes on
        from the form to the deployment's page.
        """
        with self.page.expect_response(_created, timeout=PATIENCE * 1000) as created:
            self._persist(form.submit, lambda: _DEPLOYMENT.search(self.page.url) is not None)
        self.page.goto(f"{self._address}/runs/flow-run/{created.value.json()['id']}")
        self.page.locator(".page-heading-flow-run .state-badge").wait_for()

    def _persist(self, ask: Callable[[], None], accepted: Callable[[], bool]) -> None:
        """Ask again where Prefect says sorry: SQLite was locked for a moment, it answered 503, and nothing was done."""
        sorry = self.page.get_by_text("Oops")
        for asked in range(1, 5):
            ask()
            deadline = time.monotonic() + _SECONDS_FOR_AN_ANSWER
            while time.monotonic() < deadline:
                if accepted():
                    return
                if sorry.count() >= asked:
                    break
                self.page.wait_for_timeout(100)
        raise AssertionError(f"Prefect did not take it: {self.page.locator('body').inner_text()}")

    def artifact(self, key: str) -> None:
        """Open an artifact of the run whose page is open."""
        self.tab("Artifacts")
        self.page.get_by_text(key, exact=True).first.click()

    def subflow(self, name: str) -> None:
        """Open the latest run of a subflow, from its parent's page."""
        self.tab("Subflow Runs")
        self.page.get_by_role("link", name=name).first.click()

    def retry(self) -> None:
        """Retry the failed run whose page is open."""

        def ask() -> None:
            self.page.get_by_role("button", name="Retry").first.press("Enter")
            self.page.get_by_role("button", name="Retry").nth(1).press("Enter")

        self._persist(ask, lambda: self.state() != "Failed")

    def task_runs(self) -> list[tuple[str, str]]:
        """Names and states of the task runs of the flow run whose page is open."""
        self.tab("Task Runs")
        rows = self.page.locator(".task-run-list-item")
        rows.first.wait_for()
        return [(row.locator("a").first.inner_text(), row.locator(".state-badge").inner_text()) for row in rows.all()]

    def state(self) -> str:
        return self.page.locator(".page-heading-flow-run .state-badge").inner_text().strip()

    def wait_for_state(self, *expected: str) -> None:
        """Wait until the run whose page is open has ended in one of these states."""
        deadline = time.monotonic() + PATIENCE
        while (state := self.state()) not in expected:
            assert state not in {"Failed", "Crashed", "Completed", "Cancelled"}, f"the run is {state}, not {expected}"
            assert time.monotonic() < deadline, f"the run is still {state}, not {expected}"
            self.page.wait_for_timeout(200)

    def tab(self, name: str) -> None:
        self.page.locator(".p-tab-navigation__tab, .p-tab", has_text=name).first.click()
