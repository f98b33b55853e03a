"""Names that are shown: none longer than its column. Imports the standard library only."""

from __future__ import annotations


def shortened(name: str, width: int) -> str:
    """A name of at most so many characters, without its middle if it is longer."""
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    if len(name) <= width:
        return name
    front = (width - 1) // 3  # the end tells more
    return f"{name[:front]}…{name[len(name) - (width - 1 - front) :]}"
