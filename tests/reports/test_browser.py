"""Pages in a real browser: layout, filters, order, themes, keyboard, accessibility, silence."""

from collections.abc import Iterator

import pytest

from reports.document import Report
from reports.guard.html import render as guard_page
from reports.renderers.html import ORDERS, render
from tests.reports.browser import Chromium, Opened, axe_violations, launched
from tests.reports.documents import REJECTED, REPORTS, prediction, report, rival
from tests.reports.guard.documents import GUARDS

WIDTHS = pytest.mark.parametrize("width", [360, 1440])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])


def _many() -> Report:
    """Long names and sentences, and everything that a card can hold."""
    name = "X.best-rate.depth.chains.ten-passes.training-loss.of-case"
    sentence = "In residual networks of two-layer blocks the best learning rate goes as L^-1/2 n^0."
    entries = [
        prediction(
            f"{name}-{count}",
            sentence=sentence,
            rival=rival() if count % 3 == 0 else None,
            citation=f"A title of a work that is rather long, part {count % 4} (1234.5678), here",
            **(REJECTED | {"estimate": 0.1 * count} if count % 4 == 0 else {}),
        )
        for count in range(6)
    ]
    return report(*entries, *REPORTS["an ordinary report"].predictions)


PAGES = {
    "campaign": render(_many()),
    "table": render(REPORTS["the report of a table"]),
    "interrupted": render(REPORTS["an interrupted report"]),
    "guard": guard_page(GUARDS["faulty"]),
    "guard of long names": guard_page(GUARDS["deep"]),
}
ALL_PAGES = pytest.mark.parametrize("name", PAGES)

