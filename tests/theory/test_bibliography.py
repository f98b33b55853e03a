"""Every source of the catalogue has an entry, which a BibTeX reader reads."""

from dataclasses import replace

import pytest
from pybtex.database import BibliographyData, parse_string

from theory.catalogue import PREDICTIONS, find, select
from theory.catalogue.bibliography import bibtex, entry_of
from theory.errors import InputError
from theory.prediction import Citation


def read(text: str) -> BibliographyData:
    return parse_string(text, "bibtex")


def test_every_source_of_the_catalogue_is_cited_once_and_with_its_places() -> None:
    entries = read(bibtex(PREDICTIONS)).entries
    citations = {prediction.citation for prediction in PREDICTIONS}
    citations |= {p.rival.citation for p in PREDICTIONS if p.rival is not None}
    assert len(entries) == len({citation.key for citation in citations})
    for citation in citations:
        (key,) = read(entry_of(citation.key)).entries
        place = citation.where.replace("_", r"\_").replace("^", r"\^{}").replace("#", r"\#")
        assert place in entries[key].fields["annote"]


@pytest.mark.parametrize("citation", sorted({p.citation.key for p in PREDICTIONS}))
def test_an_entry_has_the_title_and_the_number_that_citations_say(citation: str) -> None:
    (entry,) = read(entry_of(citation)).entries.values()
    assert entry.persons["author"]
    if citation.startswith("arXiv "):
        (title,) = {p.citation.title for p in PREDICTIONS if p.citation.key == citation}
        plain = entry.fields["title"].replace(r"$\mu$", "mu").translate(str.maketrans("", "", "{}"))
        assert plain.startswith(title)
        number = citation.removeprefix("arXiv ")
        assert entry.fields["eprint"] == number
        assert entry.fields["url"] == f"https://arxiv.org/abs/{number}"
        assert entry.fields["year"] == f"20{number[:2]}"


def test_a_claim_cites_its_source_before_that_of_its_rival() -> None:
    assert list(read(bibtex(select(("A9",)))).entries) == ["yao2025feature", "scaleproof"]


def test_a_source_without_an_entry_is_refused() -> None:
    unknown = replace(find("A9.rate.depth.corrected.sgd"), citation=Citation("X 2031", "X", "here"))
    with pytest.raises(InputError, match="source 'X 2031' has no entry"):
        bibtex([unknown])
