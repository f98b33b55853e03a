"""What a test asks of a page: its elements, and what every page must have."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_EMPTY = {"meta", "br", "wbr", "input", "link"}
_SELF_CLOSING = {"path", "circle", "use"}


@dataclass
class Element:
    """An element with its attributes, its text, and what stands in it."""

    name: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def all(self, name: str) -> list["Element"]:
        """Every element of a name inside of it, in the order of the page."""
        found = [self] if self.name == name else []
        return [*found, *(each for child in self.children for each in child.all(name))]

    def everything(self) -> list["Element"]:
        """It and every element inside of it."""
        return [self, *(each for child in self.children for each in child.everything())]

    @property
    def content(self) -> str:
        """All text inside of it, with single spaces; order within an element is not kept."""
        inner = [self.text, *(child.content for child in self.children)]
        return " ".join(" ".join(inner).split())


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.open = Element("page", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.open)
        self.open.children.append(element)
        if tag not in _EMPTY:
            self.open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.name == tag, f"</{tag}> closes <{self.open.name}>"
        assert self.open.parent is not None
        self.open = self.open.parent

    def handle_data(self, data: str) -> None:
        self.open.text += data


def parsed(page: str) -> Element:
    """The elements of a page; every one has to be closed."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert parser.open is parser.root, f"<{parser.open.name}> is left open"
    return parser.root


def faults(page: str) -> list[str]:
    """What is wrong with a page for readers without a mouse, without a network or without eyes."""
    root = parsed(page)
    elements = root.everything()
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
    found = [f"id {name!r} twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for element in elements:
        where = element.attributes.get("href", element.attributes.get("src"))
        if where is not None and where.removeprefix("#") not in ids:
            found.append(f"<{element.name}> asks for {where}")
    found += [f"no <{name}>" for name in ("header", "main", "footer") if not root.all(name)]
    found += [
        "a table without caption"
        for table in root.all("table")
        if [child.name for child in table.children][:1] != ["caption"]
    ]
    found += [
        "a heading of no row or column" for th in root.all("th") if "scope" not in th.attributes
    ]
    found += ["a figure without caption" for one in root.all("figure") if not one.all("figcaption")]
    found += [
        "a drawing without a name"
        for svg in root.all("svg")
        if not {"aria-label", "aria-hidden"} & svg.attributes.keys()
    ]
    if "@import" in page or "url(" in page:
        found.append("a style that asks for something")
    return found
