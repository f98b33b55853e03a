"""The site in a real browser: accessibility, without JavaScript, search without a server.

Skipped where the site is not built, or where there is no browser (`tests.reports.browser`).
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reports.browser import Chromium, axe_violations, launched, missing

SITE = Path(os.environ.get("SITE", Path(__file__).parents[2] / ".tox/site"))

# One page of each kind, and words that a reader of it has to see.
PAGES = {
    "index.html": "Scaleproof says whether a neural network scales",
    "tutorial/first-verdict.html": "scaleproof verify",
    "how-to/guard.html": "Guard a network of your own",
    "reference/command-line.html": "--profile",
    "generated/catalogue/A9.html": "the best learning rate drifts without the correction",
    "generated/python/theory.html": "count_powers",
    "generated/gallery.html": "One picture for each kind of statistic and verdict",
    "findings/index.html": "rejected",
    "search.html": "Search",
}
ALL_PAGES = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if not (SITE / "index.html").is_file():
        missing(f"{SITE} (tox run -e docs builds it)")
    yield from launched(tmp_path_factory.mktemp("pages"))


def address(name: str) -> str:
    return (SITE / name).as_uri()


@ALL_PAGES
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_axe_finds_nothing(chromium: Chromium, name: str, width: int, scheme: str) -> None:
    opened = chromium.visit(address(name), width, color_scheme=scheme)
    assert axe_violations(opened) == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


@ALL_PAGES
def test_a_page_can_be_read_without_script(chromium: Chromium, name: str) -> None:
    opened = chromium.visit(address(name), java_script_enabled=False)
    main = opened.page.query_selector("[role=main]")
    assert main.is_visible()
    assert PAGES[name] in main.inner_text()
    pictures = [picture for picture in main.query_selector_all("img") if picture.is_visible()]
    assert len(pictures) == len(main.query_selector_all("img"))
    links = opened.page.query_selector_all(".sidebar-tree a.reference")
    assert {"Tutorial", "How to", "Explanation", "Reference"} <= {
        link.inner_text() for link in links if link.is_visible()
    }


def test_the_navigation_of_a_narrow_window_opens_without_script(chromium: Chromium) -> None:
    opened = chromium.visit(address("index.html"), 360, java_script_enabled=False)
    link = opened.page.query_selector(".sidebar-tree a.reference")
    hidden = link.bounding_box()["x"]
    opened.page.click("label.nav-overlay-icon")
    opened.page.wait_for_timeout(1000)
    assert hidden < 0 <= link.bounding_box()["x"]


def test_a_page_asks_for_files_of_the_site_only(chromium: Chromium) -> None:
    opened = chromium.visit(address("generated/gallery.html"))
    assert [url for url in opened.requests if not url.startswith(SITE.as_uri())] == []
    assert opened.complaints == []


def test_search_finds_without_a_server(chromium: Chromium) -> None:
    opened = chromium.visit(address("search.html") + "?q=inconclusive")
    opened.page.wait_for_selector("#search-results ul.search li a")
    found = [link.inner_text() for link in opened.page.query_selector_all("ul.search li > a")]
    assert len(found) > 3
    opened.page.click("ul.search li > a >> nth=0")
    opened.page.wait_for_load_state()
    assert opened.page.url.startswith(SITE.as_uri())
    assert "inconclusive" in opened.page.inner_text("[role=main]")
