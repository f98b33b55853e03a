"""How every page is made of its template. Imports jinja2, markupsafe and ``reports``.

A page extends ``base.html.j2``, which has head, style, landmarks and script, and takes
what it needs from ``parts.html.j2``: badges of verdicts, filters, commands, the glossary.
"""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from reports.glossary import anchor


def page_environment() -> Environment:
    """Templates of this package: text is escaped, and a name that is not given is an error."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"anchor": anchor, "breakable": breakable}
    return environment


def breakable(name: str) -> Markup:
    """A name that may be broken after each of its dots."""
    return escape(name).replace(".", Markup(".<wbr>"))
