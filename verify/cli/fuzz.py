"""``scaleproof fuzz``: random variants, counted and measured. Imports click and ``verify``."""

from __future__ import annotations

from pathlib import Path

import click

from reports.exits import Exit
from theory.errors import UnavailableError
from verify.cli.options import out_option, processes, seed_option, workers_option
from verify.cli.output import folder
from verify.cli.progress import progress


@click.command("fuzz")
@click.option(
    "--n",
    "count",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="How many variants are drawn.",
)
@seed_option
@workers_option
@out_option("variants on which networks and power counting disagree", Path("scaleproof-fuzz"))
def fuzz_power_counting(count: int, seed: int, workers: int | None, out: Path) -> int:
    """Draw variants, and look for exponents that power counting has wrong.

    What networks reject, on fresh seeds again, is made as simple as it stays rejected, and kept as
    a file that scaleproof guard takes.
    """
    try:
        from verify.fuzz import fuzz
    except ModuleNotFoundError as error:
        raise UnavailableError(f"{error.name} is missing; pip install 'scaleproof[fuzz]'") from None
    folder(out)
    drawn = predictions = undecided = 0
    kept: list[Path] = []
    interrupted = False
    try:
        with progress() as advance:
            draws = fuzz(count, seed, processes(workers, "cpu"), lambda k, n: advance("fuzz", k, n))
            for outcome in draws:
                drawn, predictions = drawn + 1, predictions + outcome.predictions
                undecided += outcome.undecided
                for one in outcome.disagreements:
                    file = out / f"seed{seed}-{drawn}-{one.asked}.toml"
                    file.write_text(one.text, encoding="utf-8")
                    kept.append(file)
    except KeyboardInterrupt:
        interrupted = True
    click.echo(
        f"{drawn} variants, {predictions} predictions: {len(kept)} disagreements, "
        f"{undecided} undecided."
    )
    for file in kept:
        click.echo(f"{file}: {file.read_text(encoding='utf-8').splitlines()[0][2:]}")
    return Exit.STOPPED if interrupted else Exit.FAILED if kept else Exit.PASSED
