"""``scaleproof guard variant.toml``: theory and networks on one parameterization. Imports click.

Predictions of every observable are measured and judged like those of the catalogue.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path

import click

from reports.document import Report
from reports.exits import Exit
from reports.outcome import FailOn, outcome
from reports.variant import RoleEntry, VariantReport, render
from theory.diagnosis import Diagnosis, diagnose
from theory.power_counting import count_powers
from theory.prediction import Profile
from theory.scaling import ONE, Axis
from theory.variants import predictions_of, unpredicted
from verify.campaign.design import Campaign
from verify.cli.campaign import verified
from verify.cli.options import processes
from verify.cli.output import folder, say_exit, verdicts_text, write_report
from verify.documents.variant import Variant, read_variant
from verify.targets import FROM

_SEED, _DEVICE = 0, "cpu"


def guard_variant(
    file: Path,
    axis: Axis | None,
    out: Path | None,
    fail_on: Collection[FailOn],
    as_json: bool,
) -> int:
    """Count powers, measure networks, and say where they disagree; the exit code.

    What power counting finds wrong fails, too.
    """
    variant = read_variant(file)
    diagnosis = diagnose(variant.architecture, variant.parameterization, axis)
    with tempfile.TemporaryDirectory() as temporary:
        kept = Path(temporary) if out is None else folder(out)
        report = _verified(variant, axis, file, kept)
    code = _exit_code(report, diagnosis, fail_on)
    document = _document(variant, axis, diagnosis, report, code)
    if out is not None:
        write_report(report, out, fail_on)
        text = document.model_dump_json(indent=2) + "\n"
        (out / "variant.json").write_text(text, encoding="utf-8")
    if as_json:
        click.echo(document.model_dump_json(indent=2))
        return code
    click.echo(render(document, verdicts_text(report)), nl=False)
    if out is not None:
        click.echo(f"Report: {out / 'report.html'}")
    return say_exit(code)


def _verified(variant: Variant, axis: Axis | None, file: Path, kept: Path) -> Report:
    """Measure and judge every prediction of the variant."""
    predictions = predictions_of(variant.architecture, variant.parameterization, axis)
    campaign = Campaign(predictions, Profile.QUICK, _SEED, _DEVICE)
    return verified(campaign, kept, processes(None, _DEVICE), (FROM, str(file)))


def _exit_code(report: Report, diagnosis: Diagnosis, fail_on: Collection[FailOn]) -> int:
    """That of the verdicts, unless something is wrong already."""
    return Exit.FAILED if diagnosis and report.complete else outcome(report, fail_on)


def _document(
    variant: Variant, axis: Axis | None, diagnosis: Diagnosis, report: Report, code: int
) -> VariantReport:
    count = count_powers(variant.architecture, variant.parameterization)
    roles = [
        RoleEntry(
            layer=str(layer),
            own_change=str(own),
            stream_change=str(count.stream_change[layer]) if layer in count.stream_change else None,
            problems=[str(problem) for problem in diagnosis if problem.layer == layer],
        )
        for layer, own in count.own_change.items()
    ]
    return VariantReport(
        name=variant.parameterization.name,
        network=str(variant.architecture),
        optimizer=str(variant.parameterization.optimizer),
        problems=[str(problem) for problem in diagnosis],
        cures=[[str(change) for change in cure] for cure in diagnosis.cures],
        roles=roles,
        transfers=count.largest_stable_rate == ONE,
        largest_rate=str(count.largest_stable_rate),
        unpredicted=list(unpredicted(variant.architecture, variant.parameterization, axis)),
        exit_code=code,
        measured=report,
    )
