"""Options that several commands share, each once. Imports click and ``theory``.

What needs torch is imported when a command that measures takes its option.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from reports.outcome import FailOn
from theory.errors import InputError
from theory.images import DIGITS, SOURCES
from theory.prediction import Prediction, Profile, on_images
from verify.targets import FROM

if TYPE_CHECKING:
    from probes.engines import Engine

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

_AUTO = "auto"
_MOST_WORKERS = 1024


class Place(click.Path):
    """A path. An empty one is an unset shell variable, and not this folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """The path; one line for an empty text."""
        if value == "":
            self.fail("'': expected a file or a folder; is a variable unset?", param, ctx)
        return super().convert(value, param, ctx)


class Chosen(NamedTuple):
    """Predictions, and the arguments of the command line that choose them."""

    predictions: tuple[Prediction, ...]
    arguments: tuple[str, ...]


def _profile(_context: click.Context, _option: click.Parameter, name: str) -> Profile:
    return Profile(name)


def _device(_context: click.Context, _option: click.Parameter, name: str) -> str:
    """Refuse an unknown or absent one before anything is measured or written."""
    from probes.trials import resolve_device

    resolve_device(name)
    return name


def _engine(_context: click.Context, _option: click.Parameter, name: str) -> Engine | None:
    from probes.engines import Engine

    return None if name == _AUTO else Engine(name)


patterns_argument = click.argument("patterns", nargs=-1, metavar="[PATTERN]...")

from_option = click.option(
    "--from",
    "place",
    metavar="TARGET",
    help="Predictions of variant.toml, FILE.py:PREDICTIONS or package.module:PREDICTIONS, in "
    "place of the catalogue.",
)

profile_option = click.option(
    "--profile",
    type=click.Choice([str(profile) for profile in Profile]),
    default=str(Profile.QUICK),
    show_default=True,
    callback=_profile,
    help="How much work a campaign does.",
)

seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Of everything that is drawn at random.",
)

device_option = click.option(
    "--device", default="cpu", show_default=True, callback=_device, help="cpu or cuda."
)

data_option = click.option(
    "--data",
    metavar="SOURCE",
    default=DIGITS,
    show_default=True,
    help=f"Images of training experiments: {', '.join(SOURCES)}. What is on record is so on "
    f"{DIGITS} only.",
)

workers_option = click.option(
    "--workers",
    type=click.IntRange(1, _MOST_WORKERS),
    default=None,
    help="Processes that measure, at most one for each core.  [default: that many; one on a GPU]",
)


def _fail_on(
    _context: click.Context, _option: click.Parameter, names: tuple[str, ...]
) -> frozenset[FailOn]:
    return frozenset(map(FailOn, names))


fail_on_option = click.option(
    "--fail-on",
    type=click.Choice([str(what) for what in FailOn]),
    multiple=True,
    callback=_fail_on,
    help="What ends with exit code 1. Always: a verdict that is not the expected one, which is "
    "the one on record, or accepted. Also, where named: what is rejected or undecided at all.",
)


def _seconds(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    from verify.measuring.budget import seconds_of

    return None if text is None else seconds_of(text)


def budget_option(does: str) -> Callable[[Command], Command]:
    """``--budget``, in seconds, or ``None``; ``does`` is its help."""
    return click.option("--budget", metavar="TIME", callback=_seconds, help=does)


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def engine_option(command: Command) -> Command:
    """``--engine``, as an ``Engine``, or ``None`` for auto."""
    from probes.engines import Engine

    return click.option(
        "--engine",
        type=click.Choice([_AUTO, *(str(engine) for engine in Engine)]),
        default=_AUTO,
        show_default=True,
        callback=_engine,
        help="How weights are held; auto takes the cheaper engine that can run a trial.",
    )(command)


def out_option(contents: str, default: Path | None = None) -> Callable[[Command], Command]:
    """``--out``, the folder for ``contents``."""
    return click.option(
        "--out",
        type=Place(),
        default=default,
        show_default=True,
        help=f"Folder for {contents}.",
    )


def processes(workers: int | None, device: str) -> int:
    """How many processes measure: those asked for, or one for each core, and one on a GPU.

    More than there are cores would wait for each other.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    if workers is not None:
        return min(workers, cores)
    return cores if device == "cpu" else 1


def chosen(place: str | None, patterns: tuple[str, ...], profile: Profile | None = None) -> Chosen:
    """Predictions of the catalogue, or of ``--from``, that patterns choose."""
    from theory.catalogue import select

    if place is None:
        return Chosen(select(patterns, profile), patterns)
    from verify.documents.predictions import predictions_from

    predictions = select(patterns, profile, predictions_from(place))
    return Chosen(predictions, (FROM, place, *patterns))


def on_data(predictions: tuple[Prediction, ...], data: str) -> tuple[Prediction, ...]:
    """The predictions, those about training on other images where ``data`` names some.

    Raises ``InputError`` for images of no known source, and where they would not be used.
    """
    moved = tuple(on_images(prediction, data) for prediction in predictions)
    if data != DIGITS and moved == predictions:
        raise InputError(
            f"--data {data}: none of the chosen predictions trains on images; leave it out, or "
            "choose others, such as A5"
        )
    return moved
