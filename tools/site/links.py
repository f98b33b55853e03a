"""Follow every link of a built site: ``python -m tools.site.links FOLDER``. Imports click.

Links within the site have to lead to a file, and to an anchor of it. The pages may load nothing
from elsewhere, so that they are whole without a network. Nothing is fetched.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

# Attributes by which a page loads something, by element; others are only links.
_LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
_NOT_LOADED = {"canonical", "next", "prev", "index", "search"}


class _Page(HTMLParser):
    """The anchors of a page, what it links and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element is, links or loads."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in _LOADED and values.get("rel") not in _NOT_LOADED:
            self.loads += [values[_LOADED[tag]]] if _LOADED[tag] in values else []


def problems(site: Path) -> list[str]:
    """Return a line for every link that leads nowhere, and for what is loaded from elsewhere."""
    pages = {path.resolve(): _Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    found = []
    for path, page in pages.items():
        place = path.relative_to(site.resolve())
        for address in (*page.links, *page.loads):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loads and parts.scheme != "data":
                    found.append(f"{place} loads {address}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists():
                found.append(f"{place} links {address}: no such file")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                found.append(f"{place} links {address}: no such anchor")
    return sorted(set(found))


@click.command()
@click.argument("site", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(site: Path) -> None:
    """Print what is wrong with the links of a site."""
    if not (site / "index.html").is_file():
        raise click.UsageError(f"{site} has no index.html; give the folder of a built site")
    found = problems(site)
    click.echo("\n".join([*found, f"{len(found)} links are broken."]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
