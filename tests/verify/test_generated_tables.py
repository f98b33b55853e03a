"""Tables of the docs: what is generated is committed, and what each of them holds."""

from dataclasses import replace
from pathlib import Path

import pytest

from theory import DomainError, Profile, Verdict
from theory.catalogue import find
from theory.catalogue.records import SECOND_SEED, Finding, Provenance, Recorded
from theory.prediction import Standing
from verify.documents.checkout import source_checkout
from verify.documents.record import records_text
from verify.documents.tables import (
    all_records,
    generated,
    pages,
    predicted,
    renewed,
    renewed_pages,
)

ROOT = source_checkout()
CAMPAIGN = Provenance(name="standard-12", seed=12)


def entry(
    verdict: Verdict, rival: Verdict | None = None, distance: float | None = None
) -> Recorded:
    return Recorded(
        verdict=verdict,
        estimate=0.0061,
        interval=(-0.0238, 0.0366),
        campaign=CAMPAIGN,
        rival=None if rival is None else Finding(verdict=rival),
        distance=distance,
    )


@pytest.fixture
def records() -> dict[str, dict[str, Recorded]]:
    """Some predictions on record, one of them in two profiles."""
    standard = {
        "A4.total.depth": entry(Verdict.REJECTED, Verdict.ACCEPTED),
        "A5.stream.depth": entry(Verdict.ACCEPTED),
        "B9.rate.depth.blocks@mnist5k": entry(Verdict.REJECTED, Verdict.INVALID),
        "X.own.depth.m-4": entry(Verdict.INVALID),
    }
    full = {"A4.total.depth": entry(Verdict.ACCEPTED, Verdict.REJECTED)}
    second = {
        "A4.total.depth": entry(Verdict.REJECTED, Verdict.REJECTED, distance=0.6),
        "A5.stream.depth": entry(Verdict.ACCEPTED, distance=-0.8),
        "X.own.depth.m-4": entry(Verdict.ACCEPTED),
    }
    return {"quick": {}, "standard": standard, "full": full, SECOND_SEED: second}


def test_what_is_generated_is_committed() -> None:
    for path, text in renewed_pages(ROOT, all_records(ROOT)).items():
        committed = path.read_text(encoding="utf-8")
        assert text == committed, f"{path}: tox run -e tables makes it anew"


def test_every_entry_on_record_stands_in_a_table() -> None:
    shown = "\n".join(path.read_text(encoding="utf-8") for path in pages(ROOT))
    for profile in (Profile.STANDARD, Profile.FULL):
        for id in all_records(ROOT)[profile]:
            assert f"\n| {id} | {profile} |" in shown


@pytest.mark.parametrize("name", [*Profile, SECOND_SEED])
def test_the_records_are_as_they_would_be_written(name: str) -> None:
    path = ROOT / "theory" / "catalogue" / "records" / f"{name}.toml"
    assert records_text(all_records(ROOT)[name]) == path.read_text(encoding="utf-8")


def ids(lines: list[str]) -> list[tuple[str, str]]:
    rows = [line.split(" | ") for line in lines if line.startswith("| ")][2:]
    return [(row[0].removeprefix("| "), row[1]) for row in rows]


def test_a_row_says_all_that_is_on_record(records: dict[str, dict[str, Recorded]]) -> None:
    row = generated("claim-A4", records)[2].split(" | ")
    assert row[:2] == ["| A4.total.depth", "standard"]
    assert row[3:5] == ["**rejected**", "+0.006 [-0.024, +0.037]"]
    assert row[5:] == ["-0.5", "accepted (exponent of L = 0) |"]


