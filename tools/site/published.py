"""The published campaign: its report, judged again, and a gallery of its plots.

Imports ``reports`` and ``verify``.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from reports.document import PredictionEntry, Report
from reports.plots import verdict_picture
from reports.renderers import RENDERERS
from theory.catalogue import find
from tools.publish import MEASUREMENTS
from verify.campaign.looks import judge_campaign
from verify.campaign.stored import stored_campaign
from verify.documents.campaign import build_report
from verify.documents.checkout import source_checkout
from verify.measuring.store import Store

_INTRODUCTION = """# Gallery

One picture for each kind of statistic and verdict, from [the published campaign](../published.md).
On the left stand every replicate, the means with 95 percent intervals, the fit and the prediction.
On the right stand the interval that decided, and the margins of the prediction and of its rival.
[The report](report.html) has all of its predictions.
"""


def pages(_docs: Path) -> dict[str, str]:
    """Return the gallery with its pictures, and the report as a page of its own."""
    report = judged_again()
    shown = list(_one_of_each_kind(report))
    texts = {f"gallery/{entry.id}.svg": _document(verdict_picture(entry)) for entry in shown}
    texts["gallery.markdown"] = "\n".join([_INTRODUCTION, *map(_picture, shown)])
    texts["report.html"] = RENDERERS["html"](report)
    return texts


def archive() -> Path:
    """The file of the published campaign."""
    (path,) = (source_checkout() / "published").glob("*.zip")
    return path


def judged_again() -> Report:
    """The report of the published measurements, by the code of today."""
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(archive()) as published:
        published.extract(MEASUREMENTS, folder)
        store = Store(Path(folder) / MEASUREMENTS)
        campaign = stored_campaign(store)
        report = build_report(campaign, store, judge_campaign(campaign, store), started, True)
        store.close()
    return report


def _one_of_each_kind(report: Report) -> Iterable[PredictionEntry]:
    """The first prediction of each quantity, summary and verdict that has an interval."""
    seen = set()
    for entry in report.predictions:
        relation = find(entry.id).relation
        kind = (type(relation.quantity), relation.summary, entry.verdict)
        if kind not in seen and entry.cells and entry.interval is not None:
            seen.add(kind)
            yield entry


def _picture(entry: PredictionEntry) -> str:
    claim = entry.id.partition(".")[0]
    link = f"catalogue/{claim}.markdown#{entry.id.lower().replace('.', '')}"
    said = f"*{entry.relation}*: **{entry.verdict}**. {entry.reason}"
    return f"## {entry.id}\n\n{entry.sentence} [How it is tried]({link}).\n\n" + (
        f"![{entry.id} is {entry.verdict}](gallery/{entry.id}.svg)\n\n{said}\n"
    )


def _document(svg: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n{svg}\n'
