"""``scaleproof store``: look into stores of measurements, join them, clear them. Imports click.

Never imports torch, but for ``prune``, which has to know today's code.
"""

from __future__ import annotations

import csv
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import click

from theory.errors import InputError, UnavailableError
from verify.cli.options import json_option
from verify.cli.output import folder
from verify.measuring import archive
from verify.measuring.database import DamagedStoreWarning
from verify.measuring.store import Failure, Store

FILE = "measurements.sqlite"
_SHORT = 12  # characters of a digest


def opened(file: Path) -> Store:
    """The store of a file; what has to be said of a damaged one goes to stderr."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", DamagedStoreWarning)
        store = Store(file)
    for warning in said:
        click.echo(f"scaleproof: {warning.message}", err=True)
    return store


def store_in(measured: Path) -> Store:
    """The store of a campaign's folder; ``UnavailableError`` where there is none."""
    file = measured / FILE
    if not file.is_file():
        raise UnavailableError(
            f"{str(file)!r} is not there; give the folder of scaleproof verify (its --out)"
        )
    return opened(file)


def failure_line(failure: Failure) -> str:
    """A trial that was given up, in words."""
    return (
        f"given up after {failure.attempts} attempts: replicate {failure.replicate} at "
        f"n={failure.width}, L={failure.depth}, seed {failure.seed}, {failure.engine} on "
        f"{failure.device}, setting {failure.setting}: {failure.reason}"
    )


@click.group("store")
def manage_store() -> None:
    """Look into stored measurements, export, prune or merge them."""


_folder_argument = click.argument("measured", metavar="FOLDER", type=click.Path(path_type=Path))


@manage_store.command("info")
@_folder_argument
@json_option
def store_info(measured: Path, as_json: bool) -> None:
    """Print what is stored: campaigns, trials, measurements, and trials that were given up."""
    store = store_in(measured)
    found = archive.summary(store)
    store.close()
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    click.echo(
        f"schema {found.schema}, {found.size / 1e6:.1f} MB: {found.measurements} measurements of "
        f"{found.replicates} networks in {found.trials} trials, by {len(found.codes)} versions of "
        f"the code; {found.unplanned} trials are of no campaign"
    )
    for each in found.campaigns:
        asked = each.provenance
        click.echo(
            f"{asked.started}  {asked.profile}, seed {asked.seed}, {asked.device}, code "
            f"{asked.code[:_SHORT]}: {len(asked.predictions)} predictions, {each.verdicts} "
            f"verdicts; {each.begun} of {each.trials} trials begun"
        )
    for failure in found.failures:
        click.echo(failure_line(failure))


@manage_store.command("export")
@_folder_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def store_export(measured: Path, file: Path) -> None:
    """Write every measurement, with what its trial is, to FILE.csv or FILE.parquet."""
    write = _WRITERS.get(file.suffix)
    if write is None:
        raise InputError(
            f"{str(file)!r}: expected a name that ends in one of {', '.join(_WRITERS)}"
        )
    store = store_in(measured)
    temporary = file.with_name(f".{file.name}.part")
    try:
        count = write(store, temporary)
        temporary.replace(file)
    except OSError as error:
        raise UnavailableError(
            f"cannot write {str(file)!r} ({error.strerror}); choose another place"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
        store.close()
    click.echo(f"{file}: {count} measurements")


def _write_csv(store: Store, file: Path) -> int:
    count = 0
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(archive.COLUMNS)
        for count, row in enumerate(archive.rows(store), start=1):  # noqa: B007
            writer.writerow(row)
    return count


def _write_parquet(store: Store, file: Path) -> int:
    import pandas as pd

    frame = pd.DataFrame.from_records(list(archive.rows(store)), columns=list(archive.COLUMNS))
    try:
        frame.to_parquet(file, index=False)
    except ImportError:
        raise UnavailableError(
            "pyarrow is missing; pip install 'scaleproof[parquet]', or export to a name in .csv"
        ) from None
    return len(frame)


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet}


@manage_store.command("prune")
@_folder_argument
def store_prune(measured: Path) -> None:
    """Drop what other code measured; campaigns stay listed with their verdicts."""
    from verify.measuring.fingerprint import fingerprint

    store = store_in(measured)
    dropped = archive.prune(store, fingerprint())
    store.close()
    click.echo(f"{dropped} measurements of other code dropped")


@manage_store.command("merge")
@click.argument(
    "parts", metavar="FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder for the joined store."
)
def store_merge(parts: tuple[Path, ...], out: Path) -> None:
    """Join the stores of folders; a campaign in shards is one campaign then.

    What --out holds already stays. `scaleproof report` judges the joined campaign, and the same
    `scaleproof verify` without --shard measures what is left of it.
    """
    for part in parts:
        store_in(part).close()
    store = opened(folder(out) / FILE)
    for part in parts:
        done = archive.merge(store, part / FILE)
        click.echo(f"{part}: {done.measurements} new measurements")
        if done.differing:
            click.echo(
                f"{part}: {done.differing} measurements differ from those of the same trials that "
                "were there; those stay. Different processors round differently",
                err=True,
            )
    for line in _divided(archive.summary(store)):
        click.echo(line, err=True)
    store.close()


def _divided(found: archive.StoreSummary) -> list[str]:
    """Campaigns that would be one if the same code had measured them."""
    codes: dict[tuple[object, ...], set[str]] = {}
    for each in found.campaigns:
        asked = each.provenance
        same = (asked.predictions, asked.profile, asked.seed, asked.device, asked.engine)
        codes.setdefault(same, set()).add(asked.code[:_SHORT])
    return [
        f"the campaign of profile {profile} and seed {seed} was measured by different code "
        f"({', '.join(sorted(found))}): it stays in parts; install the same version everywhere"
        for (_, profile, seed, *_), found in codes.items()
        if len(found) > 1
    ]