# What sticks out of the window, of its figure, or of the column that it stands in.
STICKS_OUT = """() => {
  const wide = [...document.querySelectorAll("body *")].filter(e =>
    !e.closest(".skip, [tabindex='0']") && e.getBoundingClientRect().right > innerWidth + 1);
  const cut = [...document.querySelectorAll("svg text")].filter(e => {
    const inner = e.getBoundingClientRect(), outer = e.closest("svg").getBoundingClientRect();
    return inner.left < outer.left - 1 || inner.right > outer.right + 1
        || inner.bottom > outer.bottom + 3;
  });
  const over = [...document.querySelectorAll(".columns")].filter(e => {
    const [one, other] = [...e.children].map(child => child.getBoundingClientRect());
    return other && one.right > other.left + 1 && one.bottom > other.top + 1;
  });
  return [...wide, ...cut, ...over].map(e => e.outerHTML.slice(0, 200));
}"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    yield from launched(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def campaign(chromium: Chromium) -> Opened:
    return chromium.open("campaign", PAGES["campaign"])


def shown(opened: Opened) -> list[str]:
    """The ids of the cards that are to be seen, in their order."""
    return [
        card.get_attribute("id")
        for card in opened.page.query_selector_all("article.card")
        if card.is_visible()
    ]


def unfold(opened: Opened, most: int = 10_000) -> None:
    opened.page.evaluate(
        "most => [...document.querySelectorAll('details')].slice(0, most)"
        ".forEach(e => { e.open = true; })",
        most,
    )


@ALL_PAGES
@WIDTHS
def test_nothing_is_cut_and_nothing_overlaps(chromium: Chromium, name: str, width: int) -> None:
    opened = chromium.open(name, PAGES[name], width)
    chromium.keep(opened, f"{name}-{width}")
    unfold(opened)
    assert opened.page.evaluate(STICKS_OUT) == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("name", ["campaign", "interrupted", "guard"])
@SCHEMES
def test_axe_finds_nothing(chromium: Chromium, name: str, scheme: str) -> None:
    opened = chromium.open(
        name, PAGES[name], 1440 if scheme == "light" else 360, color_scheme=scheme
    )
    unfold(opened, 10)
    assert axe_violations(opened) == []


@ALL_PAGES
def test_a_page_asks_for_nothing_and_complains_of_nothing(chromium: Chromium, name: str) -> None:
    opened = chromium.open(name, PAGES[name])
    assert (opened.requests, opened.complaints) == ([], [])


def test_without_script_everything_is_there(chromium: Chromium) -> None:
    opened = chromium.open("plain", PAGES["campaign"], java_script_enabled=False)
    assert len(shown(opened)) == 12
    for entry in _many().predictions:
        card = opened.page.query_selector(f"[id='{entry.id}']")
        assert card.query_selector("figure > svg").is_visible()
        said = " ".join(card.inner_text().split())
        assert f"{entry.verdict.capitalize()}: " in said
        assert entry.reason in said
        assert card.query_selector("summary").is_visible()
    links = opened.page.query_selector_all("nav a, tbody[data-item] a")
    assert len(links) > 12
    assert all(link.is_visible() for link in links)
    assert not opened.page.is_visible("#filters")
    assert not opened.page.is_visible("button")


def test_filters_show_what_was_asked_for_and_say_how_many(campaign: Opened) -> None:
    page = campaign.page
    page.uncheck("[name=verdict][value=accepted]")
    assert len(shown(campaign)) == 5
    assert page.inner_text("#shown") == "5 of 12 shown"
    rows = [row for row in page.query_selector_all("tbody[data-item]") if row.is_visible()]
    assert [row.get_attribute("data-item") for row in rows] == shown(campaign)
    page.uncheck("[name=standing][value=stated]")
    assert set(shown(campaign)) == {"A7.rate.depth.second", "B1.own.depth"}
    page.click("button[type=reset]")
    page.wait_for_selector("#shown:text-is('12 of 12 shown')")
    page.select_option("[name=source]", "A source (1234.5678)")
    assert len(shown(campaign)) == 6
    page.fill("[name=text]", "TRANSFER costs")
    assert shown(campaign) == ["A3.transfer.depth"]
    page.fill("[name=text]", "carrier pigeon")
    assert shown(campaign) == []


@pytest.mark.parametrize("order", ORDERS)
def test_cards_and_rows_take_the_order_that_was_chosen(campaign: Opened, order: str) -> None:
    page = campaign.page
    page.select_option("[name=order]", order)
    found = page.evaluate(
        "name => ['article.card', 'tbody[data-item]'].map(kind =>"
        " [...document.querySelectorAll(kind)].map(e => Number(e.dataset[name])))",
        order,
    )
    assert found == [list(range(12)), list(range(12))]


def test_a_link_to_a_card_that_is_hidden_shows_it(campaign: Opened) -> None:
    campaign.page.fill("[name=text]", "carrier pigeon")
    campaign.page.evaluate("location.hash = 'A2.value'")
    campaign.page.wait_for_selector("[id='A2.value']", state="visible")


def test_a_row_leads_to_its_card_and_a_word_to_its_explanation(campaign: Opened) -> None:
    page = campaign.page
    page.click("tbody[data-item='A2.value'] a")
    assert page.evaluate("document.querySelector(':target').id") == "A2.value"
    page.click("[id='A2.value'] .word >> nth=0")
    assert page.evaluate("document.querySelector(':target').tagName") == "DT"


def test_the_theme_follows_the_system_until_one_is_chosen(chromium: Chromium) -> None:
    opened = chromium.open("campaign", PAGES["campaign"], color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = opened.page.evaluate(paper)
    opened.page.click("#theme")
    light = opened.page.evaluate(paper)
    assert light == "rgb(255, 255, 255)"
    assert dark != light
    opened.page.click("#theme")
    assert opened.page.evaluate(paper) == dark
    assert opened.page.inner_text("#theme") == "Theme: dark"


def test_a_command_is_copied(chromium: Chromium) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    opened = chromium.open("campaign", PAGES["campaign"], permissions=permissions)
    opened.page.click("[id='A2.value'] button.copy")
    opened.page.wait_for_selector("text=Copied")
    copied = opened.page.evaluate("navigator.clipboard.readText()")
    assert copied == "scaleproof verify A2.value"


def test_the_keyboard_reaches_the_content_and_unfolds_it(campaign: Opened) -> None:
    page, focused = campaign.page, "document.activeElement"
    page.keyboard.press("Tab")
    assert page.evaluate(f"{focused}.className") == "skip"
    assert page.evaluate(f"{focused}.getBoundingClientRect().left") >= 0
    page.keyboard.press("Enter")
    assert page.evaluate(f"{focused}.id") == "main"
    page.focus("[id='A2.value'] summary")
    assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate(f"{focused}.parentNode.open")


def test_a_printed_page_has_what_is_folded_and_no_buttons(chromium: Chromium) -> None:
    opened = chromium.open("campaign", PAGES["campaign"], color_scheme="dark")
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    assert not opened.page.is_visible("#filters")
    folded = opened.page.query_selector("[id='A2.value'] details table")
    assert folded.bounding_box()["height"] > 20
