"""What dashboards export, as one measurement a row. Imports pandas.

A chart of Weights & Biases has one column a run, ``run - metric``, with its ``__MIN`` and
``__MAX``. Their tables of runs, and TensorBoard's files (Wall time, Step, Value), are long already.
"""

from __future__ import annotations

from theory.errors import InputError
from verify.tables.formats import Table, joined

RUN = "run"
_ENDS = ("__MIN", "__MAX")
_BETWEEN = " - "


def long_chart(table: Table) -> Table:
    """A chart with a row for each run and step; any other table as it is."""
    frame = table.frame
    names = [str(column) for column in frame.columns]
    curves = [n for n in names if _BETWEEN in n and all(n + end in names for end in _ENDS)]
    if not curves:
        return table
    spread = {curve + end for curve in curves for end in _ENDS}
    shared = [name for name in names if name not in curves and name not in spread]
    by_run: dict[str, dict[str, str]] = {}
    for curve in curves:
        run, metric = curve.rsplit(_BETWEEN, 1)
        by_run.setdefault(run, {})[curve] = metric
    clash = {metric for of_run in by_run.values() for metric in of_run.values()} & {*shared, RUN}
    if clash:
        raise InputError(f"a metric and a column of one name, {min(clash)!r}: rename one of them")
    parts = []
    for run, metrics in by_run.items():
        part = frame[[*shared, *metrics]].rename(columns=metrics)
        measured = (part[list(metrics.values())] != "").any(axis=1)
        parts.append(part[measured].assign(**{RUN: run}))
    measured_by = sorted({metric for of_run in by_run.values() for metric in of_run.values()})
    said = (
        f"a chart of Weights & Biases: {len(by_run)} runs of {', '.join(map(repr, measured_by))}; "
        f"column {RUN!r} names them"
    )
    return Table(joined(parts), (*table.said, said), RUN)
