"""A judgement in a notebook, and a guard: short texts, tables, frames and figures."""

from xml.etree import ElementTree

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.guard.document import GuardReport
from scaleproof import ExponentEquals, InputError, Judgement, Verdict, judge
from tests.reports.guard.documents import GUARDS
from verify.guarding.result import Guard

DEPTHS = [4, 8, 16, 32]


def judgement(spread: float = 0.02) -> Judgement:
    frame = pd.DataFrame(
        {"depth": d, "seed": s, "update": d**-1.5 * (1 + spread * ((7 * s + d) % 5))}
        for s in range(8)
        for d in DEPTHS
    )
    claim = ExponentEquals("depth", "-3/2")
    return judge(frame, claim, y="update", replicate="seed", margin=0.1)


def test_a_judgement_is_one_line() -> None:
    found = judgement()
    assert found.interval is not None
    assert repr(found) == (
        f"Judgement(accepted: {found.interval.estimate:+.3f} [{found.interval.low:+.3f}, "
        f"{found.interval.high:+.3f}], [exponent of depth = -3/2] with margin 0.1; 8 replicates)"
    )


def test_a_judgements_frame_table_and_figure_have_its_cells() -> None:
    found = judgement()
    assert found.to_frame()["size"].tolist() == DEPTHS
    html = ElementTree.fromstring(f"<div>{found._repr_html_()}</div>")
    assert len(list(html.iter("tr"))) == 1 + len(DEPTHS)
    axes = Figure().add_subplot()
    assert found.plot(axes) is axes
    assert axes.get_xlabel() == "depth L"
    _, labels = axes.get_legend_handles_labels()
    assert {"measured", "fit", "predicted: exponent of depth = -3/2"} <= set(labels)


def test_without_axes_a_figure_is_made() -> None:
    from matplotlib import pyplot

    axes = judgement().plot()
    assert isinstance(axes, Axes)
    pyplot.close("all")


def test_what_could_not_be_summed_up_is_not_drawn() -> None:
    copies = pd.DataFrame(
        {"depth": d, "seed": s, "update": d**-1.5 * (1 + d % 3)} for s in range(8) for d in DEPTHS
    )
    claim = ExponentEquals("depth", "-3/2")
    nothing = judge(copies, claim, y="update", replicate="seed", margin=0.1)
    assert nothing.verdict is Verdict.INVALID
    assert nothing.to_frame().empty
    with pytest.raises(InputError, match="there is nothing to draw"):
        nothing.plot(Figure().add_subplot())


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_is_a_table_and_a_forest_of_what_is_judged(name: str) -> None:
    report: GuardReport = GUARDS[name]
    found = Guard(report)
    html = ElementTree.fromstring(f"<div>{found._repr_html_()}</div>")
    assert repr(found) in "".join(html.itertext())
    axes = found.plot(Figure().add_subplot())
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert bool(labels) is any(entry.verdict is not None for entry in report.entries)
    assert len(labels) <= 20  # blocks are one row
