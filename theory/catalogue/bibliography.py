"""The sources of predictions, as BibTeX. Imports ``theory.errors`` and ``theory.prediction`` only.

``references.bib``, beside this module, has an entry for every source that the catalogue cites.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from theory.errors import InputError
from theory.prediction import Citation, Prediction

# What a citation calls a source that is no preprint, and the entry of that source.
_OTHER_SOURCES = {"Kloeden and Platen 1992": "kloeden1992numerical", "scaleproof": "scaleproof"}
_ENTRY = re.compile(r"^@\w+\{(?P<key>[^,]+),\n.*?^\}\n", re.DOTALL | re.MULTILINE)
_EPRINT = re.compile(r"^ +eprint = \{(?P<number>[^}]+)\},$", re.MULTILINE)
_SPECIAL = str.maketrans({char: f"\\{char}" for char in "_#%&$"} | {"^": "\\^{}"})


def bibtex(predictions: Iterable[Prediction]) -> str:
    """Return BibTeX of what predictions and their rivals cite, each source once.

    A source's ``annote`` lists the places in it, such as an equation or a section. Raises
    ``InputError`` for a source that ``references.bib`` does not have.
    """
    places: dict[str, list[str]] = {}
    for citation in _citations(predictions):
        known = places.setdefault(citation.key, [])
        if citation.where not in known:
            known.append(citation.where)
    return "\n".join(_annotated(entry_of(source), where) for source, where in places.items())


def entry_of(source: str) -> str:
    """Return the BibTeX entry of a source, by the key of its citations.

    >>> from theory.catalogue.bibliography import entry_of
    >>> entry_of("arXiv 2305.07810").splitlines()[0]
    '@misc{jelassi2023depth,'
    """
    for entry in _entries():
        if _source_of(entry) == source:
            return entry[0]
    raise InputError(f"source {source!r} has no entry in theory/catalogue/references.bib; add one")


def _citations(predictions: Iterable[Prediction]) -> Iterable[Citation]:
    for prediction in predictions:
        yield prediction.citation
        if prediction.rival is not None:
            yield prediction.rival.citation


@cache
def _entries() -> tuple[re.Match[str], ...]:
    text = files("theory.catalogue").joinpath("references.bib").read_text(encoding="utf-8")
    return tuple(_ENTRY.finditer(text))


def _source_of(entry: re.Match[str]) -> str | None:
    """What citations call the source of an entry."""
    preprint = _EPRINT.search(entry[0])
    if preprint is not None:
        return f"arXiv {preprint['number']}"
    return next((name for name, key in _OTHER_SOURCES.items() if key == entry["key"]), None)


def _annotated(entry: str, places: Iterable[str]) -> str:
    """An entry that also says where to look; LaTeX prints its characters as they are."""
    said = "; ".join(places).translate(_SPECIAL)
    return entry.removesuffix("}\n") + f"  annote = {{{said}}},\n}}\n"
