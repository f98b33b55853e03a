"""A real browser for tests of pages: Chromium without a window, driven by Playwright.

Both are optional: without one of them the tests are skipped, and say what is missing. Where
SCREENSHOTS names a folder for pictures, as `tox run -e browser` does, what is missing is a failure.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 240_000  # milliseconds; a busy machine is no fault of a page
AXE = Path(__file__).parents[2] / ".tox/browser/node_modules/axe-core/axe.min.js"


@dataclass
class Opened:
    """A page in the browser, with what it complained of and what it asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@dataclass
class Chromium:
    """A browser, and a folder for the pages that it opens and the pictures of them."""

    browser: Any
    folder: Path

    def open(self, name: str, html: str, width: int = 1440, **context: Any) -> Opened:
        """A page of this text in a window of this width."""
        path = self.folder / f"{name}.html"
        path.write_text(html, encoding="utf-8")
        return self.visit(path.as_uri(), width, **context)

    def visit(self, address: str, width: int = 1440, **context: Any) -> Opened:
        """The page of an address in a window of this width."""
        viewport = {"width": width, "height": 900}
        page = self.browser.new_context(viewport=viewport, **context).new_page()
        page.set_default_timeout(_PATIENCE)
        opened = Opened(page)
        page.on("console", lambda message: opened.complaints.append(message.text))
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("request", lambda request: opened.requests.append(request.url))
        page.goto(address)
        opened.requests.remove(address)
        return opened

    def keep(self, opened: Opened, name: str) -> None:
        """A picture of the page, for people to look at."""
        opened.page.screenshot(path=self.folder / f"{name}.png", full_page=True)


def missing(what: str) -> NoReturn:
    """Skip, or fail where SCREENSHOTS is set, because something is not installed or built."""
    said = f"{what} is not here; CONTRIBUTING.md says how the pages are tested"
    if "SCREENSHOTS" in os.environ:
        pytest.fail(said)
    pytest.skip(said)


def launched(folder: Path) -> Iterator[Chromium]:
    """A browser for as long as it is needed; skips where there is none."""
    if find_spec("playwright") is None:
        missing("Playwright")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing(" or ".join(NAMES))
    kept = Path(os.environ.get("SCREENSHOTS", folder))
    kept.mkdir(parents=True, exist_ok=True)
    # The browser refuses to put itself into a sandbox as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with import_module("playwright.sync_api").sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=arguments)
        yield Chromium(browser, kept)
        browser.close()


def axe_violations(opened: Opened) -> list[str]:
    """What axe-core finds wrong with a page; skips where it is not installed."""
    if not AXE.is_file():
        missing("axe-core")
    opened.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']} ({one['impact']}): {node['html']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
