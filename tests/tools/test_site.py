"""The site: pages that are made of the code, and links that are followed."""

import json
import zipfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from reports.document import Report, shipped_json_schema
from tests.end_to_end.code_blocks import DOCS
from theory import Verdict
from theory.catalogue import PREDICTIONS, find
from theory.catalogue.records import records_of
from tools.publish import MEASUREMENTS, REPORT
from tools.publish import main as publish
from tools.site import catalogue, formats, links, python
from tools.site.accessible import accessible
from tools.site.published import archive


def test_every_prediction_stands_on_the_page_of_its_claim() -> None:
    pages = catalogue.pages(DOCS)
    for prediction in PREDICTIONS:
        page = pages[f"catalogue/{prediction.id.partition('.')[0]}.markdown"]
        assert f"\n## {prediction.id}\n\n{prediction.sentence}\n" in page
    assert len(pages) == 1 + len({prediction.id.partition(".")[0] for prediction in PREDICTIONS})


def test_a_page_has_every_verdict_on_record_and_where_its_reasons_are() -> None:
    page = catalogue.pages(DOCS)["catalogue/A9.markdown"]
    assert page.startswith("# A9: the best learning rate drifts without the correction")
    assert "](../../findings/index.md#a9-and-a10-the-best-learning-rate-drifts" in page
    row = (
        "| [A9.rate.depth.corrected.sgd](#a9ratedepthcorrectedsgd) | standard | rejected | -0.256 "
    )
    assert row in page
    assert "standard: rejected, -0.256 " in page
    assert "(scaleproof verify --profile standard --seed 12)" in page


def test_the_list_counts_verdicts() -> None:
    index = catalogue.pages(DOCS)["catalogue/index.markdown"]
    (row,) = [line for line in index.splitlines() if line.startswith("| [A17]")]
    counts = [int(cell) for cell in row.split(" | ")[2:-1]] + [
        int(row.split(" | ")[-1].strip("| "))
    ]
    assert counts[0] == sum(counts[1:])
    of_claim = [p.id for p in PREDICTIONS if p.id.startswith("A17.")]
    standard = records_of("standard")
    full = records_of("full")
    known = [standard.get(id) or full.get(id) for id in of_claim]
    assert counts[1] == sum(r is not None and r.verdict is Verdict.ACCEPTED for r in known)


def test_every_format_has_its_schema_and_all_of_its_fields() -> None:
    pages = formats.pages(DOCS)
    assert {"formats/lock-1.json", "formats/variant-1.markdown"} <= pages.keys()
    for name, text in pages.items():
        if name.endswith(".json"):
            fields = json.loads(text).get("properties", {})
            assert all(
                f"| `{field}` |" in pages[name.replace(".json", ".markdown")] for field in fields
            )
    assert shipped_json_schema() in pages.values()


def test_every_public_name_is_in_the_reference() -> None:
    text = "\n".join(python.pages(DOCS).values())
    for name in (
        "theory.count_powers",
        "verify.judge",
        "probes.GaussianMatrix",
        "reports.RENDERERS",
    ):
        assert text.count(f":: {name}\n") == 1
    assert ":: verify.Prediction\n" not in text  # theory has it


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="here">A</h1><a href="b.html#there">1</a><a href="b.html#gone">2</a>'
        '<a href="c.html">3</a><a href="#here">4</a><a href="https://arxiv.org">5</a>'
        '<script src="https://cdn.invalid/x.js"></script><img src="no.svg">'
    )
    (tmp_path / "b.html").write_text('<p id="there">B</p>')
    assert links.problems(tmp_path) == [
        "a.html links b.html#gone: no such anchor",
        "a.html links c.html: no such file",
        "a.html links no.svg: no such file",
        "a.html loads https://cdn.invalid/x.js",
    ]


def test_what_themes_leave_out_is_repaired() -> None:
    long = (
        '<dl>\n<dd><em class="sig-param">a</em>,</dd>\n<dd><em class="sig-param">b</em></dd>\n</dl>'
    )
    defined = "<dl><dt>a</dt><dd>b</dd></dl>"
    for before, after in {
        "<pre>a</pre>": '<pre tabindex="0">a</pre>',
        '<th class="head"><p></p></th>': '<td class="head"></td>',
        '<th class="head"><p>a</p></th>': '<th class="head"><p>a</p></th>',
        '<p role="heading">a</p>': '<p role="heading" aria-level="2">a</p>',
        defined: defined,
    }.items():
        assert accessible(before) == after == accessible(after)
    assert accessible(long).count("<li>") == 2
    assert "<d" not in accessible(long)


def test_a_folder_without_a_site_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(links.main, [str(tmp_path)])
    assert done.exit_code == click.UsageError.exit_code
    assert "has no index.html" in done.output


def test_the_published_campaign_is_the_one_on_record() -> None:
    with zipfile.ZipFile(archive()) as published:
        assert published.namelist() == [MEASUREMENTS, REPORT]
        report = Report.model_validate_json(published.read(REPORT))
    assert report.complete
    for entry in report.predictions:
        assert entry.verdict == records_of("quick")[find(entry.id).id].verdict


def test_an_interrupted_campaign_is_not_published(report: Report, tmp_path: Path) -> None:
    (tmp_path / REPORT).write_text(report.model_dump_json(), encoding="utf-8")
    done = CliRunner().invoke(publish, [str(tmp_path)])
    assert done.exit_code == click.UsageError.exit_code
    assert "interrupted; finish it with" in done.output


@pytest.mark.slow
def test_the_published_measurements_are_judged_as_they_were() -> None:
    from tools.site.published import judged_again

    again = {entry.id: entry for entry in judged_again().predictions}
    with zipfile.ZipFile(archive()) as published:
        report = Report.model_validate_json(published.read(REPORT))
    for entry in report.predictions:
        assert again[entry.id].verdict is entry.verdict
        assert again[entry.id].interval == entry.interval
