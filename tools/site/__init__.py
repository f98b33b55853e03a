"""Pages of the documentation site that are made of the code: a Sphinx extension.

``docs/conf.py`` loads it. Before pages are read, it writes those of ``docs/generated``, which git
ignores. Imports ``tools.site`` only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tools.site import catalogue, formats, published, python
from tools.site.accessible import accessible

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Files at the root of the repository that pages link, and their pages.
_OUTSIDE = {"CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}

_LITERAL = re.compile(r"(``.*?``)|\|")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what Sphinx calls."""
    app.connect("builder-inited", _write_pages)
    app.connect("source-read", _link_pages)
    app.connect("html-page-context", _offer_repairs)
    app.connect("autodoc-process-docstring", _escape)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _write_pages(app: Sphinx) -> None:
    folder = Path(app.srcdir) / "generated"
    for part in (catalogue, formats, python, published):
        for name, text in part.pages(Path(app.srcdir)).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")


def _offer_repairs(
    _app: Sphinx, _page: str, _template: str, context: dict[str, object], _tree: object
) -> None:
    """Give templates of ``docs/templates`` what they call."""
    context["accessible"] = accessible


def _link_pages(_app: Sphinx, page: str, source: list[str]) -> None:
    """Lead links out of ``docs`` to the page of the site that holds the same text."""
    up = "../" * page.count("/")
    for outside, inside in _OUTSIDE.items():
        source[0] = source[0].replace(f"]({up}../{outside}", f"]({up}{inside}")


def _escape(
    _app: Sphinx, _kind: str, _name: str, _what: object, _options: object, lines: list[str]
) -> None:
    """Docstrings are prose with formulas: a bar is an absolute value, and a name may be a power."""
    lines[:] = [
        _LITERAL.sub(lambda m: m[1] or "\\|", line).replace("^``", "^\\ ``") for line in lines
    ]
