"""What is said of a variant: what theory expects of each role, and whether networks agree.

Imports pydantic, ``reports`` and ``theory``.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from reports.document import Report

_HEADINGS = ("role", "own change", "change of the stream", "")


class RoleEntry(BaseModel):
    """What one layer does after a step at the base rate, as powers of n and L."""

    model_config = ConfigDict(frozen=True)

    layer: str
    own_change: str = Field(description="of what the layer computes, by its own update")
    stream_change: str | None = Field(description="of the stream, by the layers of all blocks")
    problems: list[str] = Field(description="what is wrong there")


class VariantReport(BaseModel):
    """A parameterization, counted and measured."""

    model_config = ConfigDict(frozen=True)

    schema_version: str = "variant-guard-1"
    name: str
    network: str
    optimizer: str
    problems: list[str] = Field(description="what is wrong, by power counting")
    cures: list[list[str]] = Field(description="the smallest changes that mend it; any suffices")
    roles: list[RoleEntry]
    transfers: bool = Field(description="whether the best base rate stays, by power counting")
    largest_rate: str = Field(description="the largest stable base rate, as a power")
    unpredicted: list[str] = Field(description="observables without a prediction, and why")
    exit_code: int
    measured: Report


def render(report: VariantReport, verdicts: str) -> str:
    """What power counting says, before the table of ``verdicts`` on networks."""
    lines = [f"{report.name}, {report.optimizer}: {report.network}", ""]
    rows = [_HEADINGS, *map(_row, report.roles)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    lines += ["", f"The largest stable base rate goes as {report.largest_rate}."]
    if report.problems:
        lines += ["", "By power counting, this is wrong:", *(f"  {one}" for one in report.problems)]
        cures = [" and ".join(cure) for cure in report.cures]
        lines += [f"  {'or' if k else 'cure'}: {cure}" for k, cure in enumerate(cures)]
        lines += [] if cures else ["  no three changes of exponents mend it"]
    else:
        lines += ["", "By power counting, nothing is wrong."]
    if report.unpredicted:
        lines += ["", "Not predicted:", *(f"  {one}" for one in report.unpredicted)]
    return "\n".join([*lines, "", verdicts])


def _row(entry: RoleEntry) -> tuple[str, ...]:
    state = "wrong" if entry.problems else "stable, moves"
    return (entry.layer, entry.own_change, entry.stream_change or "-", state)
