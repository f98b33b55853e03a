"""``scaleproof list`` and ``scaleproof show``. Imports click and ``theory``, and rich to show."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import click

from theory.architecture import residual
from theory.catalogue import Recorded, find, recorded
from theory.catalogue.records import profile_on_record
from theory.errors import InputError
from theory.parameterization import Optimizer
from theory.prediction import Control, Grid, Prediction, Profile, Standing
from theory.presets import is_preset, preset
from theory.verdict import Verdict
from verify.cli.columns import in_columns, output_width, wrapped
from verify.cli.options import chosen, from_option, json_option, patterns_argument


def _preset_as_toml(name: str, optimizer: Optimizer) -> str:
    """A preset, in blocks of two layers."""
    from verify.documents.variant import variant_text

    return variant_text(preset(name, optimizer), residual(2))


def _setting_as_toml(id: str, predictions: Sequence[Prediction]) -> str:
    """The setting of the one prediction that the id names."""
    from verify.documents.variant import variant_text

    if len(predictions) > 1:
        raise InputError(
            f"--toml {id}: {len(predictions)} predictions begin so; name one of them, such as "
            f"{predictions[0].id}"
        )
    setting = predictions[0].setting
    return variant_text(setting.parameterization, setting.architecture)


def _summary(prediction: Prediction) -> dict[str, object]:
    record = recorded(prediction)
    return {
        "id": prediction.id,
        "sentence": prediction.sentence,
        "standing": prediction.standing,
        "twin": prediction.twin,
        "relation": str(prediction.relation),
        "margin": float(prediction.margin),
        "recorded": None if record is None else record.verdict,
        "rival_recorded": None if record is None or record.rival is None else record.rival.verdict,
        "shifted": {c.name: str(c.shifted) for c in prediction.controls if c.shifted},
        "citation": str(prediction.citation),
    }


def _profile_mark(prediction: Prediction) -> str:
    """Where a verdict is on record that is not one of the standard profile."""
    profile = profile_on_record(prediction)
    return "" if profile is Profile.STANDARD else f" ({profile})"


def _grid(grid: Grid | None) -> str:
    if grid is None:
        return "not tried"
    cells = "; ".join(str(cell) for cell in grid.cells)
    return f"{grid.replicates} replicates ({grid.control_replicates} of a control) at {cells}"


def _control(prediction: Prediction, control: Control) -> str:
    """How a control is tried, and whether it is an experiment of its own."""
    shifted = ""
    if control.shifted is not None:
        of_sweep = prediction.relation.quantity.swept_rates() is not None
        own = "training, its base rates" if of_sweep else "measurement"
        shifted = f": shifted, the claim's own {own} times {control.shifted}"
    return f"{control.name}{shifted} ({control.setting})"


def details(prediction: Prediction) -> dict[str, object]:
    """All that is known of a prediction, in words and by name."""
    rival = prediction.rival
    return _summary(prediction) | {
        "on_record": [
            _on_record(profile, record)
            for profile in Profile
            if (record := recorded(prediction, profile)) is not None
        ],
        "observable": f"{prediction.observable}: {prediction.observable.definition}",
        "setting": str(prediction.setting),
        "parameterization": prediction.setting.parameterization.source,
        "origin": prediction.relation.origin,
        "margin_reason": prediction.margin_reason,
        "corrections": [str(power) for power in prediction.regime.corrections],
        "quick": _grid(prediction.regime.quick),
        "standard": _grid(prediction.regime.standard),
        "full": _grid(prediction.regime.full) if prediction.regime.full else "as standard",
        "controls": [_control(prediction, control) for control in prediction.controls],
        "rival": None
        if rival is None
        else f"{rival.sentence} [{rival.relation}; {rival.relation.origin}] {rival.citation}",
        "rival_control": None if rival is None else _control(prediction, rival.control),
    }


def _on_record(profile: Profile, record: Recorded) -> str:
    """A verdict with its numbers, and the command of the campaign that it comes from."""
    numbers = ""
    if record.estimate is not None and record.interval is not None:
        low, high = record.interval
        numbers = f", {record.estimate:+.3f} [{low:+.3f}, {high:+.3f}]"
    command = f" ({record.campaign.command})" if record.campaign.command else ""
    return f"{profile}: {record.verdict}{numbers}{command}"


@click.command("list")
@patterns_argument
@from_option
@json_option
def list_predictions(patterns: tuple[str, ...], place: str | None, as_json: bool) -> None:
    """List the predictions of the catalogue with the verdicts on record."""
    predictions = chosen(place, patterns).predictions
    if as_json:
        click.echo(json.dumps([_summary(prediction) for prediction in predictions], indent=2))
        return
    headings = ("prediction", "on record", "standing", "margin", "relation")
    width = output_width()
    click.echo("\n".join(in_columns([headings, *map(_row, predictions)], width)))
    said = _rejections(predictions)
    click.echo(said if width is None else "\n".join(wrapped(said, width)))


def _row(prediction: Prediction) -> tuple[str, ...]:
    record = recorded(prediction)
    return (
        prediction.id,
        f"{record.verdict if record else '-'}{_profile_mark(prediction)}",
        prediction.standing,
        f"{float(prediction.margin):g}",
        str(prediction.relation),
    )


def _recorded_as(verdict: Verdict, prediction: Prediction) -> bool:
    record = recorded(prediction)
    return record is not None and record.verdict is verdict


def _rejections(predictions: tuple[Prediction, ...]) -> str:
    """How many are rejected, by whose statements they are: only some contradict a source."""
    if not any(recorded(prediction) for prediction in predictions):
        return "None is on record."
    rejected = [p for p in predictions if _recorded_as(Verdict.REJECTED, p)]
    counts = Counter(prediction.standing for prediction in rejected)
    twins = [find(prediction.twin) for prediction in rejected if prediction.twin]
    second = sum(_recorded_as(Verdict.ACCEPTED, twin) for twin in twins)
    return (
        f"{len(rejected)} of {len(predictions)} are rejected on record: "
        f"{counts[Standing.STATED]} stated sentences; {second} second readings, whose twin is "
        f"accepted; {counts[Standing.READING] - second} readings whose twin is not; "
        f"{counts[Standing.PROJECT]} of the project's own."
    )


@click.command("show")
@click.argument("id")
@from_option
@click.option("--toml", "as_toml", is_flag=True, help="Print the parameterization as a file.")
@click.option(
    "--optimizer",
    type=click.Choice([str(optimizer) for optimizer in Optimizer]),
    default=str(Optimizer.SGD),
    show_default=True,
    help="Of a preset.",
)
@json_option
def show_prediction(
    id: str, place: str | None, as_toml: bool, optimizer: str, as_json: bool
) -> None:
    """Show one prediction, or a claim with the verdicts on record and how to try them again.

    ID may be the beginning of ids, such as A1, which is a claim. It may also be a preset, such as
    mup or 'completep(3/4)': its exponents are shown as the file that scaleproof guard takes.
    """
    if place is None and is_preset(id):
        click.echo(_preset_as_toml(id, Optimizer(optimizer)), nl=False)
        return
    predictions = chosen(place, (id,)).predictions
    if as_toml:
        click.echo(_setting_as_toml(id, predictions), nl=False)
        return
    if predictions[0].id != id:
        from verify.cli.claim import show_claim

        show_claim(id, predictions, place, as_json)
        return
    said = details(predictions[0])
    if as_json:
        click.echo(json.dumps(said, indent=2))
        return
    from rich.markup import escape
    from rich.table import Table

    from verify.cli.output import stdout_console

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    del said["shifted"]  # said of each control
    for name, value in said.items():
        lines = value if isinstance(value, list) else [value]
        text = "\n".join(str(line) for line in lines if line is not None) or "-"
        table.add_row(f"[bold]{name.replace('_', ' ')}[/]", escape(text))
    stdout_console().print(table)