def test_rejections_are_counted_by_whose_statements_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A source of which one reading is rejected is refuted only where its twin is, too."""
    claim = find("A4.total.depth")
    reading = replace(claim, standing=Standing.READING)
    catalogue = (
        replace(claim, id="P", standing=Standing.PROJECT, twin=None),
        replace(reading, id="R1", twin="R2"),
        replace(reading, id="R2", twin="R1"),
        replace(reading, id="R3", twin="R4"),
        replace(reading, id="R4", twin="R3"),
        replace(reading, id="R5", twin="R9"),
        replace(claim, id="S", standing=Standing.STATED, twin=None),
    )
    monkeypatch.setattr("theory.catalogue.PREDICTIONS", catalogue)
    records = {prediction.id: entry(Verdict.REJECTED) for prediction in catalogue}
    records |= {"R2": entry(Verdict.ACCEPTED), "S@mnist5k": entry(Verdict.REJECTED)}
    said, _, *lines = generated("rejected-standard", {"standard": records})
    assert said == (
        "6 of 7 predictions are rejected: 1 stated; 1 reading, twin accepted; "
        "2 reading, twin rejected; 1 reading, twin not tried; 1 project."
    )
    assert [id for id, _ in ids(lines)] == ["S", "R1", "R3", "R4", "R5", "P"]
    assert generated("counts-standard", {"standard": records}) == [
        "Of 7 predictions, 1 is accepted (1 reading, twin rejected), 6 are rejected (1 stated; "
        "1 reading, twin accepted; 2 reading, twin rejected; 1 reading, twin not tried; "
        "1 project), none is inconclusive and none is invalid."
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("claim-A4", [("A4.total.depth", "standard"), ("A4.total.depth", "full")]),
        ("claim-A5.stream", [("A5.stream.depth", "standard")]),
        ("claim-B9", [("B9.rate.depth.blocks@mnist5k", "standard")]),
        ("claim-X", [("X.own.depth.m-4", "standard")]),
        ("rejected-standard", [("A4.total.depth", "standard")]),
        ("rejected-full", []),
    ],
)
def test_a_table_holds_what_its_name_says(
    name: str, expected: list[tuple[str, str]], records: dict[str, dict[str, Recorded]]
) -> None:
    assert ids(generated(name, records)) == expected


def test_a_section_and_a_campaign_have_tables_too(records: dict[str, dict[str, Recorded]]) -> None:
    assert len(ids(generated("claim-A", records))) == 3
    assert len(ids(generated("campaign-standard-12", records))) == 5


def test_a_claim_is_not_the_beginning_of_another(records: dict[str, dict[str, Recorded]]) -> None:
    records["standard"]["A15.distance.depth.initialization"] = entry(Verdict.ACCEPTED)
    with pytest.raises(DomainError, match="nothing is generated for 'claim-A1'"):
        generated("claim-A1", records)


def test_two_seeds_are_compared(records: dict[str, dict[str, Recorded]]) -> None:
    said, *lines = generated("seeds", records)
    assert said == (
        "2 of 4 verdicts are the same. The root mean square of 2 distances is 0.71 standard errors."
    )
    (row,) = [line for line in lines if line.startswith("| A4.total.depth |")]
    assert "| 12: **rejected** | 12: **rejected** |" in row
    assert row.endswith("| +0.6 | accepted | **rejected** |")


@pytest.mark.parametrize(
    ("id", "words"),
    [
        ("A4.total.depth", "-0.5"),
        ("A9.rate.depth.plain.rises.sgd", "above +0.1"),
        ("A10.loss.tuned", "below -0.05"),
        ("B10.transfer.depth.blocks", "below +0.1"),
    ],
)
def test_the_predicted_statistic_or_the_end_of_its_band(id: str, words: str) -> None:
    prediction = find(id)
    assert predicted(prediction.relation, float(prediction.margin)) == words


def test_the_rest_of_a_page_stays(records: dict[str, dict[str, Recorded]]) -> None:
    page = "One\n\n<!-- generated: {0} -->\nold\n<!-- end of {0} -->\n\nTwo `<!-- generated: -->`\n"
    once = renewed(page.format("counts-standard"), records)
    assert once.startswith("One\n\n<!-- generated: counts-standard -->\n\nOf 3 predictions, ")
    assert once.endswith(".\n\n<!-- end of counts-standard -->\n\nTwo `<!-- generated: -->`\n")
    assert renewed(once, records) == once


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<!-- generated: seeds -->\n", "<!-- generated: seeds --> has no other half"),
        ("<!-- end of seeds -->\n", "<!-- end of seeds --> has no other half"),
        (
            "<!-- generated: seeds -->\n<!-- generated: claim-A4 -->\n<!-- end of seeds -->\n",
            "a marker stands inside of seeds",
        ),
        (
            "<!-- generated: poem -->\n<!-- end of poem -->\n",
            "nothing is generated for 'poem'; the names are rejected-PROFILE, counts-PROFILE, "
            "claim-PREFIX of ids, campaign-NAME as in the records, published-NAME, "
            "observables and seeds",
        ),
        (
            "<!-- generated: claim-A6 -->\n<!-- end of claim-A6 -->\n",
            "nothing is generated for 'claim-A6'",
        ),
    ],
)
def test_a_marker_that_cannot_be_filled_is_refused(
    page: str, words: str, records: dict[str, dict[str, Recorded]]
) -> None:
    with pytest.raises(DomainError, match=words.replace("(", r"\(")):
        renewed(page, records)


def test_a_refusal_names_the_page(tmp_path: Path, records: dict[str, dict[str, Recorded]]) -> None:
    (tmp_path / "docs" / "findings").mkdir(parents=True)
    (tmp_path / "README.md").write_text("No tables.\n")
    (tmp_path / "docs" / "findings" / "seeds.md").write_text("<!-- generated: seeds -->\n")
    with pytest.raises(DomainError, match=r"docs/findings/seeds\.md: <!-- generated: seeds -->"):
        renewed_pages(tmp_path, records)
