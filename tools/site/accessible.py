"""What themes leave out for keyboards and screen readers. Imports the standard library only.

``docs/templates/page.html`` passes the body of every page through ``accessible``.
"""

from __future__ import annotations

import re

# Each pattern, and what stands there instead.
_REPAIRS = (
    # A caption in the navigation is a heading of a level.
    (r'role="heading"(?! aria-level)', 'role="heading" aria-level="2"'),
    # What scrolls sideways in a narrow window can be reached without a mouse.
    (r"<pre(?! tabindex)(?=[ >])", '<pre tabindex="0"'),
    (r'<div class="table-wrapper(?=[ "])', '<div tabindex="0" class="table-wrapper'),
    # A corner of a table without words heads nothing.
    (r'<th class="(head[^"]*)">\s*(?:<p>\s*</p>)?\s*</th>', r'<td class="\1"></td>'),
    # Two landmarks of a kind have names.
    (r'<aside class="sidebar-drawer', '<aside aria-label="The site" class="sidebar-drawer'),
    (r'<aside class="toc-drawer', '<aside aria-label="This page" class="toc-drawer'),
)
# Parameters of a long signature: Sphinx makes them definitions of nothing.
_PARAMETERS = re.compile(r'<dl>\s*((?:<dd><em class="sig-param">.*?</dd>\s*)+)</dl>', re.DOTALL)
_LIST = '<ul style="list-style: none; margin: 0; padding-left: 2rem">'


def accessible(body: str) -> str:
    """Return the body of a page with these repairs; a second pass changes nothing."""
    for pattern, instead in _REPAIRS:
        body = re.sub(pattern, instead, body)
    return _PARAMETERS.sub(_as_list, body)


def _as_list(found: re.Match[str]) -> str:
    items = found[1].replace("<dd>", "<li>").replace("</dd>", "</li>")
    return f"{_LIST}{items}</ul>"
