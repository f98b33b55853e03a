"""What a guard gives back: its report as a value for Python and for notebooks.

Imports pandas and ``reports``; matplotlib when something is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from reports.guard.document import Entry, Fault, GuardReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False)
class Guard:
    """What a guard found; ``document`` is all of it as data."""

    document: GuardReport

    @property
    def ok(self) -> bool:
        """No fault, nothing rejected and nothing undecided."""
        return self.document.ok

    @property
    def entries(self) -> list[Entry]:
        """An exponent of every module and parameter, with its verdict."""
        return self.document.entries

    @property
    def faults(self) -> list[Fault]:
        """Causes of what is wrong."""
        return self.document.faults

    def to_frame(self) -> pd.DataFrame:
        """One row for every entry."""
        return pd.DataFrame(
            {
                "axis": str(one.axis),
                "module": one.module,
                "parameter": one.parameter,
                "quantity": str(one.quantity),
                "step": one.step,
                "verdict": None if one.verdict is None else str(one.verdict),
                "estimate": one.interval.estimate,
                "low": one.interval.low,
                "high": one.interval.high,
                "expected": " or ".join(one.expected),
                "margin": one.margin,
                "note": one.note,
            }
            for one in self.entries
        )

    def report(self) -> str:
        """What the terminal shows."""
        from reports.guard.terminal import render

        return render(self.document)

    def plot(self, ax: Axes | None = None) -> Axes:
        """A forest: what is judged, in margins about what is expected, the worst first."""
        from reports.guard.plots import forest

        return forest(self.document, ax)

    def __repr__(self) -> str:
        from reports.guard.terminal import brief

        return brief(self.document)

    def _repr_html_(self) -> str:
        from reports.guard.notebook import render

        return render(self.document)
